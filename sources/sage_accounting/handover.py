"""Tables on their way to dlt, with their keys and how dlt is to merge them.

Each table that dlt is handed costs it milliseconds, however few its rows, and with many businesses most
tables have a few. So small ones of one name wait for each other, the same columns provided.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TDeleteInsertStrategyDict

from sage_accounting.catalogue import Collection
from sage_accounting.deletions import DELETIONS_TABLE, MARKER
from sage_accounting.flatten import BUSINESS, ROOT

ROWS = 1000
"""With so many a table waits no longer: 200 tables of all collections may hold so many, at a kilobyte each."""
MERGE: TDeleteInsertStrategyDict = {"disposition": "merge", "strategy": "delete-insert"}
MERGE_DISTINCT: TDeleteInsertStrategyDict = {**MERGE, "deduplicated": True}
"""For a list known to be whole, which has each record once: dlt need not look for doubles."""


class Handover:
    """The tables of one collection; ``is_distinct``: no package holds a record of it twice."""

    def __init__(self, collection: Collection, *, is_distinct: bool) -> None:
        self._collection = collection
        self._is_distinct = is_distinct
        self._told: dict[str, pa.Schema] = {}
        self._waiting: defaultdict[str, list[pa.Table]] = defaultdict(list)

    def give(self, name: str, table: pa.Table) -> Iterator[Any]:
        """Take a table; yields what goes to dlt at once, in the order in which it was given."""
        waiting = self._waiting[name]
        if waiting and not waiting[0].schema.equals(table.schema):
            yield self._next(name)
        self._waiting[name].append(table)
        if sum(one.num_rows for one in self._waiting[name]) >= ROWS:
            yield self._next(name)

    def rest(self) -> Iterator[Any]:
        """What still waits."""
        for name in list(self._waiting):
            yield self._next(name)

    def _next(self, name: str) -> Any:
        """What waits under a name, with its keys and how dlt is to merge it."""
        table = pa.concat_tables(self._waiting.pop(name))
        columns: dict[str, Any] = {}
        if MARKER in table.column_names:
            columns[MARKER] = {"data_type": "bool", "nullable": True, "hard_delete": True}
        key: dict[str, Any]
        is_distinct = self._is_distinct
        if name == self._collection.name:
            key = {"primary_key": [BUSINESS, *self._collection.key]}
            if not is_distinct and "updated_at" in table.column_names:
                columns["updated_at"] = {"dedup_sort": "desc"}
        elif name == DELETIONS_TABLE:
            key = {"primary_key": [BUSINESS, "resource", "id"]}
            is_distinct = False  # a tombstone can come by two ways
        else:
            key = {"merge_key": [BUSINESS, ROOT]}
        keys = next(iter(key.values()))
        required = [f.with_nullable(False) if f.name in keys else f for f in table.schema]
        table = table.cast(pa.schema(required))
        if self._told.get(name) == table.schema:  # dlt knows it; hints again would cost it 15 ms
            return dlt.mark.with_table_name(table, name)
        self._told[name] = table.schema
        hints = dlt.mark.make_hints(
            table_name=name,
            write_disposition=MERGE_DISTINCT if is_distinct else MERGE,
            columns=columns or None,
            **key,
        )
        return dlt.mark.with_hints(table, hints, create_table_variant=True)
