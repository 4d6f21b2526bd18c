"""Take the pictures of the documentation: the report and the notebooks over a warehouse, at two widths.

Run the demo first, then: python scripts/make_screenshots.py sage.duckdb docs/pictures
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect
from tenacity import retry, stop_after_delay, wait_fixed

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))

from chromium import chromium  # noqa: E402 - tests and pictures use the same browser

WIDTHS = (1280, 480)
LAST_WORDS = {
    "tour": "Tie-outs that do not match",
    "vat_review": "How to override them",
    "cash_and_customers": "All months, in",
}
"""What a notebook over the demo's books shows when it is complete."""
PATIENCE_MS = 120_000
TALL = 4000
"""Pixels; more than any of the pages needs, since marimo scrolls inside the page."""
LAST_TEXT = """() => {
  const all = root => [...root.querySelectorAll('*')].flatMap(e => [e, ...(e.shadowRoot ? all(e.shadowRoot) : [])])
  return Math.max(...all(document.body)
    .filter(e => e.checkVisibility() && !e.children.length && getComputedStyle(e).position !== 'fixed')
    .map(e => e.getBoundingClientRect().bottom).filter(bottom => bottom < innerHeight - 1))
}"""
"""Where the last text of a page ends; tables are in shadow roots."""


def take(warehouse: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "DESTINATION__DUCKDB__CREDENTIALS": str(warehouse.resolve())}
    page = (folder / "report.html").resolve()
    command = [sys.executable, "-m", "sage_elt", "report", "--out", str(page)]
    subprocess.run(command, env=environment, check=True)  # noqa: S603 - our own command
    with chromium() as browser:
        for shown in opened(browser, page.as_uri()):
            save(shown, folder / "report")
        for notebook, words in LAST_WORDS.items():
            with served(ROOT / "notebooks" / f"{notebook}.py", environment) as address:
                for shown in opened(browser, address):
                    shown.get_by_text(words).first.wait_for(timeout=PATIENCE_MS)
                    save(shown, folder / notebook)
    page.unlink()


def opened(browser: Browser, address: str) -> Iterator[Page]:
    """The page at each width."""
    for width in WIDTHS:
        page = browser.new_page(viewport={"width": width, "height": TALL})
        page.goto(address)
        yield page
        page.close()


def save(page: Page, stem: Path) -> None:
    """A picture down to the last text of the page, when all charts are drawn."""
    expect(page.get_by_text("Loading chart")).to_have_count(0, timeout=PATIENCE_MS)
    page.wait_for_load_state("networkidle")
    width = page.evaluate("innerWidth")
    height = page.evaluate(LAST_TEXT) + 30
    path = stem.with_name(f"{stem.name}-{width}.png")
    page.screenshot(path=path, clip={"x": 0, "y": 0, "width": width, "height": height})
    print(path)


@contextmanager
def served(notebook: Path, environment: dict[str, str]) -> Iterator[str]:
    """The address of a notebook that marimo shows on this machine only."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    options = ["--headless", "--no-token", "--host", "127.0.0.1", "--port", port]
    server = subprocess.Popen(  # noqa: S603 - our own notebook
        [sys.executable, "-m", "marimo", "run", str(notebook), *options], env=environment
    )
    try:
        address = f"http://127.0.0.1:{port}/"
        answer(address)
        yield address
    finally:
        server.terminate()
        server.wait()


@retry(stop=stop_after_delay(60), wait=wait_fixed(0.2))
def answer(address: str) -> None:
    with urllib.request.urlopen(f"{address}health"):  # noqa: S310 - of this machine
        pass


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    take(Path(sys.argv[1]), Path(sys.argv[2]))
