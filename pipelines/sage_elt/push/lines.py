"""The lines of a file: JSON, one document each, and what is wrong with them.

A line is ``{"key", "business_id", "resource", "body"}`` with Sage's own body, or
``{"key", "business_id", "type", "data"}`` in the unified vocabulary. A change of a record is a line with
``"method": "PUT"``, the record's ``"id"`` and the ``"updated_at"`` with which it was read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

from sage_accounting.catalogue import Method
from sage_accounting.writes.write import canonical
from sage_unified.mapping import RESOURCES

_RAW = {"key", "business_id", "resource", "body", "method", "id", "updated_at"}
_UNIFIED = {"key", "business_id", "type", "data"}
_KEY = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


@dataclass(frozen=True)
class Problem:
    """Why a line is not sent."""

    line: int
    """In the file, from 1."""
    key: str | None
    field: str
    mistake: str

    def __str__(self) -> str:
        where = f"line {self.line}" + (f" ({self.key})" if self.key else "")
        return f"{where}: " + (f"{self.field}: " if self.field else "") + self.mistake


@dataclass(frozen=True)
class Line:
    """One line that has the right shape; what it holds is not looked at yet."""

    number: int
    key: str
    business_id: str
    content_hash: str
    resource: str
    type: str | None
    """Of a line in the unified vocabulary; None for Sage's own body."""
    content: dict[str, Any]
    """``body`` or ``data``."""
    method: Method = "POST"
    record_id: str | None = None
    updated_at: str | None = None


class _Wrong(Exception):  # noqa: N818 - carries a problem to the reader of the file
    def __init__(self, field: str, mistake: str) -> None:
        super().__init__(mistake)
        self.field = field
        self.mistake = mistake


def read_lines(texts: Iterable[str]) -> tuple[list[Line], list[Problem]]:
    """The lines of a file and what is wrong with the others; empty lines are passed over.

    A key that the file has twice is a problem, unless the two lines are the same: that is one.
    """
    lines: dict[str, Line] = {}
    problems: list[Problem] = []
    for number, text in enumerate(texts, start=1):
        if not text.strip():
            continue
        key: str | None = None
        try:
            values = _parsed(text)
            key = _key(values)
            line = _line(number, key, values)
        except _Wrong as wrong:
            problems.append(Problem(number, key, wrong.field, wrong.mistake))
            continue
        known = lines.setdefault(key, line)
        if known.content_hash != line.content_hash:
            mistake = f"line {known.number} has the same key for another document"
            problems.append(Problem(number, key, "key", mistake))
    return list(lines.values()), problems


def _parsed(text: str) -> dict[str, Any]:
    try:
        values = json.loads(
            text, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_no_repeats
        )
    except (ValueError, RecursionError):
        raise _Wrong("", "is no JSON") from None
    if not isinstance(values, dict):
        raise _Wrong("", "must be a JSON object")
    return values


def _key(values: dict[str, Any]) -> str:
    key = values.get("key")
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise _Wrong("key", "required: text of 1 to 200 characters, unique for ever")
    return key


def _line(number: int, key: str, values: dict[str, Any]) -> Line:
    is_unified = "type" in values
    allowed, content_name = (_UNIFIED, "data") if is_unified else (_RAW, "body")
    for name in sorted(set(values) - allowed):
        raise _Wrong(name, "a line has no such field; it has " + ", ".join(sorted(allowed)))
    for name in ("business_id", "type" if is_unified else "resource"):
        if not isinstance(values.get(name), str) or not values[name]:
            raise _Wrong(name, "required: text")
    content = values.get(content_name)
    if not isinstance(content, dict):
        raise _Wrong(content_name, "required: an object")
    kind = values.get("type")
    if is_unified and kind not in RESOURCES:
        raise _Wrong("type", f"must be one of {', '.join(RESOURCES)}")
    method = values.get("method", "POST")
    if method not in ("POST", "PUT"):
        raise _Wrong("method", "must be POST or PUT")
    for name in ("id", "updated_at"):
        if not isinstance(values.get(name), str | None):
            raise _Wrong(name, "must be text")
    return Line(
        number=number,
        key=key,
        business_id=values["business_id"],
        content_hash=canonical({n: v for n, v in values.items() if n != "key"}),
        resource=RESOURCES[kind] if kind else values["resource"],
        type=kind,
        content=content,
        method="PUT" if method == "PUT" else "POST",
        record_id=values.get("id"),
        updated_at=values.get("updated_at"),
    )


def _no_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of a name that stands twice in an object, JSON readers take one or the other."""
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a name stands twice")
    return values
