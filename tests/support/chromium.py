"""A Chromium without a window, as far as this machine has one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Runs as root in a container, and sends nothing of its own."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, from the system, else the one that ``playwright install chromium`` brought.

    Raises :class:`FileNotFoundError` when there is neither.
    """
    with sync_playwright() as playwright:
        installed = next(filter(None, map(shutil.which, _PROGRAMS)), None)
        program = installed or playwright.chromium.executable_path
        if not Path(program).exists():
            raise FileNotFoundError(
                "there is no Chromium here; install the system's or run: playwright install chromium"
            )
        browser = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()
