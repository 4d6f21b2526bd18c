"""The transforms over a warehouse: business by business, only those whose raw rows changed.

A business is built from its own rows alone. What its tables were built from is kept as a fingerprint in
``unified._builds``; a business with an equal one is left as it is. The tables of all others are written to
Parquet files beside the warehouse first and replaced in one transaction then, so that a run which is
interrupted leaves the old tables.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeAlias

import duckdb
import polars as pl

from sage_elt.warehouse import RAW_SCHEMA, Warehouse, columns_of, quoted
from sage_unified import TABLES, build_into, describe, duckdb_types, raw_columns

logger = logging.getLogger(__name__)

TableName: TypeAlias = tuple[str, str]
Fingerprints: TypeAlias = Mapping[str, str]
"""By business."""

BUILDS: Final = "unified._builds"
LARGE_ROWS: Final = 50_000
"""Rows of a raw table of a business from which on it is read from a file and not kept in memory."""
SLICE_ROWS: Final = 100_000
"""Ledger entries that are worked on at a time, some 400 bytes each: with all that is done at once, 5 million
entries of one business peak at 0.9 GB; with 250,000 at 1.2."""


@dataclass(frozen=True)
class Pieces:
    """Where the tables of the businesses built so far stand, as Parquet files."""

    folder: Path
    files: dict[TableName, list[Path]] = field(default_factory=dict)

    def keep(self, name: TableName, pieces: Iterable[pl.DataFrame]) -> pl.LazyFrame:
        """Write a table of one business; give it back for others to read."""
        known = self.files.setdefault(name, [])
        first, rows = len(known), 0
        frame = pl.DataFrame()
        for frame in pieces:
            path = self.folder / f"{'.'.join(name)}.{len(known)}.parquet"
            frame.write_parquet(path, compression="lz4", statistics=True)
            known.append(path)
            rows += frame.height
        if rows < LARGE_ROWS and len(known) - first == 1:
            return frame.lazy()
        return pl.scan_parquet(known[first:])


def build_changed(
    warehouse: Warehouse, load_date: date, overrides: pl.DataFrame
) -> dict[TableName, int]:
    """Build what changed; rows by (schema, table) of all that is there then.

    Raises ``BuildError`` and ``WarehouseError``; no table was changed by either.
    """
    wanted = raw_columns()
    with warehouse.reading() as connection:
        now = _fingerprints(connection, wanted, load_date, overrides)
        before = _stored(connection)
    changed = [business for business in sorted(now) if before.get(business) != now[business]]
    gone = sorted(before.keys() - now.keys())
    if changed or gone or not before:
        with _workspace(warehouse) as folder:
            pieces = Pieces(folder)
            for number, business in enumerate(changed):
                raw_folder = folder / f"raw{number}"
                raw_folder.mkdir()
                raw = _raw_of(warehouse, business, wanted, raw_folder)
                build_into(pieces.keep, raw, load_date, overrides, SLICE_ROWS)
                for file in raw_folder.iterdir():
                    file.unlink()
            if not now:
                build_into(pieces.keep, {}, load_date, overrides)
            anew = not before.keys() - gone - set(changed)
            with warehouse.writing() as connection:
                _replace(connection, pieces, [*changed, *gone], anew=anew)
                _store(connection, {business: now[business] for business in changed}, gone)
    logger.info("built %d of %d businesses", len(changed), len(now))
    with warehouse.reading() as connection:
        return {(t.schema, t.name): _count(connection, f'"{t.schema}"."{t.name}"') for t in TABLES}


@contextmanager
def _workspace(warehouse: Warehouse) -> Iterator[Path]:
    """A folder on the disk of the warehouse: a folder for temporary files may be in memory."""
    beside = warehouse.path.resolve().parent if warehouse.path else None
    with TemporaryDirectory(prefix=".sage_elt_", dir=beside) as folder:
        yield Path(folder)


def _fingerprints(
    connection: duckdb.DuckDBPyConnection,
    wanted: Mapping[str, Sequence[str]],
    load_date: date,
    overrides: pl.DataFrame,
) -> dict[str, str]:
    """What each business's tables would be built from: its raw rows, its overrides, the transforms."""
    common = f"{load_date} {_digest_of_transforms()}"
    present = columns_of(connection, RAW_SCHEMA)
    digests: dict[str, Any] = {}
    for table in sorted(wanted):
        found = [column for column in wanted[table] if column in present.get(table, ())]
        if "business_id" not in found:
            continue
        names = ", ".join(f'"{column}"' for column in found)
        rows = connection.execute(
            f"SELECT business_id, count(*), bit_xor(h), sum(h::HUGEINT) FROM "
            f'(SELECT business_id, hash({names}) AS h FROM "{RAW_SCHEMA}"."{table}") '
            "GROUP BY business_id"
        ).fetchall()
        for business, *values in rows:
            if business not in digests:
                own = overrides.filter(pl.col("business_id") == business).sort(overrides.columns)
                digests[business] = hashlib.sha256(f"{common} {own.rows()}".encode())
            digests[business].update(repr((table, found, values)).encode())
    return {business: digest.hexdigest() for business, digest in digests.items()}


