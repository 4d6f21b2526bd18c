"""The documentation as what a reader would type: the code blocks of its pages, and how each is meant.

An invisible comment above a block says what differs from "run it, it must succeed":

``<!-- test: skip: reason -->``    not run, for the reason
``<!-- test: ID=FR -->``           ``ID`` stands for the business of that country, not of Great Britain
``<!-- test: exit 1 -->``          ends with this exit code
``<!-- test: file name -->``       not run; it is what the file of that name holds
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent.parent
DOCS: Final = ROOT / "docs"
RUN: Final = ("sh", "python", "sql")
"""Languages of blocks that are run."""

_BLOCK: Final = re.compile(
    r"(?:^ *<!-- test: (?P<note>.+?) -->\n+)?"
    r"^(?P<indent> *)```(?P<language>[\w{}-]+)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One code block of a page."""

    page: Path
    line: int
    language: str
    text: str
    skip: str | None = None
    """Why it is not run."""
    country: str = "GB"
    exit_code: int = 0
    file: str | None = None
    """Name of the file that it shows."""

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Every page that people read, README first."""
    written = [path for path in sorted(DOCS.rglob("*.md")) if "_build" not in path.parts]
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *written]


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page that are run, skipped or written to a file, in order."""
    text = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        block = _block(page, text.count("\n", 0, found.start("language")) + 1, found)
        if block.language in RUN or block.file is not None:
            yield block


def _block(page: Path, line: int, found: re.Match[str]) -> Block:
    block = page, line, found["language"], dedent(found["text"])
    match (found["note"] or "").partition(" "):
        case "", *_:
            return Block(*block)
        case "skip:", _, reason:
            return Block(*block, skip=reason)
        case "exit", _, code:
            return Block(*block, exit_code=int(code))
        case "file", _, name:
            return Block(*block, file=name)
        case country, *_ if country.startswith("ID="):
            return Block(*block, country=country.removeprefix("ID="))
    raise ValueError(f"{page.name}:{line}: the note {found['note']!r} is not known")
