"""Makes pytester, which the project's own tests run pytest with, known at the root."""

pytest_plugins = ["pytester"]
