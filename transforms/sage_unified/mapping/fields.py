"""Reading what a caller wrote: each field by name and kind, and every mistake with its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

Json: TypeAlias = "str | int | bool | Decimal | list[Json] | dict[str, Json] | None"
"""JSON with decimals as Decimal; a float is never one."""


@dataclass(frozen=True)
class Refusal:
    """Why a document can not be mapped, and where."""

    field: str
    """``lines[0].tax``; empty for the document as a whole."""
    reason: str


class Fields:
    """The fields of one object; gathers refusals, also of the objects inside it."""

    def __init__(
        self, values: Mapping[str, Json], within: str = "", refusals: list[Refusal] | None = None
    ) -> None:
        self._values = values
        self._within = within
        self._read: set[str] = set()
        self._inner: list[Fields] = []
        self._refusals: list[Refusal] = [] if refusals is None else refusals

    def refusals(self) -> list[Refusal]:
        """All mistakes, with the fields that nobody asked for; once everything was read."""
        self._refuse_unread()
        return self._refusals

    def _refuse_unread(self) -> None:
        given = {name for name, value in self._values.items() if value is not None}
        for name in sorted(given - self._read):
            self.refuse(name, "there is no such field here")
        for inner in self._inner:
            inner._refuse_unread()

    def refuse(self, name: str, reason: str) -> None:
        self._refusals.append(Refusal(f"{self._within}{name}".rstrip("."), reason))

    def has(self, name: str) -> bool:
        return self._values.get(name) is not None

    def text(self, name: str, *, required: bool = False) -> str | None:
        value = self._take(name, required)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return str(value)  # a code or reference written as a number
        self.refuse(name, "must be text")
        return None

    def number(self, name: str, *, required: bool = False) -> Decimal | None:
        value = self._take(name, required)
        if value is None:
            return None
        if isinstance(value, str | int | Decimal) and not isinstance(value, bool):
            try:
                number = Decimal(value)
            except InvalidOperation:
                number = Decimal("NaN")
            if number.is_finite():
                return number
        self.refuse(name, "must be a number")
        return None

    def day(self, name: str, *, required: bool = False) -> date | None:
        value = self._take(name, required)
        if value is None:
            return None
        try:
            if isinstance(value, str) and len(value) == len("2026-01-31"):
                return date.fromisoformat(value)
        except ValueError:
            pass
        self.refuse(name, "must be a date, YYYY-MM-DD")
        return None

    def flag(self, name: str) -> bool | None:
        value = self._take(name, required=False)
        if value is None or isinstance(value, bool):
            return value
        self.refuse(name, "must be true or false")
        return None

    def choice(self, name: str, allowed: Sequence[str], *, required: bool = False) -> str | None:
        value = self._take(name, required)
        if value is None or value in allowed:
            return None if value is None else str(value)
        self.refuse(name, f"must be one of {', '.join(allowed)}")
        return None

    def object(self, name: str, *, required: bool = False) -> Fields | None:
        value = self._take(name, required)
        if isinstance(value, dict):
            return self._within_it(value, f"{self._within}{name}.")
        if value is not None:
            self.refuse(name, "must be an object")
        return None

    def objects(self, name: str, *, required: bool = False) -> list[Fields]:
        value = self._take(name, required)
        if value is None:
            return []
        if not isinstance(value, list):
            self.refuse(name, "must be a list")
            return []
        if required and not value:
            self.refuse(name, "required")
        found = []
        for position, each in enumerate(value):
            if isinstance(each, dict):
                found.append(self._within_it(each, f"{self._within}{name}[{position}]."))
            else:
                self.refuse(f"{name}[{position}]", "must be an object")
        return found

    def _within_it(self, values: Mapping[str, Json], within: str) -> Fields:
        inner = Fields(values, within, self._refusals)
        self._inner.append(inner)
        return inner

    def _take(self, name: str, required: bool) -> Json:
        self._read.add(name)
        value = self._values.get(name)
        if required and value in (None, ""):
            self.refuse(name, "required")
            return None
        return value


def without_nulls(body: Mapping[str, Json]) -> dict[str, Json]:
    """A body leaves out what was not said: to Sage, null is a value."""
    return {name: value for name, value in body.items() if value is not None}
