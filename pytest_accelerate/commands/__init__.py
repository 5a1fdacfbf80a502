"""The commands of ``pytest-accelerate``, one file each: ``configure(parser)`` and ``run(args)``."""
