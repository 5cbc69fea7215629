"""make tour: starts a fresh Signalbox with the demo workspace, takes every picture of docs/tour.md and stops it. python -m tests.browser.tour [NAME …]

Writes docs/images/*.png with a reduced palette. A picture that cannot be taken is named, the others are written all the same.
"""

from __future__ import annotations

import io
import secrets
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Error, Page

from tests.browser.chromium import a_browser
from tests.browser.screenshots import PHONE, PICTURES, WIDE, Picture
from tests.browser.watch import sign_in
from tests.process.product import PROJECT, a_product

IMAGES = PROJECT / "docs" / "images"
COLOURS = 128
SETTLE_MS = 700


def reduced(png: bytes) -> bytes:
    """The same picture in few colours: text stays sharp, the file a third of its size."""
    with Image.open(io.BytesIO(png)) as picture:
        few = picture.convert("RGB").quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        written = io.BytesIO()
        few.save(written, "PNG", optimize=True)
    return written.getvalue()


def take(page: Page, picture: Picture) -> bytes:
    page.set_viewport_size(PHONE if picture.is_phone else WIDE)
    page.emulate_media(color_scheme="dark" if picture.theme == "dark" else "light")
    picture.shows(page)
    page.mouse.move(0, 0)
    page.wait_for_timeout(SETTLE_MS)
    return page.screenshot()


def take_all(browser: Browser, url: str, password: str, wanted: set[str]) -> list[str]:
    """Names of those that could not be taken."""
    failed = []
    page = browser.new_page(base_url=url, viewport=WIDE, reduced_motion="reduce")
    sign_in(page, password)
    for picture in PICTURES:
        if wanted and picture.name not in wanted:
            continue
        try:
            png = reduced(take(page, picture))
        except (Error, AssertionError) as error:
            print(f"{picture.name}: {str(error).splitlines()[0]}")
            failed.append(picture.name)
            continue
        (IMAGES / f"{picture.name}.png").write_bytes(png)
        print(f"{picture.name}.png {len(png) // 1024} KB")
    return failed


def main(wanted: set[str]) -> int:
    IMAGES.mkdir(parents=True, exist_ok=True)
    password = secrets.token_urlsafe(12)
    with tempfile.TemporaryDirectory(prefix="signalbox-") as folder:
        with a_product(Path(folder), SIGNALBOX_ADMIN_PASSWORD=password) as product:
            product.data_dir.mkdir()
            product.start()
            print(f"{product.url} is ready", flush=True)
            with a_browser() as browser:
                failed = take_all(browser, product.url, password, wanted)
            product.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(set(sys.argv[1:])))
