"""The encrypted copy of a record in the state of a small dlt pipeline, and in its destination.

The pipeline ``sage_auth__<connection>`` loads no data: its state is all that it has. dlt brings the
state to the destination in the table ``_dlt_pipeline_state`` of the dataset ``sage_auth``, from where
a fresh working folder or another host gets it back.

Every use of dlt runs in a thread of its own. dlt's active pipeline belongs to a thread, and a refresh
can come in the middle of an extraction, whose pipeline must stay the active one.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import dlt
from dlt.common.configuration.exceptions import ConfigFieldMissingException
from dlt.common.destination import AnyDestination, Destination
from dlt.common.destination.client import WithStateSync
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.common.pipeline import get_dlt_pipelines_dir
from dlt.common.schema import Schema
from dlt.destinations import duckdb as duckdb_destination
from dlt.destinations.impl.duckdb.configuration import DuckDbClientConfiguration
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.pipeline.state_sync import load_pipeline_state_from_destination

from sage_accounting.errors import TokenStoreError
from sage_accounting.tokens.crypt import Sealed
from sage_accounting.tokens.file_lock import LOCK_TIMEOUT_S
from sage_accounting.tokens.steps import Steps, no_steps

logger = logging.getLogger(__name__)

DATASET = "sage_auth"
# dlt keeps the folder of each package that it has loaded; ours are of no use afterwards.
_MOST_KEPT_PACKAGES = 50

T = TypeVar("T")


class DltState:
    """The dlt copies of one connection's record. Methods raise what dlt and the destination raise."""

    def __init__(
        self,
        connection: str,
        destination: Any,
        pipelines_dir: Path | None = None,
        steps: Steps = no_steps,
    ) -> None:
        """``destination``: a dlt destination, its name, or None for local state only."""
        self.pipeline_name = f"sage_auth__{connection}"
        self.pipelines_dir = pipelines_dir or Path(get_dlt_pipelines_dir())
        self._steps = steps
        self._destination: AnyDestination | None = Destination.from_reference(destination)
        self._file = _duckdb_file(self._destination, self.pipelines_dir, self.pipeline_name)
        if self._file is not None:
            self._destination = cast(AnyDestination, duckdb_destination(str(self._file)))

    @property
    def is_shared(self) -> bool:
        """Other hosts can write to the destination too: it must be read before each refresh."""
        return self._destination is not None and self._file is None

    def read_local(self) -> Sealed | None:
        """The record in the working folder."""
        return _apart(self._read_local)

    def read_destination(self) -> Sealed | None:
        """The record in the destination; None when it, its file or its table is not there."""
        if self._destination is None or (self._file is not None and not self._file.exists()):
            return None
        return _apart(self._read_destination)

    def write(self, sealed: Sealed) -> None:
        """Store the record in the working folder, then in the destination."""
        _apart(lambda: self._write(sealed))

    @contextmanager
    def exclusive(self) -> Iterator[Sequence[int]]:
        """Holds off other hosts, where the destination can: PostgreSQL, by an advisory lock.

        The lock belongs to its database connection. So it ends with the process whatever happens, or
        with the last of those that inherited the connection's socket, whose descriptor this gives.
        """
        if (
            self._destination is None
            or self._destination.destination_type != "dlt.destinations.postgres"
        ):
            yield ()
            return
        try:
            client = _apart(self._lock_database)
        except Exception as error:
            raise TokenStoreError(
                f"The tokens of pipeline {self.pipeline_name} are shared through PostgreSQL, and its "
                f"lock could not be taken ({reason(error)}). Nothing was sent to Sage and the tokens "
                "are untouched. Make the database reachable and run the command again."
            ) from error
        try:
            yield (client.native_connection.fileno(),)
        finally:
            client.close_connection()

    def _read_local(self) -> Sealed | None:
        with self._pipeline() as pipeline:
            return _sealed_in(pipeline.state)

    def _read_destination(self) -> Sealed | None:
        with self._pipeline() as pipeline, pipeline.destination_client() as client:
            if not isinstance(client, WithStateSync):
                return None
            try:
                state = load_pipeline_state_from_destination(pipeline.pipeline_name, client)
            except DestinationUndefinedEntity:
                return None
        return _sealed_in(state or {})

    def _write(self, sealed: Sealed) -> None:
        with self._pipeline() as pipeline:
            # What is pending is older than what comes now.
            if (
                pipeline.has_pending_data
                or len(pipeline.list_completed_load_packages()) > _MOST_KEPT_PACKAGES
            ):
                pipeline.drop()
            self._steps("before_state")
            with pipeline.managed_state() as state:
                state.setdefault("sources", {})[DATASET] = {
                    "generation": sealed.generation,
                    "version": sealed.version,
                    "record": sealed.text,
                }
            self._steps("state_saved")
            if self._destination is not None:
                self._load(pipeline)

    def _load(self, pipeline: dlt.Pipeline) -> None:
        """The state travels in a package of a resource without rows."""
        pipeline.extract([], table_name="nothing", schema=Schema(DATASET))
        self._steps("extracted")
        pipeline.normalize()
        self._steps("normalized")
        load_id = pipeline.load(workers=1).loads_ids[-1]
        self._steps("loaded")
        try:
            _prune(pipeline, load_id)
        except Exception as error:  # noqa: BLE001 - the copy is there, some destinations delete nothing
            logger.info("older states of %s remain: %s", self.pipeline_name, reason(error))
        self._steps("pruned")

    def _lock_database(self) -> Any:
        with self._pipeline() as pipeline:
            client = pipeline.sql_client()
        client.open_connection()
        try:
            client.execute_sql(f"SET lock_timeout = '{LOCK_TIMEOUT_S}s'")
            lock = "SELECT pg_advisory_lock(hashtextextended(%s, 0))"
            client.execute_sql(lock, self.pipeline_name)
        except BaseException:
            client.close_connection()
            raise
        return client

    @contextmanager
    def _pipeline(self) -> Iterator[dlt.Pipeline]:
        try:
            pipeline = self._open_pipeline()
        except json.JSONDecodeError:
            # The folder holds copies only; a state that a crash left unreadable must not stop us.
            logger.warning("the state of pipeline %s was unreadable; reset", self.pipeline_name)
            shutil.rmtree(self.pipelines_dir / self.pipeline_name)
            pipeline = self._open_pipeline()
        try:
            yield pipeline
        finally:
            pipeline.deactivate()

    def _open_pipeline(self) -> dlt.Pipeline:
        pipeline = dlt.pipeline(
            self.pipeline_name,
            pipelines_dir=str(self.pipelines_dir),
            destination=self._destination,
            dataset_name=DATASET,
        )
        pipeline.config.restore_from_destination = True  # else dlt sends no state there either
        pipeline.config.enable_runtime_trace = False  # a trace file and telemetry for each refresh
        return pipeline


