"""The tenants' own records for the mapping, read from the warehouse when a line first needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import polars as pl

from sage_elt.warehouse import RAW_SCHEMA, Warehouse
from sage_unified.mapping import RAW_BOOKS, UNIFIED_BOOKS, Books

UNIFIED_SCHEMA = "unified"


class Library:
    """The books of every business in the warehouse."""

    def __init__(
        self,
        warehouse: Warehouse,
        lock_timeout_s: float = 60.0,
        on_wait: Callable[[str], None] = lambda _holder: None,
    ) -> None:
        self._tables = _Tables(warehouse, lock_timeout_s, on_wait)
        self._books: dict[str, Books] = {}

    def books(self, business_id: str) -> Books:
        """Without rows for a business that was not synced and transformed."""
        if business_id not in self._books:
            self._books[business_id] = Books(business_id, self._tables)
        return self._books[business_id]


class _Tables(Mapping[str, pl.LazyFrame]):
    """Tables by name, each read once, when it is first asked for: most pushes need few of them."""

    def __init__(
        self, warehouse: Warehouse, lock_timeout_s: float, on_wait: Callable[[str], None]
    ) -> None:
        self._warehouse = warehouse
        self._lock_timeout_s = lock_timeout_s
        self._on_wait = on_wait
        self._read: dict[str, pl.LazyFrame | None] = {}

    def __getitem__(self, name: str) -> pl.LazyFrame:
        if name not in self._read:
            self._read[name] = self._frame(name)
        frame = self._read[name]
        if frame is None:
            raise KeyError(name)
        return frame

    def __iter__(self) -> Iterator[str]:
        return iter((*UNIFIED_BOOKS, *RAW_BOOKS))

    def __len__(self) -> int:
        return len(UNIFIED_BOOKS) + len(RAW_BOOKS)

    def _frame(self, name: str) -> pl.LazyFrame | None:
        self._warehouse.wait_until_free(self._lock_timeout_s, self._on_wait)
        schema, columns = (
            (UNIFIED_SCHEMA, UNIFIED_BOOKS[name])
            if name in UNIFIED_BOOKS
            else (RAW_SCHEMA, RAW_BOOKS[name])
        )
        return self._warehouse.frames(schema, {name: columns}).get(name)
