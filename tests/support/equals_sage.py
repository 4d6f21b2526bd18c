"""Does the raw schema equal what the server holds? An oracle that shares no code with the source.

It reads every list with plain requests and plain JSON, one page after the other, flattens records in
plain Python, and compares record by record and field by field, child rows included: the value, whether
there is one, and the type of the column. What a list leaves out (its children) it reads by id.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import httpx

Row = dict[str, Any]
Key = tuple[Any, ...]
Tables = dict[str, dict[Key, Row]]
Traced = frozenset[tuple[str, str, str]]
"""(business_id, resource, id)."""

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_VARIANT = re.compile(r"(.+)__v_(text|decimal|bool|bigint|date|timestamp)$")
_OWN = ("_deleted",)
"""Columns of the connector that hold no field of Sage's."""
_DATES_AS_TEXT = ("delivery_performance_date",)
"""Sage's specification declares it text, without a form."""


@dataclass(frozen=True)
class List:
    """How one collection is read, and where its rows belong."""

    table: str
    path: str
    key: tuple[str, ...]
    """Columns that identify a record beside ``business_id``; none for a settings record."""
    query: Mapping[str, str]
    """What makes a list's records complete."""
    is_paged: bool
    item_query: Mapping[str, str] | None = None
    """Of a read by id, where the list leaves child lists out; None = the list has them."""


@dataclass
class Raw:
    """What a warehouse holds in the schema ``sage``."""

    tables: Tables = field(default_factory=dict)
    types: dict[str, dict[str, str]] = field(default_factory=dict)
    """DuckDB's type of each column, by table."""
    traced: Traced = frozenset()


def differences(
    warehouse: Path,
    base_url: str,
    token: str,
    business_ids: Sequence[str],
    lists: Collection[List],
    *,
    ever_gone: Traced | None = None,
    ever_loaded: Traced | None = None,
) -> list[str]:
    """What differs, one line each; empty when all is equal. Other tables are not looked at.

    With ``ever_gone``, what was away in Sage at some time, no other record may have a trace in
    ``_deletions``; with ``ever_loaded``, each of these that is away now must have one.
    """
    expected: Tables = {}
    with httpx.Client(base_url=base_url, headers={"Authorization": f"Bearer {token}"}) as http:
        for each in lists:
            for business_id in business_ids:
                for record in read_all(http, each, business_id):
                    if not record.get("deleted_at"):  # a tombstone that Sage still lists
                        place(expected, each.table, each.key, business_id, record)
        if any(each.table == "businesses" for each in lists):
            for record in http.get("/businesses", params={"attributes": "all"}).json()["$items"]:
                if record["id"] in business_ids:
                    place(expected, "businesses", ("id",), record["id"], record)
    names = {each.table for each in lists}
    found = loaded(warehouse, {each.table: each.key for each in lists}, names, business_ids)
    wrong = [*compare(expected, found.tables), *wrong_types(expected, found.types)]
    asked = {(b, name) for b in business_ids for name in names}
    if ever_gone is not None:
        wrong += sorted(
            f"_deletions: {trace} was never away"
            for trace in found.traced - ever_gone
            if trace[:2] in asked
        )
    if ever_loaded is not None:
        live = {
            (key[0], name, "/".join(map(str, key[1:])) or key[0])
            for name in names
            for key in expected.get(name, {})
        }
        wrong += sorted(
            f"_deletions: {trace} has no trace"
            for trace in ever_loaded - live - found.traced
            if trace[:2] in asked and not trace[1].startswith("_")
        )
    return wrong


# --- what the server has


