"""The first browser there is: Debian's Chromium, an installed Chrome, or Playwright's own. Without one the journeys are skipped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Error, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Only a test that fails waits this long.
PATIENCE_MS = 30_000
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
]


@contextmanager
def a_browser() -> Iterator[Browser]:
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    # Playwright runs its own event loop in this thread; Django would take that for an asynchronous view.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        except Error as error:
            pytest.skip(
                f"no browser on this machine: none of {', '.join(NAMES)}, nor Playwright's own ({error.message[:80]})"
            )
        expect.set_options(timeout=PATIENCE_MS)
        print(f"browser: {path or 'Playwright’s own'} {browser.version}")
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