def reason(error: BaseException) -> str:
    """What is safe to show of an error of dlt or a destination: dlt's own texts can quote data."""
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, ConfigFieldMissingException):
        return f"settings missing: {', '.join(error.fields)}"
    driver = type(error).__module__.partition(".")[0]
    if isinstance(error, OSError) or driver in ("duckdb", "_duckdb", "psycopg2"):
        return f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
    return type(error).__name__


def _apart(work: Callable[[], T]) -> T:
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="sage-auth") as executor:
        return executor.submit(work).result()


def _sealed_in(state: Any) -> Sealed | None:
    found = state.get("sources", {}).get(DATASET)
    if not found:
        return None
    return Sealed(int(found["generation"]), int(found["version"]), str(found["record"]))


def _prune(pipeline: dlt.Pipeline, load_id: str) -> None:
    """Leave only the newest state of the pipeline in a SQL destination; others prune themselves.

    dlt restores the state with the highest load id, which is a time: were the clock set back, an older
    record would win. And rows would gather with every refresh.
    """
    destination = pipeline.destination_client()
    if not isinstance(destination, SqlJobClientBase):
        return
    with destination.sql_client as client:
        states = client.make_qualified_table_name("_dlt_pipeline_state")
        loads = client.make_qualified_table_name("_dlt_loads")
        client.execute_sql(
            f"DELETE FROM {states} WHERE pipeline_name = %s AND _dlt_load_id <> %s",
            pipeline.pipeline_name,
            load_id,
        )
        client.execute_sql(
            f"DELETE FROM {loads} WHERE schema_name = %s"
            f" AND load_id NOT IN (SELECT _dlt_load_id FROM {states})",
            DATASET,
        )


def _duckdb_file(
    destination: AnyDestination | None, pipelines_dir: Path, pipeline_name: str
) -> Path | None:
    """A DuckDB file beside the warehouse; None when the destination is no DuckDB file.

    DuckDB allows one writing process at a time, so the warehouse itself is busy during a sync.
    """
    if destination is None or destination.spec is not DuckDbClientConfiguration:
        return None
    config = destination.configuration(DuckDbClientConfiguration(), accept_partial=True)
    assert isinstance(config, DuckDbClientConfiguration)  # noqa: S101 - for the type checker
    database = config.credentials.database if config.credentials else None
    if database in (":pipeline:", ":external:", ":memory:"):
        folder = pipelines_dir
    else:
        folder = Path(config.local_dir, database or "").absolute()
        folder = folder.parent if database else folder
    return folder / f"{pipeline_name}.duckdb"
