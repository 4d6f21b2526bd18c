"""What there is to read: every collection of Sage Accounting v3.1 as data.

``catalogue.csv`` has one row a collection, ``catalogue_fields.csv`` one row a field of each model,
``catalogue_writes.csv`` one row a field of each body that is written; ``make catalog`` writes them from
the published specification. A new resource is a new row.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal
from urllib.parse import parse_qsl

Kind = Literal["list", "singleton", "account_list", "account"]
Reading = Literal["default", "request", "never"]
Method = Literal["POST", "PUT"]

KINDS: tuple[Kind, ...] = ("list", "singleton", "account_list", "account")
READINGS: tuple[Reading, ...] = ("default", "request", "never")


@dataclass(frozen=True)
class Collection:
    """One collection: how it is asked for, keyed, kept up to date and written to."""

    name: str
    """Sage's own, except for a leading ``_``: our own view of a collection."""
    path: str
    kind: Kind
    read: Reading
    """``default``; ``request``: only when named; ``never``: it calculates or changes something."""
    model: str
    key: tuple[str, ...]
    """Columns that with ``business_id`` identify a record; empty for a singleton."""
    updated_since: bool
    """Knows ``updated_or_created_since`` (inclusive)."""
    deleted_since: bool
    """Knows ``deleted_since`` (exclusive)."""
    soft_delete: str | None
    """``deleted``: rows stay and carry the flag; ``deleted_at``: set on a tombstone."""
    sort: tuple[str, ...]
    parameters: frozenset[str]
    """Query parameters that the list knows; no other is ever sent."""
    complete: Mapping[str, str]
    """List parameters that make a record complete."""
    item_parameters: Mapping[str, str]
    """Parameters of a read by id; never marks a document as sent."""
    children: tuple[str, ...]
    countries: frozenset[str] | None
    """Countries that offer it; None = all."""
    role_area: tuple[str, ...]
    """Areas of Sage of which the user needs a role in one."""
    dated: bool
    """Can be sliced by ``from_date`` and ``to_date`` of its own ``date``."""
    post_namespace: str | None
    post_required: tuple[str, ...]
    put_namespace: str | None
    delete: Literal["void", "delete"] | None
    idempotent: bool
    """A repeated POST with the same idempotency id creates nothing."""
    serial: bool
    """Numbered in sequence by Sage: no two parallel creations in one business."""

    def offered_in(self, country: str) -> bool:
        return self.countries is None or country in self.countries


@dataclass(frozen=True)
class WriteField:
    """A field of a body that is written."""

    type: str
    """As in :func:`load_fields`, or ``object``."""
    is_required: bool
    """Of its own object or list item: a line must have it where there is a line."""


@cache
def load_catalogue() -> Mapping[str, Collection]:
    """All collections by name, in name order."""
    rows = _rows("catalogue.csv")
    return MappingProxyType({row["name"]: _collection(row) for row in rows})


@cache
def load_fields() -> Mapping[str, Mapping[str, str]]:
    """Field types by model and field.

    A type is ``text``, ``decimal``, ``rate``, ``integer``, ``boolean``, ``date``, ``timestamp`` or the
    name of a model; with ``[]`` behind it, a list of those.
    """
    models: dict[str, dict[str, str]] = {}
    for row in _rows("catalogue_fields.csv"):
        models.setdefault(row["model"], {})[row["field"]] = row["type"]
    return MappingProxyType(models)


@cache
def load_write_fields() -> Mapping[tuple[str, Method], Mapping[str, WriteField]]:
    """Fields of the bodies by resource and method; a field of a line is ``invoice_lines.quantity``."""
    bodies: dict[tuple[str, Method], dict[str, WriteField]] = {}
    for row in _rows("catalogue_writes.csv"):
        method: Method = "PUT" if row["method"] == "PUT" else "POST"
        field = WriteField(row["type"], row["required"] == "1")
        bodies.setdefault((row["resource"], method), {})[row["field"]] = field
    return MappingProxyType(bodies)


def _rows(name: str) -> list[dict[str, str]]:
    text = (files("sage_accounting") / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _collection(row: dict[str, str]) -> Collection:
    (kind,) = (kind for kind in KINDS if kind == row["kind"])
    (read,) = (read for read in READINGS if read == row["read"])
    delete = row["delete"] or None
    if delete not in (None, "void", "delete"):
        raise ValueError(f"catalogue.csv: {row['name']}: delete is {delete!r}")
    return Collection(
        name=row["name"],
        path=row["path"],
        kind=kind,
        read=read,
        model=row["model"],
        key=_words(row["key"]) if kind != "account_list" else ("id",),
        updated_since=row["updated_since"] == "1",
        deleted_since=row["deleted_since"] == "1",
        soft_delete=row["soft_delete"] or None,
        sort=_words(row["sort"]),
        parameters=frozenset(_words(row["parameters"])),
        complete=MappingProxyType(dict(parse_qsl(row["complete"]))),
        item_parameters=MappingProxyType(dict(parse_qsl(row["item_parameters"]))),
        children=_words(row["children"]),
        countries=None if row["countries"] == "*" else frozenset(_words(row["countries"])),
        role_area=_words(row["role_area"]),
        dated=row["dated"] == "1",
        post_namespace=row["post_namespace"] or None,
        post_required=_words(row["post_required"]),
        put_namespace=row["put_namespace"] or None,
        delete=delete,  # type: ignore[arg-type]  # narrowed just above
        idempotent=row["idempotent"] == "1",
        serial=row["serial"] == "1",
    )


def _words(cell: str) -> tuple[str, ...]:
    return tuple(cell.split("|")) if cell else ()
