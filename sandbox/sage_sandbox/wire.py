"""Records as bytes: decimals written exactly, in the way that the server is set to write them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from typing import Any, Literal

from sage_sandbox.store import Record

DecimalStyle = Literal["number", "text", "mixed"]
DECIMAL_STYLES: tuple[DecimalStyle, ...] = ("number", "text", "mixed")

# Around a number while it passes through the encoder as text; neither occurs in books.
_OPEN, _CLOSE = "\ue000", "\ue001"
# Attributes that hold a date, a time or a number, by name: a null does not say what it could be.
_SCALAR_NAME = re.compile(r"(^|_)(at|date|amount|percentage|price|quantity|limit|last_paid)$")


@dataclass(frozen=True)
class WireStyle:
    """How values look in JSON."""

    decimals: DecimalStyle = "number"
    """``number``: 110.00; ``text``: "110.0", as Sage's guide shows; ``mixed``: both in turn."""
    blank_nulls: bool = False
    """Write "" where a date, time or number is null."""


def record_bytes(record: Record, style: WireStyle) -> bytes:
    """One record as JSON; no decimal passes through a float."""
    if style.blank_nulls:
        record = _blanked(record)
    encoder = json.JSONEncoder(
        default=_WRITERS[style.decimals](), ensure_ascii=False, separators=(",", ":")
    )
    text = encoder.encode(record)
    return text.replace(f'"{_OPEN}', "").replace(f'{_CLOSE}"', "").encode()


def _as_number(value: Decimal) -> str:
    return f"{_OPEN}{value:f}{_CLOSE}"


def _as_text(value: Decimal) -> str:
    """Trailing zeros go, one decimal place stays."""
    whole, _, decimals = f"{value:f}".partition(".")
    return f"{whole}.{decimals.rstrip('0') or '0'}"


def _alternately() -> Callable[[Decimal], str]:
    numbers = count()
    return lambda value: _as_text(value) if next(numbers) % 2 else _as_number(value)


_WRITERS: dict[DecimalStyle, Callable[[], Callable[[Decimal], str]]] = {
    "number": lambda: _as_number,
    "text": lambda: _as_text,
    "mixed": _alternately,
}


def _blanked(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: "" if inner is None and _SCALAR_NAME.search(name) else _blanked(inner)
            for name, inner in value.items()
        }
    return [_blanked(inner) for inner in value] if isinstance(value, list) else value
