"""Where the command line writes: people read stderr, programs read stdout.

Colours, bars and tables that fold appear on a terminal only; piped, each row is one line. With
``--log-json`` what people would read becomes a line of JSON as well, so that stderr is one stream of events.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from sage_elt.error_catalogue import anchor_of

logger = logging.getLogger("sage_elt.cli")

_PIPED_WIDTH: Final = 10_000
"""Columns of what is no terminal: no row is folded."""


@dataclass(frozen=True)
class Voice:
    """How this command speaks to people."""

    is_quiet: bool = False
    """Nothing but warnings and errors."""
    is_verbose: bool = False
    logs_json: bool = False


_voice: ContextVar[Voice] = ContextVar("voice")


def speak(voice: Voice) -> None:
    """Set how this command speaks; before it begins."""
    _voice.set(voice)


def voice() -> Voice:
    return _voice.get(Voice())


def people() -> Console:
    """The console of stderr, as the environment has it now."""
    return Console(stderr=True, highlight=False)


def say(text: str) -> None:
    """One line for people, which ``--quiet`` leaves out."""
    if not voice().is_quiet:
        tell(text)


def tell(text: str, level: int = logging.INFO) -> None:
    """One line that people must see, quiet or not."""
    if voice().logs_json:
        logger.log(level, "%s", text.strip())
    else:
        console = people()
        # whole words on a terminal, but no break in an address; piped, one line
        console.print(text, markup=False, soft_wrap=not console.is_terminal or "://" in text)


def warn(text: str) -> None:
    """One line about what may soon keep the command from working."""
    if voice().logs_json:
        logger.warning("%s", text)
    else:
        people().print(f"[bold yellow]warning:[/] {_plain(text)}", soft_wrap=True)


def complain(text: str, error_code: str | None = None) -> None:
    """One paragraph about what went wrong, with its code and where that is explained."""
    if voice().logs_json:
        logger.error("%s", text, extra={"error_code": error_code})
        return
    tail = f" [dim]({error_code}: {anchor_of(error_code)})[/]" if error_code else ""
    people().print(f"[bold red]error:[/] {_plain(text)}{tail}", soft_wrap=True)


@contextmanager
def working(text: str) -> Iterator[None]:
    """Says what takes a while: with a sign of life on a terminal, else as a line."""
    console = people()
    if voice().is_quiet or voice().logs_json or not console.is_terminal:
        say(text)
        yield
        return
    with console.status(_plain(text)):
        yield


def write_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def write_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: str = ""
) -> None:
    """A table on stdout; ``right`` names the columns of figures, as ``one|other``."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _PIPED_WIDTH
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        numeric = column in right.split("|")
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else _plain(str(cell)) for cell in row))
    console.print(table)


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