def _digest_of_transforms() -> str:
    """Of their code and rules: another version may build other tables of the same rows."""
    digest = hashlib.sha256()
    for name, content in sorted(_files_below(files("sage_unified"))):
        digest.update(name.encode() + b"\0" + content)
    return digest.hexdigest()


def _files_below(folder: Any, prefix: str = "") -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in folder.iterdir():
        name = f"{prefix}/{entry.name}"
        if entry.is_dir():
            found += _files_below(entry, name)
        elif entry.name.endswith((".py", ".csv")):
            found.append((name, entry.read_bytes()))
    return found


def _stored(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The fingerprints of what is built; none when a table is missing or has other columns."""
    present = {
        (schema, table): columns
        for schema in ("unified", "marts")
        for table, columns in columns_of(connection, schema).items()
    }
    expected = {(t.schema, t.name): list(duckdb_types(t.schema, t.name)) for t in TABLES}
    if ("unified", "_builds") not in present:
        return {}
    if any(present.get(name) != columns for name, columns in expected.items()):
        return {}
    return dict(connection.execute(f"SELECT business_id, fingerprint FROM {BUILDS}").fetchall())


def _raw_of(
    warehouse: Warehouse, business: str, wanted: Mapping[str, Sequence[str]], folder: Path
) -> dict[str, pl.LazyFrame]:
    """The raw rows of one business: large tables as files, in the order of their dates."""
    frames: dict[str, pl.LazyFrame] = {}
    with warehouse.reading() as connection:
        present = columns_of(connection, RAW_SCHEMA)
        for table, columns in wanted.items():
            found = [column for column in columns if column in present.get(table, ())]
            if "business_id" not in found:
                continue
            source = f'"{RAW_SCHEMA}"."{table}" WHERE business_id = ?'
            rows = _count(connection, source, [business])
            if not rows:
                continue
            names = ", ".join(f'"{column}"' for column in found)
            order = " ORDER BY date" if "date" in found and rows >= LARGE_ROWS else ""
            query = f"SELECT {names} FROM {source}{order}"
            if rows < LARGE_ROWS:
                frames[table] = connection.execute(query, [business]).pl().lazy()
            else:
                path = folder / f"{table}.parquet"
                connection.execute(
                    f"COPY ({query}) TO '{quoted(path)}' (FORMAT parquet, COMPRESSION lz4)",
                    [business],
                )
                frames[table] = pl.scan_parquet(path)
    return frames


def _replace(
    connection: duckdb.DuckDBPyConnection,
    pieces: Pieces,
    businesses: Sequence[str],
    *,
    anew: bool,
) -> None:
    """The rows of ``businesses`` become those of ``pieces``; ``anew`` when there are no others."""
    for schema in ("unified", "marts"):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    if not anew:
        # has no business of its own: its rows go while their rates still tell whose they are
        connection.execute(
            "DELETE FROM unified.bridge_tax_rate_component WHERE tax_rate_key IN "
            "(SELECT tax_rate_key FROM unified.dim_tax_rate WHERE list_contains(?, business_id))",
            [businesses],
        )
    for table in TABLES:
        name = f'"{table.schema}"."{table.name}"'
        types = duckdb_types(table.schema, table.name)
        found = pieces.files.get((table.schema, table.name), [])
        if anew:
            columns = ", ".join(f'"{column}" {kind}' for column, kind in types.items())
            connection.execute(f"CREATE OR REPLACE TABLE {name} ({columns})")
            _comment(connection, table.schema, table.name)
        elif "business_id" in types:
            connection.execute(
                f"DELETE FROM {name} WHERE list_contains(?, business_id)", [businesses]
            )
        if found:
            casts = ", ".join(f'CAST("{column}" AS {kind})' for column, kind in types.items())
            listed = ", ".join(f"'{quoted(path)}'" for path in found)
            connection.execute(f"INSERT INTO {name} SELECT {casts} FROM read_parquet([{listed}])")


def _comment(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> None:
    description = describe(schema, table)
    name = f'"{schema}"."{table}"'
    connection.execute(f"COMMENT ON TABLE {name} IS '{quoted(description.table)}'")
    for column, text in description.columns.items():
        connection.execute(f"COMMENT ON COLUMN {name}.\"{column}\" IS '{quoted(text)}'")


def _store(connection: duckdb.DuckDBPyConnection, built: Fingerprints, gone: Sequence[str]) -> None:
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {BUILDS} "
        "(business_id VARCHAR PRIMARY KEY, fingerprint VARCHAR NOT NULL, built_at TIMESTAMPTZ)"
    )
    connection.execute(f"DELETE FROM {BUILDS} WHERE list_contains(?, business_id)", [list(gone)])
    for business, fingerprint in built.items():
        connection.execute(
            f"INSERT OR REPLACE INTO {BUILDS} VALUES (?, ?, now())", [business, fingerprint]
        )


def _count(
    connection: duckdb.DuckDBPyConnection, source: str, parameters: Sequence[object] = ()
) -> int:
    row = connection.execute(f"SELECT count(*) FROM {source}", list(parameters)).fetchone()
    return int(row[0]) if row else 0
