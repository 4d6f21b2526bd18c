"""What the server offers: each collection of v3.1, the parameters it knows and what may be written.

``collections.csv`` has one row a collection, sorted by name; lists in a cell are separated by ``|``.
Its facts are those of Sage's published specification (February 2025). Germany is gone from most of
that; here it offers what every country does.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

Kind = Literal["list", "singleton", "account"]
Deletion = Literal["void", "delete"]

KINDS: tuple[Kind, ...] = ("list", "singleton", "account")
DELETIONS: tuple[Deletion, ...] = ("void", "delete")


@dataclass(frozen=True)
class Endpoint:
    """One collection: its path is ``/`` and its name."""

    name: str
    kind: Kind
    """``account``: belongs to the user, not to a business."""
    list_parameters: frozenset[str]
    item_parameters: frozenset[str]
    """Query parameters of a GET by id; any other is refused, as in a list."""
    sort: frozenset[str]
    """Attributes that ``sort`` takes."""
    post_namespace: str | None
    """The one key of a POST body; None where Sage offers no POST."""
    required: tuple[str, ...]
    """Fields that a POST must have."""
    put_namespace: str | None
    deletion: Deletion | None
    """``void``: DELETE leaves the record, as VOID, and answers with it."""
    idempotent: bool
    """Whether ``idempotency_id`` in a body has an effect."""
    countries: frozenset[str] | None
    """None = all."""

    def offered_in(self, country: str) -> bool:
        return self.countries is None or country in self.countries


@cache
def load_endpoints() -> Mapping[str, Endpoint]:
    """All endpoints by name."""
    text = (files(__package__) / "collections.csv").read_text(encoding="utf-8")
    endpoints = [_endpoint(row) for row in csv.DictReader(text.splitlines())]
    return MappingProxyType({endpoint.name: endpoint for endpoint in endpoints})


def _endpoint(row: Mapping[str, str]) -> Endpoint:
    return Endpoint(
        name=row["name"],
        kind=KINDS[KINDS.index(row["kind"])],
        list_parameters=frozenset(_parts(row["list_parameters"])),
        item_parameters=frozenset(_parts(row["item_parameters"])),
        sort=frozenset(_parts(row["sort"])),
        post_namespace=row["post_namespace"] or None,
        required=tuple(_parts(row["required"])),
        put_namespace=row["put_namespace"] or None,
        deletion=DELETIONS[DELETIONS.index(row["delete"])] if row["delete"] else None,
        idempotent=row["idempotent"] == "1",
        countries=None if row["countries"] == "*" else frozenset(_parts(row["countries"])),
    )


def _parts(cell: str) -> list[str]:
    return cell.split("|") if cell else []
