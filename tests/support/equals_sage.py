"""Does the raw schema equal what the server holds? An oracle that shares no code with the source.

It reads every list with plain requests and plain JSON, one page after the other, flattens records in
plain Python, and compares record by record and field by field, child rows included.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import httpx

Row = dict[str, Any]
Key = tuple[Any, ...]


def differences(
    warehouse: Path,
    base_url: str,
    token: str,
    business_ids: list[str],
    collections: Mapping[str, Mapping[str, str]],
    keys: Mapping[str, tuple[str, ...]],
) -> list[str]:
    """What differs, one line each; empty when all is equal.

    ``collections`` has the query that completes each list; ``keys`` the columns that identify a record
    beside ``business_id``.
    """
    expected: dict[str, dict[Key, Row]] = {}
    with httpx.Client(base_url=base_url, headers={"Authorization": f"Bearer {token}"}) as http:
        for business_id in business_ids:
            for name, query in collections.items():
                for record in read_all(http, name, query, business_id):
                    place(expected, name, keys[name], business_id, record)
    found = loaded(warehouse, keys)
    return list(compare(expected, found))


def read_all(
    http: httpx.Client, name: str, query: Mapping[str, str], business_id: str
) -> Iterator[Row]:
    page = 1
    while True:
        paging = {"page": str(page), "items_per_page": "200"} if "attributes" in query else {}
        answer = http.get(
            f"/{name}", params={**query, **paging}, headers={"X-Business": business_id}
        )
        if answer.status_code in (403, 404):
            return
        answer.raise_for_status()
        body = json.loads(answer.content, parse_float=Decimal)
        if "$items" not in body:
            yield body
            return
        yield from body["$items"]
        if not body["$next"]:
            return
        page += 1


def place(
    tables: dict[str, dict[Key, Row]],
    name: str,
    key: tuple[str, ...],
    business_id: str,
    record: Row,
) -> None:
    """Put a record's rows where the interface says they belong."""
    row: Row = {"business_id": business_id}
    lists = dict(spread(record, "", row))
    root_key = (business_id, *(row[column] for column in key))
    tables.setdefault(name, {})[root_key] = row
    root_id = row["id"] if "id" in row else "/".join(row[c] for c in key) or business_id
    place_lists(tables, name, business_id, root_id, None, lists)


def place_lists(
    tables: dict[str, dict[Key, Row]],
    name: str,
    business_id: str,
    root_id: str,
    parent: int | None,
    lists: Mapping[str, list[Any]],
) -> None:
    for field, items in lists.items():
        table = f"{name}__{field}"
        for index, item in enumerate(items):
            row: Row = {"business_id": business_id, "_root_id": root_id, "_list_idx": index}
            if parent is not None:
                row["_parent_list_idx"] = parent
            inner = dict(spread(item if isinstance(item, dict) else {"value": item}, "", row))
            tables.setdefault(table, {})[business_id, root_id, parent, index] = row
            place_lists(tables, table, business_id, root_id, index, inner)


def spread(record: Row, prefix: str, row: Row) -> Iterator[tuple[str, list[Any]]]:
    for name, value in record.items():
        full = prefix + name.removeprefix("$")
        if isinstance(value, dict):
            yield from spread(value, f"{full}__", row)
        elif isinstance(value, list):
            yield full, value
        else:
            row[full] = value


def loaded(warehouse: Path, keys: Mapping[str, tuple[str, ...]]) -> dict[str, dict[Key, Row]]:
    tables: dict[str, dict[Key, Row]] = {}
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"ATTACH '{warehouse}' AS books (READ_ONLY)")
        connection.execute("USE books")
        names = [
            name
            for (name,) in connection.execute(
                "SELECT table_name FROM information_schema.tables "
                "WHERE table_catalog = 'books' AND table_schema = 'sage'"
            ).fetchall()
            if not name.startswith("_")
        ]
        for name in names:
            cursor = connection.execute(f'SELECT * FROM sage."{name}"')
            columns = [column[0] for column in cursor.description]
            for values in cursor.fetchall():
                row = dict(zip(columns, values, strict=True))
                tables.setdefault(name, {})[key_of(name, row, keys)] = row
    return tables


def key_of(name: str, row: Row, keys: Mapping[str, tuple[str, ...]]) -> Key:
    if "_root_id" in row:
        parent = row.get("_parent_list_idx")
        return (row["business_id"], row["_root_id"], parent, row["_list_idx"])
    return (row["business_id"], *(row[column] for column in keys.get(name, ("id",))))


def compare(
    expected: Mapping[str, Mapping[Key, Row]], found: Mapping[str, Mapping[Key, Row]]
) -> Iterator[str]:
    for name in sorted({*expected, *found}):
        want, have = expected.get(name, {}), found.get(name, {})
        for key in sorted(set(want) - set(have), key=str):
            yield f"{name}: {key} is missing"
        for key in sorted(set(have) - set(want), key=str):
            yield f"{name}: {key} should not be there"
        for key in sorted(set(want) & set(have), key=str):
            yield from compare_row(name, key, want[key], have[key])


def compare_row(name: str, key: Key, want: Row, have: Row) -> Iterator[str]:
    for column in {*want, *have}:
        if not same(want.get(column), have.get(column)):
            yield f"{name}: {key}: {column} is {have.get(column)!r}, not {want.get(column)!r}"


def same(want: Any, have: Any) -> bool:
    """Whether a warehouse value is what the JSON said."""
    if have is None:
        return want is None or want == ""
    if isinstance(have, bool):
        return have is want or str(have).casefold() == str(want).casefold()
    if isinstance(have, Decimal | int):
        return want not in (None, "") and Decimal(str(want)) == have
    if isinstance(have, datetime):
        return want is not None and datetime.fromisoformat(want) == have
    if isinstance(have, date):
        return want is not None and want[:10] == have.isoformat()
    return bool(str(want) == have)
