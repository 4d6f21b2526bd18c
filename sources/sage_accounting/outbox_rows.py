"""The rows of an outbox: their table, and how they are read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from sage_accounting.catalogue import Method
from sage_accounting.outbox_stores import Row

State = Literal["pending", "created", "updated", "replayed", "rejected"]
"""``pending``: stored, its fate is not known yet, push the line again. ``created``, ``updated``: Sage did
it. ``replayed``: it is there once, after an attempt whose answer was lost. ``rejected``: it is not in
Sage and will not be."""

TABLE: Final = """
CREATE TABLE IF NOT EXISTS outbox (
    connection TEXT NOT NULL,
    key TEXT NOT NULL,
    business_id TEXT NOT NULL,
    resource TEXT NOT NULL,
    method TEXT NOT NULL,
    record_id TEXT,              -- that a PUT changes
    updated_at TEXT,             -- of that record, as its caller saw it
    line INTEGER NOT NULL,       -- of the file that brought it
    content_hash TEXT NOT NULL,
    idempotency_id TEXT NOT NULL,
    body TEXT NOT NULL,          -- encrypted, as it is sent
    is_serial INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    stored_at DOUBLE PRECISION NOT NULL,  -- seconds since 1970
    first_attempt_at DOUBLE PRECISION,
    last_attempt_at DOUBLE PRECISION,
    window_from DOUBLE PRECISION,         -- when Sage first can have seen the idempotency id
    sage_id TEXT,
    error TEXT,
    owner TEXT,                  -- the process that sends it just now
    PRIMARY KEY (connection, key)
)
"""
INDEX: Final = "CREATE INDEX IF NOT EXISTS outbox_owner ON outbox (business_id, owner)"
ENTRY_COLUMNS: Final = (
    "key, business_id, resource, method, record_id, line, state, attempts, stored_at, "
    "first_attempt_at, sage_id, error, content_hash"
)
"""Columns of an :class:`Entry`, in its order."""


@dataclass(frozen=True)
class Entry:
    """One row, without its body."""

    key: str
    business_id: str
    resource: str
    method: str
    record_id: str | None
    line: int
    state: State
    attempts: int
    stored_at: datetime
    first_attempt_at: datetime | None
    sage_id: str | None
    error: str | None
    content_hash: str
    """Of the line: the same key with another one is a mistake."""

    @property
    def is_final(self) -> bool:
        return self.state != "pending"

    @property
    def is_used(self) -> bool:
        """Whether the key is used up: all but what was refused before it was ever sent."""
        return self.state != "rejected" or self.attempts > 0

    def to_json(self) -> dict[str, Any]:
        first = self.first_attempt_at
        return {
            "key": self.key,
            "business_id": self.business_id,
            "resource": self.resource,
            "method": self.method,
            "line": self.line,
            "state": self.state,
            "attempts": self.attempts,
            "stored_at": self.stored_at.isoformat(),
            "first_attempt_at": first.isoformat() if first else None,
            "sage_id": self.sage_id or self.record_id,
            "error": self.error,
        }


@dataclass(frozen=True)
class Claim:
    """A row that this process, and no other, may send now."""

    key: str
    business_id: str
    resource: str
    method: Method
    record_id: str | None
    updated_at: str | None
    idempotency_id: str
    content: bytes
    """As it is sent."""
    attempts: int
    """So far; 0: Sage can not know it."""
    first_attempt_at: datetime | None
    last_attempt_at: datetime | None
    window_is_over: bool
    """Sage may have forgotten the idempotency id."""


def entry_of(row: Row) -> Entry:
    """From the columns of ``ENTRY_COLUMNS``."""
    values = dict(zip(ENTRY_COLUMNS.split(", "), row, strict=True))
    for name in ("stored_at", "first_attempt_at"):
        values[name] = time_of(values[name])
    return Entry(**values)


def time_of(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