def read_all(http: httpx.Client, each: List, business_id: str) -> Iterator[Row]:
    """All records of a list, or the one of a settings collection; none where there is no such."""
    if each.table == "businesses":
        return
    page = 1
    while True:
        paging = {"page": str(page), "items_per_page": "200"} if each.is_paged else {}
        answer = http.get(
            each.path, params={**each.query, **paging}, headers={"X-Business": business_id}
        )
        if answer.status_code in (403, 404):
            return
        answer.raise_for_status()
        body = json.loads(answer.content, parse_float=Decimal)
        if "$items" not in body:
            yield body
            return
        for record in body["$items"]:
            yield {**record, **children_by_id(http, each, business_id, record)}
        if not body["$next"]:
            return
        page += 1


def children_by_id(http: httpx.Client, each: List, business_id: str, record: Row) -> Row:
    """The lists of a record that its list does not show."""
    if each.item_query is None or "id" not in record:
        return {}
    answer = http.get(
        f"{each.path}/{record['id']}",
        params=dict(each.item_query),
        headers={"X-Business": business_id},
    )
    whole = json.loads(answer.raise_for_status().content, parse_float=Decimal)
    return {
        name: value
        for name, value in whole.items()
        if name not in record and isinstance(value, list)
    }


def place(tables: Tables, name: str, key: tuple[str, ...], business_id: str, record: Row) -> None:
    """Put a record's rows where the interface says they belong."""
    row: Row = {"business_id": business_id}
    lists = dict(spread(record, "", row))
    root_key = (business_id, *(row[column] for column in key))
    tables.setdefault(name, {})[root_key] = row
    root_id = row["id"] if "id" in row else "/".join(row[c] for c in key) or business_id
    place_lists(tables, name, business_id, root_id, None, lists)


def place_lists(
    tables: Tables,
    name: str,
    business_id: str,
    root_id: str,
    parent: int | None,
    lists: Mapping[str, list[Any]],
) -> None:
    for list_name, items in lists.items():
        table = f"{name}__{list_name}"
        for index, item in enumerate(items):
            row: Row = {"business_id": business_id, "_root_id": root_id, "_list_idx": index}
            if parent is not None:
                row["_parent_list_idx"] = parent
            inner = dict(spread(item if isinstance(item, dict) else {"value": item}, "", row))
            tables.setdefault(table, {})[business_id, root_id, parent, index] = row
            place_lists(tables, table, business_id, root_id, index, inner)


def spread(record: Row, prefix: str, row: Row) -> Iterator[tuple[str, list[Any]]]:
    for name, value in record.items():
        full = prefix + column_name(name.removeprefix("$"))
        if isinstance(value, dict):
            yield from spread(value, f"{full}__", row)
        elif isinstance(value, list):
            yield full, value
        else:
            row[full] = value


def column_name(name: str) -> str:
    """A field's name as dlt spells it in a warehouse: snake case, no capitals."""
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name))
    return re.sub(r"[^a-z0-9_]", "_", name.lower())


# --- what the warehouse has


def loaded(
    warehouse: Path,
    keys: Mapping[str, tuple[str, ...]],
    names: Collection[str],
    business_ids: Sequence[str],
) -> Raw:
    """The rows of ``names`` and their children, of these businesses; and all traces."""
    raw = Raw()
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"ATTACH '{warehouse}' AS books (READ_ONLY)")
        connection.execute("USE books")
        for table, column, kind in connection.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns "
            "WHERE table_catalog = 'books' AND table_schema = 'sage'"
        ).fetchall():
            raw.types.setdefault(table, {})[column] = kind
        for table in raw.types:
            if root_of(table, names) is None:
                continue
            cursor = connection.execute(
                f'SELECT * FROM sage."{table}" WHERE list_contains(?, business_id)',
                [list(business_ids)],
            )
            columns = [column[0] for column in cursor.description]
            rows = raw.tables.setdefault(table, {})
            for values in cursor.fetchall():
                row = dict(zip(columns, values, strict=True))
                key = key_of(table, row, keys)
                while key in rows:
                    key = (*key, "again")
                rows[key] = row
        if "_deletions" in raw.types:
            traces = connection.execute("SELECT business_id, resource, id FROM sage._deletions")
            raw.traced = frozenset((b, r, i) for b, r, i in traces.fetchall())
    return raw


