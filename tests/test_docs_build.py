"""The documentation builds without a warning, and a page of it loads nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parent.parent / "docs"
LOADED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio)\b[^>]*\bsrc=["'](?P<source>[^"']+)"""
    r"""|<link\b(?![^>]*\brel=["'](?:author|canonical|help|index|next|prev|search|top)\b)"""
    r"""[^>]*\bhref=["'](?P<link>[^"']+)"""
    r"""|url\(["']?(?P<url>[^"')]+)|@import\s+["'](?P<sheet>[^"']+)"""
)
"""What a browser fetches by itself; a link is only followed by a person."""


@pytest.fixture(scope="module")
def build(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The built site, and how the build ended."""
    site = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    done = subprocess.run(
        [*command, "-d", str(site / "doctrees"), str(DOCS), str(site / "html")],
        capture_output=True,
        text=True,
        check=False,
    )
    return site / "html", done


def test_site_builds_without_a_warning(
    build: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    _, done = build
    assert (done.returncode, done.stderr) == (0, "")


def test_page_loads_nothing_from_elsewhere(
    build: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    site, _ = build
    outside = [
        (str(path.relative_to(site)), address)
        for path in [*site.rglob("*.html"), *site.rglob("*.css")]
        for found in LOADED.finditer(path.read_text(encoding="utf-8"))
        for address in filter(None, found.groups())
        if re.match(r"(https?:)?//", address)
    ]
    assert outside == []
