"""The warehouse: dlt's destination, and for DuckDB the file that one process at a time may write.

Any open connection of another process, read-only too, blocks a writer of a DuckDB file. So this module
opens the file only for the moment of a read or a write, waits for others with a message, and names
whoever holds it.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dlt
import duckdb
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.destination import Destination
from dlt.common.destination.exceptions import DestinationException
from dlt.common.exceptions import DltException

from sage_elt.datasets import Dataset
from sage_elt.duckdb_file import duckdb_destination

if TYPE_CHECKING:
    import polars as pl

RAW_SCHEMA = "sage"
DEFAULT_FILE = "sage.duckdb"
CATALOG = "warehouse"
"""What our own connections call the file."""
POLL_S = 0.5
MEMORY_LIMIT = "256MB"
"""For our own connections, which work beside polars; beyond it DuckDB writes to a folder beside the file."""
_HOLDER = re.compile(r"Conflicting lock is held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")


class WarehouseError(Exception):
    """The warehouse can not be used; the message says why and what to do. Nothing in it changed."""

    error_code = "warehouse-unreadable"
    """Of ``errors.csv``."""

    def __init__(self, message: str, *, error_code: str | None = None) -> None:
        super().__init__(message)
        if error_code is not None:
            self.error_code = error_code


class WarehouseSettingError(WarehouseError):
    """The destination is set to something that can not be written at all."""

    error_code = "destination-wrong"


class WarehouseBusyError(WarehouseError):
    """Another process holds the DuckDB file and did not let go in time."""

    error_code = "warehouse-busy"


@dataclass(frozen=True)
class Warehouse:
    """Where everything is loaded."""

    destination: Destination[Any, Any]
    path: Path | None
    """The DuckDB file; None for a server or a lake."""

    def check_writable(self) -> None:
        """Raise :class:`WarehouseSettingError` before anything is read for a file we may not write.

        The mode is judged as it stands, for root too: a file without write permission is meant to
        stay as it is.
        """
        if self.path is None:
            self._check_exact_merges()
            return
        folder = self.path.resolve().parent
        if self.path.exists():
            writable = os.access(self.path, os.W_OK) and _has_write_bit(self.path)
            what = f"The warehouse file {self.path} is read-only"
        else:
            writable = os.access(folder, os.W_OK)
            what = f"The warehouse file {self.path} can not be created in {folder}"
        if not writable:
            raise WarehouseSettingError(
                f"{what}, so nothing was read from Sage and nothing changed. Make it writable "
                "(chmod u+w), or choose another file with DESTINATION__DUCKDB__CREDENTIALS.",
                error_code="warehouse-not-writable",
            )

    def _check_exact_merges(self) -> None:
        """dlt only appends or upserts where it can not delete: rows would stand twice, or stay for ever."""
        strategies = self.destination.capabilities().supported_merge_strategies or ()
        if "delete-insert" not in strategies:
            name = self.destination.destination_name
            raise WarehouseSettingError(
                f"The destination {name} can not take away what Sage changed or deleted, so a sync into it "
                "would not be exact. Nothing was read and nothing changed. Sync into a DuckDB file or a "
                f"PostgreSQL, and copy that. Run: sage-elt copy --from duckdb --to {name}"
            )

    def wait_until_free(
        self, timeout_s: float, on_wait: Callable[[str], None] = lambda _: None
    ) -> None:
        """Return once no other process holds the file.

        Calls ``on_wait`` with the holder once. Raises :class:`WarehouseBusyError` after
        ``timeout_s`` seconds.
        """
        if self.path is None or not self.path.exists():
            return
        deadline = time.monotonic() + timeout_s
        told = False
        while (holder := self._holder()) is not None:
            if not told:
                on_wait(holder)
                told = True
            if time.monotonic() >= deadline:
                raise WarehouseBusyError(
                    f"The warehouse file {self.path} is held open by {holder} and was not released "
                    f"within {timeout_s:g} seconds. Nothing is lost: what was extracted stays "
                    "pending and the next run loads it first. Close that program (for a notebook: "
                    "its connection) or wait longer with --lock-timeout."
                )
            time.sleep(min(POLL_S, max(0.0, deadline - time.monotonic())))

    def _holder(self) -> str | None:
        try:
            with self._connect(read_only=False):
                return None
        except duckdb.IOException as error:
            return lock_holder(error)

    @contextmanager
    def _connect(self, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        if self.path is None:
            raise WarehouseSettingError(
                f"The destination {self.destination.destination_name} is no DuckDB file, and this needs "
                "one. Nothing changed. Use --destination duckdb for it."
            )
        connection = duckdb.connect()
        try:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
            # attached under a name of its own, so that a file called like a schema is not ambiguous
            mode = "READ_ONLY" if read_only else "READ_WRITE"
            file = quoted(self.path)
            # what does not fit goes beside the file, not into the folder that the command runs in
            connection.execute(f"SET temp_directory = '{file}.tmp'")
            connection.execute(f"ATTACH '{file}' AS {CATALOG} ({mode})")
            connection.execute(f"USE {CATALOG}")
            yield connection
        finally:
            connection.close()

    def dataset(self, schema: str) -> Dataset:
        """A schema as dlt shows it; for a destination that is no DuckDB file.

        Raises :class:`WarehouseSettingError` for one that is no database.
        """
        self._check_exact_merges()
        return Dataset(self.destination, schema)

    def tables(self, schema: str, names: Collection[str] = ()) -> Mapping[str, Sequence[str]]:
        """Column names by table of a schema, of ``names`` or of all; empty when there is none."""
        if self.path is None:
            dataset = self.dataset(schema)
            with self.named_errors(), dataset.reading() as rows:
                found = rows.columns(names or dataset.known_tables())
                return {table: list(columns) for table, columns in found.items()}
        if not self.path.exists():
            return {}
        with self.reading() as connection:
            present = columns_of(connection, schema)
        return {name: present[name] for name in present if not names or name in names}

    def pipelines(self) -> set[str]:
        """Names of the dlt pipelines that loaded into the raw schema."""
        name = "_dlt_pipeline_state"
        found = self.frames(RAW_SCHEMA, {name: ["pipeline_name"]})
        return set(found[name].collect()["pipeline_name"]) if name in found else set()

    def counts(self, schema: str, tables: Collection[str]) -> dict[tuple[str, str], int]:
        """Rows by table and business, of those tables that exist."""
        present = self.tables(schema, tables) if tables else {}  # none named would mean all
        if self.path is None:
            with self.named_errors(), self.dataset(schema).reading() as reader:
                return reader.counts(present)
        counted = [
            f'SELECT \'{name}\', business_id, count(*) FROM "{schema}"."{name}" GROUP BY ALL'
            for name in present
        ]
        rows = self.rows(" UNION ALL ".join(counted)) if counted else []
        return {(table, business): count for table, business, count in rows}

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The rows of one query; the file is open only meanwhile."""
        with self.reading() as connection:
            return connection.execute(sql, list(parameters)).fetchall()

    def frames(
        self, schema: str, wanted: Mapping[str, Sequence[str]], businesses: Sequence[str] = ()
    ) -> dict[str, pl.LazyFrame]:
        """The wanted columns of the wanted tables, as far as they exist, in memory.

        With ``businesses`` only their rows. From a DuckDB file one connection reads them all, so they
        show the same moment. Amounts stay Decimal, times are UTC.
        """
        if self.path is None:
            with self.named_errors(), self.dataset(schema).reading() as reader:
                return reader.frames(wanted, businesses)
        frames: dict[str, pl.LazyFrame] = {}
        if not self.path.exists():
            return frames
        with self.reading() as connection:
            present = columns_of(connection, schema)
            for table, columns in wanted.items():
                if found := [c for c in columns if c in present.get(table, ())]:
                    sql, bound = selection(schema, table, found, businesses)
                    frames[table] = connection.execute(sql, bound).pl().lazy()
        return frames

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection to the file, open only meanwhile; the file is the current catalog.

        Raises :class:`WarehouseError` when there is none or it is damaged,
        :class:`WarehouseBusyError` when another process writes to it.
        """
        if self.path is not None and not self.path.exists():
            raise WarehouseError(
                f"There is no warehouse file {self.path} yet: nothing was synced into it. Run: "
                "sage-elt sync",
                error_code="warehouse-missing",
            )
        with self.named_errors(), self._connect(read_only=True) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """As :meth:`reading`, in one transaction that is committed at the end."""
        with self.named_errors(), self._connect(read_only=False) as connection:
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")

    @contextmanager
    def named_errors(self) -> Iterator[None]:
        """What DuckDB and dlt raise inside becomes a :class:`WarehouseError`."""
        try:
            yield
        except duckdb.IOException as error:
            if holder := lock_holder(error):
                raise WarehouseBusyError(
                    f"The warehouse file {self.path} is held open by {holder}, which writes to it. "
                    "Nothing changed. Try again when it is done."
                ) from error
            raise WarehouseError(
                f"The warehouse file {self.path} can not be read ({_first_line(error)}). Nothing "
                "changed. Check the path in DESTINATION__DUCKDB__CREDENTIALS; if the file is "
                "damaged, move it away and run: sage-elt run"
            ) from error
        except (DestinationException, DltException) as error:
            if self.path is not None:
                raise
            # not the text of the error: a server's complaint can quote a customer's data
            raise WarehouseError(
                f"The destination {self.destination.destination_name} did not answer as expected "
                f"({type(error).__name__}). Nothing changed there that the next run does not complete. "
                "Look for what is wrong with sage-elt doctor, then repeat."
            ) from error


def open_warehouse(destination: str) -> Warehouse:
    """The warehouse that dlt's configuration names for ``destination``.

    DuckDB without configured credentials is ``sage.duckdb`` in the current folder.
    """
    try:
        if destination != "duckdb":
            return Warehouse(Destination.from_reference(destination), None)  # type: ignore[arg-type]  # None only for None
        configured = _configured_file()
        path = Path(configured or DEFAULT_FILE)
        return Warehouse(duckdb_destination(path), path)
    except (DltException, ConfigurationException, ValueError, ImportError) as error:
        raise WarehouseSettingError(
            f"The destination {destination!r} can not be opened ({_first_line(error)}). Nothing was "
            "read or changed. Name one of dlt's destinations with --destination and set its "
            "credentials under [destination] in .dlt/secrets.toml."
        ) from error


def columns_of(connection: duckdb.DuckDBPyConnection, schema: str) -> dict[str, list[str]]:
    """Column names by table of a schema of the current catalog; empty when there is none."""
    rows = connection.execute(
        "SELECT table_name, list(column_name ORDER BY ordinal_position) "
        "FROM information_schema.columns "
        "WHERE table_catalog = current_catalog() AND table_schema = ? GROUP BY ALL",
        [schema],
    ).fetchall()
    return dict(rows)


def selection(
    schema: str, table: str, columns: Sequence[str], businesses: Sequence[str] = ()
) -> tuple[str, list[object]]:
    """A query for columns of a table, of some businesses or of all, and what it binds."""
    names = ", ".join(f'"{column}"' for column in columns)
    sql = f'SELECT {names} FROM "{schema}"."{table}"'
    if not businesses:
        return sql, []
    return f"{sql} WHERE list_contains(?, business_id)", [list(businesses)]


def count_rows(
    connection: duckdb.DuckDBPyConnection, source: str, parameters: Sequence[object] = ()
) -> int:
    """Rows of a table, or of a table with a condition."""
    row = connection.execute(f"SELECT count(*) FROM {source}", list(parameters)).fetchone()
    return int(row[0]) if row else 0


def quoted(text: object) -> str:
    """A text as it stands between the single quotes of a statement that can not bind it."""
    return str(text).replace("'", "''")


def lock_holder(error: BaseException) -> str | None:
    """Who holds the file, when ``error`` or its cause is DuckDB's complaint about a lock."""
    cause: BaseException | None = error
    while cause is not None:
        if found := _HOLDER.search(str(cause)):
            return f"process {found['pid']} ({found['program']})"
        cause = cause.__cause__ or cause.__context__
    return None


def _configured_file() -> str | None:
    value: object = dlt.secrets.get("destination.duckdb.credentials")
    if isinstance(value, Mapping):
        value = value.get("database")
    return str(value).removeprefix("duckdb:///") if value else None


def _has_write_bit(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