def root_of(table: str, names: Collection[str]) -> str | None:
    """The collection that a table belongs to, when it is one of ``names``."""
    return next((name for name in names if table == name or table.startswith(f"{name}__")), None)


def key_of(name: str, row: Row, keys: Mapping[str, tuple[str, ...]]) -> Key:
    if "_root_id" in row:
        parent = row.get("_parent_list_idx")
        return (row["business_id"], row["_root_id"], parent, row["_list_idx"])
    return (row["business_id"], *(row[column] for column in keys.get(name, ("id",))))


# --- what differs


def compare(expected: Tables, found: Tables) -> Iterator[str]:
    for name in sorted({*expected, *found}):
        want, have = expected.get(name, {}), found.get(name, {})
        for key in sorted(set(want) - set(have), key=str):
            yield f"{name}: {key} is missing"
        for key in sorted(set(have) - set(want), key=str):
            yield f"{name}: {key} should not be there"
        for key in sorted(set(want) & set(have), key=str):
            yield from compare_row(name, key, want[key], have[key])


def compare_row(name: str, key: Key, want: Row, have: Row) -> Iterator[str]:
    """Field by field. A field that changed its kind has several columns, of which one holds it."""
    columns: dict[str, list[Any]] = {column: [] for column in want}
    for column, value in have.items():
        if column not in _OWN or value is not None:
            varied = _VARIANT.match(column)
            columns.setdefault(varied[1] if varied else column, []).append(value)
    for column, values in columns.items():
        given = [value for value in values if value is not None] or [None]
        if len(given) > 1 or not same(want.get(column), given[0]):
            shown = " and ".join(map(repr, given))
            yield f"{name}: {key}: {column} is {shown}, not {want.get(column)!r}"


def same(want: Any, have: Any) -> bool:
    """Whether a warehouse value is what the JSON said."""
    if have is None:
        return want is None or want == ""
    if isinstance(have, bool):
        return have is want
    if isinstance(have, Decimal | int):
        return want not in (None, "") and not isinstance(want, bool) and Decimal(str(want)) == have
    if isinstance(have, datetime):
        return bool(want) and moment(want) == have
    if isinstance(have, date):
        return bool(want) and want[:10] == have.isoformat()
    if isinstance(want, bool):
        return bool(str(want).lower() == have.lower())
    return bool(str(want) == have)


def moment(text: str) -> datetime:
    """A time of Sage's; one without a zone is UTC."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def wrong_types(expected: Tables, types: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Columns whose type is not what the interface says of the values in it."""
    for name, rows in sorted(expected.items()):
        columns = types.get(name, {})
        values: dict[str, list[Any]] = {}
        for row in rows.values():
            for column, value in row.items():
                values.setdefault(column, []).append(value)
        for column, kind in columns.items():
            wanted = wanted_types(column, values.get(column, []))
            if wanted is not None and not kind.startswith(wanted):
                yield f"{name}: {column} is of type {kind}, not {' or '.join(wanted)}"


def wanted_types(column: str, values: Sequence[Any]) -> tuple[str, ...] | None:
    """DuckDB's types for what a field holds in all of its records; None when they do not agree."""
    given = [value for value in values if value not in (None, "")]
    if not given:
        return None
    if all(isinstance(value, bool) for value in given):
        return ("BOOLEAN",)
    if all(isinstance(value, Decimal) for value in given):
        return ("DECIMAL",)
    if all(isinstance(value, str) and _MOMENT.match(value) for value in given):
        return ("TIMESTAMP WITH TIME ZONE",) if column.endswith("_at") else None
    if all(isinstance(value, str) and _DAY.fullmatch(value) for value in given):
        is_date = column.endswith("date") and column not in _DATES_AS_TEXT
        return ("DATE",) if is_date else None
    return None
