"""Where the command line writes: people read stderr, programs read stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

people = Console(stderr=True, highlight=False)
data = Console(highlight=False)


def say(text: str) -> None:
    """One line for people."""
    people.print(text, markup=False, soft_wrap=True)


def complain(text: str) -> None:
    """One paragraph about what went wrong, for people."""
    people.print(f"[bold red]error:[/] {_plain(text)}", soft_wrap=True)


def write_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def write_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: str = ""
) -> None:
    """A table on stdout; ``right`` names the columns of figures, as ``one|other``."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        numeric = column in right.split("|")
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else _plain(str(cell)) for cell in row))
    data.print(table)


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
