"""Take the README's picture of the published page: what a visitor sees first.

    python docs/screenshot.py [PAGE] [--to docs/matrix.png] [--width 1440] [--height 1100] [--dark]

Needs playwright and the system's chromium, as the tests of the page do.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Open the page and take it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", nargs="?", type=Path, default=ROOT / "matrix" / "index.html")
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "matrix.png")
    parser.add_argument("--width", type=int, default=1440)
    parser.add_argument("--height", type=int, default=1100)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--view", default="", help="a fragment of the page's address, as #q=bert")
    args = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("needs chromium: apt-get install chromium", file=sys.stderr)
        return 1
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(
            viewport={"width": args.width, "height": args.height},
            color_scheme="dark" if args.dark else "light",
        )
        page.goto(args.page.absolute().as_uri() + args.view)
        page.locator("#count:not(:empty)").wait_for(state="attached")
        page.screenshot(path=args.to)
        browser.close()
    print(args.to)
    return 0


if __name__ == "__main__":
    sys.exit(main())
