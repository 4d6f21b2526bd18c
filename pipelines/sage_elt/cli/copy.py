"""``copy``: a warehouse to another destination."""

from __future__ import annotations

from typing import Annotated

import typer

from sage_elt.cli.app import app
from sage_elt.cli.console import say
from sage_elt.cli.opening import open_connection
from sage_elt.cli.options import Connection, examples
from sage_elt.copies import TABLE_FORMATS, TableFormat, copy_warehouse, is_lake
from sage_elt.warehouse import WarehouseSettingError, open_warehouse

_From = Annotated[str, typer.Option("--from", help="dlt destination to copy from.")]
_To = Annotated[str, typer.Option("--to", help="dlt destination to copy to.")]
_Format = Annotated[
    str | None,
    typer.Option(
        "--table-format", help=f"Of a lake: {', '.join(TABLE_FORMATS)}. Default: parquet."
    ),
]


@app.command(
    epilog=examples(
        "sage-elt copy --to postgres", "sage-elt copy --to filesystem --table-format delta"
    )
)
def copy(
    to: _To,
    source: _From = "duckdb",
    table_format: _Format = None,
    connection: Connection = None,
) -> None:
    """Copy the schemas sage, unified and marts to another destination; safe to repeat.

    Tables there are replaced. To a database the tokens come along, and syncs go on from where they stood.
    """
    target = open_warehouse(to)
    counts = copy_warehouse(open_warehouse(source), target, _format(table_format))
    if not is_lake(target):
        _, vault = open_connection(connection, target)
        if vault.status().state != "missing":
            vault.save_to_destination()
    for (schema, table), rows in sorted(counts.items()):
        say(f"  {schema}.{table}: {rows} rows")
    say(f"copied {len(counts)} tables, {sum(counts.values())} rows, from {source} to {to}")


def _format(name: str | None) -> TableFormat | None:
    for known in TABLE_FORMATS:
        if name == known:
            return known
    if name is not None:
        raise WarehouseSettingError(
            f"There is no table format {name}. Nothing was read and nothing changed. Name one of "
            f"{', '.join(TABLE_FORMATS)} with --table-format."
        )
    return None
