"""What a sandbox business holds: live records and tombstones by collection.

A record is a plain dict in the shape that Sage's ``attributes=all`` has: nested objects as stubs
``{"id", "displayed_as", "$path"}``, lists as lists of dicts. Money, rates and quantities are
:class:`~decimal.Decimal`, dates and times text as Sage writes them (``2024-05-01``,
``2024-05-01T09:30:00Z``). How a decimal looks on the wire is the API layer's choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Record = dict[str, Any]


@dataclass
class Collection:
    """One collection of one business, in creation order.

    ``live`` and ``deleted`` map an id to its record; a record without an id (a singleton, an exchange
    rate) is stored under a key of its own. Every write goes through the methods, so that
    ``version`` tells the API layer which serialised pages are stale.
    """

    name: str
    live: dict[str, Record] = field(default_factory=dict)
    deleted: dict[str, Record] = field(default_factory=dict)
    version: int = 0

    def put(self, key: str, record: Record) -> None:
        """Add a record at the end or replace it in its place; once put, it is not changed itself."""
        self.live[key] = record
        self.version += 1

    def delete(self, key: str, at: str) -> Record:
        """Move a record to the tombstones with ``deleted_at`` = ``at`` (UTC, second precision)."""
        record = self.live.pop(key)
        self.deleted[key] = {**record, "deleted_at": at, "updated_at": at}
        self.version += 1
        return record

    def remove(self, key: str) -> None:
        """Drop a record without a trace, as a derived list does; an absent key is no error."""
        if self.live.pop(key, None) is not None:
            self.version += 1

    def __iter__(self) -> Iterator[Record]:
        return iter(self.live.values())

    def __len__(self) -> int:
        return len(self.live)


@dataclass
class Business:
    """One business: its ``/businesses`` record and its collections by name.

    ``collections`` has an entry for every collection that the business's country offers, empty ones
    included; a name that is absent answers 404. ``computed`` holds collections and attributes that
    are derived on request (balances between two dates, for one).
    """

    id: str
    country: str
    record: Record
    collections: dict[str, Collection] = field(default_factory=dict)
    balance_details: Callable[[str, str], dict[str, Record]] | None = None
    """(from_date, to_date) to ``{ledger_account_id: balance_details}``, deleted entries left out."""
