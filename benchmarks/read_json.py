"""The peer for who thinks in SQL: pages fetched to files, DuckDB reads and unnests them.

    python -m benchmarks.read_json BASE_URL TOKEN BUSINESS_ID FOLDER

Same tables, columns, types and keys as ours; the types of all fields are given, nothing is inferred.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb

from benchmarks.pages import Api, Fetcher, Shape, shapes

TYPES = {
    "text": "VARCHAR",
    "decimal": "DECIMAL(38, 12)",
    "rate": "DECIMAL(38, 18)",
    "integer": "BIGINT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
}


def main(base_url: str, token: str, business: str, folder: str) -> None:
    files = Path(folder, "pages")
    with Fetcher(Api(base_url, token, business)) as fetcher:
        for name, pages in fetcher.lists().items():
            (files / name).mkdir(parents=True)
            for number, page in enumerate(pages):
                (files / name / f"{number}.json").write_bytes(page.result())
    with duckdb.connect(f"{folder}/books.duckdb") as warehouse:
        warehouse.execute("SET TimeZone = 'UTC'")
        warehouse.execute("SET preserve_insertion_order = false")
        warehouse.execute("CREATE SCHEMA sage")
        for name, shape in shapes().items():
            warehouse.execute(
                f'CREATE TEMP TABLE records AS SELECT unnest("$items") AS r FROM read_json('
                f"'{files / name}/*.json', format = 'newline_delimited', maximum_object_size = "
                f"16777216, columns = {{'$items': '{type_of([shape])}'}})"
            )
            keys = [(f"'{business}'", "business_id")]
            for table, query in queries(name, shape, "r", keys, ["r.id"], "records"):
                warehouse.execute(f'CREATE TABLE sage."{table}" AS {query}')
            warehouse.execute("DROP TABLE records")


def type_of(shape: Shape) -> str:
    if isinstance(shape, str):
        return TYPES[shape]
    if isinstance(shape, list):
        return f"{type_of(shape[0])}[]"
    return "STRUCT(" + ", ".join(f'"{n}" {type_of(field)}' for n, field in shape.items()) + ")"


def queries(
    table: str,
    shape: dict[str, Shape],
    record: str,
    keys: list[tuple[str, str]],
    parents: list[str],
    source: str,
) -> Iterator[tuple[str, str]]:
    """A query for the table itself, then for each list inside.

    ``keys`` are expressions and names of key columns; ``parents`` the expressions that tell a child
    row where it belongs: the record's id, then the index in the list above.
    """
    columns = [*keys]
    lists: list[tuple[str, str, dict[str, Shape]]] = []
    spread(shape, record, "", columns, lists)
    chosen = ", ".join(f'{expression} AS "{name}"' for expression, name in columns)
    yield table, f"SELECT {chosen} FROM {source}"
    for name, expression, item in lists:
        root, *above = parents
        inner = (
            f"(SELECT {root} AS root, {', '.join([*above, 'NULL'][:1])} AS above, "
            f"unnest({expression}) AS c, generate_subscripts({expression}, 1) - 1 AS idx FROM {source})"
        )
        child_keys = [keys[0], ("root", "_root_id"), ("idx", "_list_idx")]
        if above:
            child_keys.append(("above", "_parent_list_idx"))
        yield from queries(f"{table}__{name}", item, "c", child_keys, ["root", "idx"], inner)


def spread(
    shape: dict[str, Shape],
    record: str,
    prefix: str,
    columns: list[tuple[str, str]],
    lists: list[tuple[str, str, dict[str, Shape]]],
) -> None:
    for name, field in shape.items():
        expression, full = f'{record}."{name}"', prefix + name.removeprefix("$")
        if isinstance(field, dict):
            spread(field, expression, f"{full}__", columns, lists)
        elif isinstance(field, list):
            (item,) = field
            assert isinstance(item, dict)
            lists.append((full, expression, item))
        else:
            columns.append((expression, full))


if __name__ == "__main__":
    main(*sys.argv[1:])
