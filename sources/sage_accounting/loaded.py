"""Which records of a collection the warehouse already has, read through dlt's own SQL client."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from datetime import date
from functools import cached_property
from typing import Any

import dlt
from dlt.common.exceptions import DltException
from dlt.common.schema import Schema
from dlt.destinations.sql_client import SqlClientBase

from sage_accounting.catalogue import Collection
from sage_accounting.flatten import BUSINESS, KEY_SEPARATOR

logger = logging.getLogger(__name__)

CHUNK = 500
"""Ids in one IN list; well below every destination's limit of bound parameters."""
IDLE_S = 0.2
"""How long a connection stays open after a question: lists ask one after the other, and to open a DuckDB
file takes 60 ms, but while it is open no other program can write to it."""


class LoadedTables:
    """The tables as the last load left them; dlt takes 50 ms each time to tell, so once a run.

    For one thread.
    """

    def __init__(self, pipeline: dlt.Pipeline, schema_name: str) -> None:
        self._pipeline = pipeline
        self._schema_name = schema_name
        self._asked_at: float | None = None
        """When the open connection was last asked, by the monotonic clock; None while there is none."""

    @cached_property
    def schema(self) -> Schema | None:
        """None before the first load."""
        return self._pipeline.schemas.get(self._schema_name)

    @cached_property
    def names(self) -> list[str]:
        """Of those that ever had rows."""
        if self.schema is None:
            return []
        return [str(table["name"]) for table in self.schema.data_tables(seen_data_only=True)]

    def connected(self) -> SqlClientBase[Any]:
        """The warehouse, to be asked at once; :meth:`close_if_idle` and :meth:`close` end the connection."""
        if self._asked_at is None:
            self._client.open_connection()
        self._asked_at = time.monotonic()
        return self._client

    def close_if_idle(self) -> None:
        """Let the warehouse go if nothing was asked for :data:`IDLE_S`."""
        if self._asked_at is not None and time.monotonic() - self._asked_at > IDLE_S:
            self.close()

    def close(self) -> None:
        """Let the warehouse go."""
        if self._asked_at is not None:
            self._asked_at = None
            self._client.close_connection()

    @cached_property
    def _client(self) -> SqlClientBase[Any]:
        return self._pipeline.sql_client(self._schema_name)


class LoadedRecords:
    """Looks up loaded ids of a run's businesses; each table is read at most once a run.

    An answer of None means that the warehouse can not be read now (another process holds its file,
    for one): whoever asks must leave the comparison to a later run, never guess.
    """

    def __init__(
        self, tables: LoadedTables, collection: Collection, businesses: Sequence[str]
    ) -> None:
        self._tables = tables
        self._collection = collection
        self._businesses = businesses
        self._ids: dict[str, frozenset[str]] | None = None
        self._unreadable = False

    def children(self) -> list[str]:
        """Names, below the root table, of the child tables that exist."""
        prefix = f"{self._collection.name}__"
        return [t.removeprefix(prefix) for t in self._tables.names if t.startswith(prefix)]

    def has(self, table: str) -> bool:
        """Whether a table was ever loaded or declared."""
        schema = self._tables.schema
        return schema is not None and table in schema.tables

    def kinds(self, table: str) -> dict[str, str]:
        """dlt's data type of each column that a table has, by name."""
        schema = self._tables.schema
        if schema is None:
            return {}
        columns = schema.tables.get(table, {}).get("columns", {})
        return {name: str(c["data_type"]) for name, c in columns.items() if "data_type" in c}

    def ids(self, business_id: str) -> frozenset[str] | None:
        """All loaded ids of one business."""
        if self._collection.name not in self._tables.names or not self._collection.key:
            return frozenset()
        if self._ids is None:
            self._ids = self._all_ids()
        if self._ids is None:
            return None
        return self._ids.get(business_id, frozenset())

    def among(self, business_id: str, ids: Iterable[str]) -> frozenset[str] | None:
        """Those of ``ids`` that are loaded; for a few ids of a large table."""
        asked = list(ids)
        if self._collection.name not in self._tables.names or not asked:
            return frozenset()
        found: set[str] = set()
        for start in range(0, len(asked), CHUNK):
            chunk = asked[start : start + CHUNK]
            marks = ", ".join(["%s"] * len(chunk))
            rows = self._query(
                f"SELECT id FROM {{table}} WHERE {BUSINESS} = %s AND id IN ({marks})",
                (business_id, *chunk),
            )
            if rows is None:
                return None
            found.update(row[0] for row in rows)
        return frozenset(found)

    def dated(
        self, business_id: str, first: date | None, last: date | None
    ) -> frozenset[str] | None:
        """Loaded ids of one business whose ``date`` lies in these days, both included; None = no bound."""
        if self._collection.name not in self._tables.names:
            return frozenset()
        rows = self._query(
            f"SELECT id FROM {{table}} WHERE {BUSINESS} = %s AND date BETWEEN %s AND %s",
            (business_id, (first or date.min).isoformat(), (last or date.max).isoformat()),
        )
        return None if rows is None else frozenset(row[0] for row in rows)

    def _all_ids(self) -> dict[str, frozenset[str]] | None:
        columns = ", ".join((BUSINESS, *self._collection.key))
        sql = f"SELECT {columns} FROM {{table}}"
        # others may be thousands, each with a run of its own
        few = tuple(self._businesses) if len(self._businesses) <= CHUNK else ()
        if few:
            sql += f" WHERE {BUSINESS} IN ({', '.join(['%s'] * len(few))})"
        rows = self._query(sql, few)
        if rows is None:
            return None
        grouped: dict[str, list[str]] = {}
        for business, *key in rows:
            grouped.setdefault(business, []).append(KEY_SEPARATOR.join(key))
        return {business: frozenset(ids) for business, ids in grouped.items()}

    def _query(self, sql: str, parameters: tuple[str, ...]) -> Sequence[Sequence[Any]] | None:
        if self._unreadable:
            return None
        try:
            client = self._tables.connected()
            table = client.make_qualified_table_name(self._collection.name)
            return client.execute_sql(sql.format(table=table), *parameters)
        except (DltException, OSError) as error:
            logger.warning(
                "loaded ids of %s are unreadable now (%s); deletions that only a comparison shows "
                "wait for the next run",
                self._collection.name, type(error).__name__,
            )  # fmt: skip
            self._unreadable = True
            return None
