"""``sage_accounting``: the dlt source, one resource a collection, all chosen businesses in one run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from queue import SimpleQueue
from typing import Any

import dlt
import pendulum
import pyarrow as pa
from dlt.common.exceptions import PipelineStateNotAvailable
from dlt.common.schema.typing import TDeleteInsertStrategyDict
from dlt.extract import DltResource

from sage_accounting.businesses import Business
from sage_accounting.catalogue import Collection, load_catalogue
from sage_accounting.cursors import Progress, sees_deletions, way_to_read
from sage_accounting.decode import Decoder
from sage_accounting.deletions import DELETIONS_TABLE, MARKER, no_deletions
from sage_accounting.errors import ConfigurationError, ResourceUnavailableError
from sage_accounting.extraction import Job, Result, next_result
from sage_accounting.flatten import BUSINESS, ROOT
from sage_accounting.lists import record_ids
from sage_accounting.loaded import LoadedRecords
from sage_accounting.loading import changes_of, progress_of, tables_of
from sage_accounting.misfits import VARIANT
from sage_accounting.report import RUNS_KEY, RUNS_TABLE, Outcome, SyncReport
from sage_accounting.run import Run
from sage_accounting.settings import load_settings
from sage_accounting.slices import goes_by_slices

KINDS = {
    # Arrow's names of types, and dlt's
    "string": "text",
    "decimal128": "decimal",
    "int64": "bigint",
    "bool": "bool",
    "date32": "date",
    "timestamp": "timestamp",
}
MERGE: TDeleteInsertStrategyDict = {"disposition": "merge", "strategy": "delete-insert"}
MERGE_DISTINCT: TDeleteInsertStrategyDict = {**MERGE, "deduplicated": True}
"""For a list known to be whole, which has each record once: dlt need not look for doubles."""


@dlt.source(name="sage_accounting", section="sage_accounting", max_table_nesting=0)
def sage_accounting(
    businesses: Sequence[str] | None = None,
    resources: Sequence[str] | None = None,
    connection: str | None = None,
    full_refresh: bool = False,
    report: SyncReport | None = None,
    part_rows: int | None = None,
) -> Iterator[DltResource]:
    """Sage Accounting as tables: one resource for each collection, merged by business and id.

    Args:
        businesses: ids to read; default: those selected for the connection, or the only one.
        resources: collections to read; default: all that hold data (see ``catalogue.csv``).
        connection: name of the authorised Sage user; default: the setting ``connection``.
        full_refresh: read everything again and compare, instead of what changed.
        report: takes what happened; also makes a failing business or resource stop only itself.
        part_rows: leave the rest of large lists to the next runs after this many records of them, so
            that hours of a first read are kept package by package; ``report.unfinished`` names them.

    Yields Arrow tables. Amounts DECIMAL, dates DATE, times TIMESTAMPTZ in UTC. The run stops with a
    :class:`sage_accounting.errors.SageError` (as the cause of dlt's own error) when the settings, the
    choice of businesses or the tokens are wrong.
    """
    chosen = _longest_unread_first(_chosen_collections(resources))
    run = Run(load_settings(connection), businesses or (), full_refresh, report, part_rows)
    for collection in chosen:
        yield dlt.resource(_records(run, collection), name=collection.name)
    yield dlt.resource(
        _outcomes(run), name=RUNS_TABLE, primary_key=RUNS_KEY, write_disposition=MERGE_DISTINCT
    )


def _chosen_collections(names: Sequence[str] | None) -> list[Collection]:
    catalogue = load_catalogue()
    if not names:
        return [c for c in catalogue.values() if c.read == "default"]
    unknown = [n for n in names if n not in catalogue or catalogue[n].read == "never"]
    if unknown:
        raise ConfigurationError(
            f"Sage Accounting has no readable resource {', '.join(unknown)}, so nothing was read. The "
            f"names are Sage's own, for example sales_invoices; all of them: "
            f"{', '.join(c.name for c in catalogue.values() if c.read != 'never')}.",
            error_code="resource-unknown",
        )
    return [catalogue[name] for name in dict.fromkeys(names)]


def _longest_unread_first(collections: list[Collection]) -> list[Collection]:
    """What a day's budget left out goes before what was read, or the same would be left out each day."""
    kept: Mapping[str, Any] = {}
    with contextlib.suppress(PipelineStateNotAvailable):  # no pipeline is active yet
        kept = dlt.current.source_state().get("resources", {})

    def last_read(collection: Collection) -> str:
        states = kept.get(collection.name, {}).get("businesses", {}).values()
        return min((state.get("last_success") or "" for state in states), default="")

    return sorted(collections, key=last_read)


def _records(run: Run, collection: Collection) -> Callable[[], Iterator[Any]]:
    """The generator of one resource; yields None while nothing is ready, so that dlt asks others."""

    def read() -> Iterator[Any]:
        try:
            extraction = run.open()
            lists = _Lists(run, collection)
            results: SimpleQueue[Result] = SimpleQueue()
            under_way = 0
            for business in run.businesses:
                if collection.kind == "account_list":
                    results.put(run.business_record(business, lists.progress(business.id)))
                elif job := lists.job(business):
                    extraction.start(job, lists.decoder, results)
                else:
                    continue
                under_way += 1
            # dlt begins every resource before this one can end: the run opens only once
            yield None
            while under_way:
                while (result := next_result(results)) is None:
                    run.loaded.rest()
                    yield None
                yield from lists.take(result)
                under_way -= result.ended
        finally:
            run.close()

    return read


def _outcomes(run: Run) -> Callable[[], Iterator[Any]]:
    """The generator of the run's own record, which ends last: dlt begins it after all others.

    It rides in the package that holds the rows and the cursors, so it tells what was loaded.
    """

    def read() -> Iterator[Any]:
        while run.is_open:
            yield None
        if run.report.outcomes:
            yield run.report.to_table()

    return read


class _Lists:
    """One collection of all chosen businesses: what to read of each, and what became of it.

    Progress stands in the resource's dlt state as ``businesses: {id: {since, rows, digest,
    last_success, last_error, is_unavailable}}`` and so moves only with the package that holds the rows.
    """

    def __init__(self, run: Run, collection: Collection) -> None:
        self._run = run
        self._collection = collection
        self._state = dlt.current.resource_state().setdefault("businesses", {})
        businesses = [business.id for business in run.businesses]
        self._loaded = LoadedRecords(run.loaded, collection, businesses)
        self._reached: dict[str, Progress] = {}
        self._parts: dict[str, set[str]] = {}
        self._told: dict[str, pa.Schema] = {}
        self.decoder = Decoder(collection)

    def job(self, business: Business) -> Job | None:
        """What to read of ``business``; None when its country does not have the collection."""
        collection = self._collection
        self._run.begin(business.id, collection)
        if business.country and not collection.offered_in(business.country):
            self._run.note(business.id, collection, Outcome("unavailable"))
            return None
        progress = self.progress(business.id)
        compares_ids = (
            progress is not None
            and way_to_read(collection, progress) == "changes"
            and not sees_deletions(collection)
        )
        loaded_ids = self._loaded.ids(business.id) if compares_ids else None
        return Job(business.id, collection, progress, loaded_ids)

    def take(self, result: Result) -> Iterator[Any]:
        """The tables of one result, with hints."""
        result = result.settled()
        business_id, collection = result.job.business_id, self._collection
        kept = self._state.setdefault(business_id, {})
        if result.error is not None or result.found is None:
            is_unavailable = isinstance(result.error, ResourceUnavailableError)
            is_news = not (is_unavailable and kept.get("is_unavailable"))
            kept["last_error"] = self._run.fail(result, is_news)
            kept["is_unavailable"] = is_unavailable
            return
        before = self._reached.get(business_id, result.job.progress)
        if not self._run.knows_deletions:  # the table is there from the first sync on, if empty
            self._run.knows_deletions = True
            if not self._loaded.has(DELETIONS_TABLE):
                yield self._hinted(DELETIONS_TABLE, no_deletions())
        rows = deleted = 0
        for changes in changes_of(
            collection,
            business_id,
            result.found,
            before=before,
            loaded=self._loaded,
            now=pendulum.now("UTC"),
            already=frozenset(self._parts.get(business_id, ())),
        ):
            rows += changes.rows
            deleted += changes.deletions.num_rows
            for name, table in tables_of(collection, changes):
                kinds = self._loaded.kinds(name)
                table = beside(table, kinds)
                self._run.note_variants(name, set(table.column_names) - kinds.keys())
                yield self._hinted(name, table)
        if result.found.part is not None and self._is_distinct:
            self._parts.setdefault(business_id, set()).update(
                record_ids(result.found.records.pages)
            )
        progress = progress_of(
            business_id, result.found, rows=rows, before=before, loaded=self._loaded
        )
        self._reached[business_id] = progress
        kept.update(progress.to_state())
        kept.update(last_success=pendulum.now("UTC").to_iso8601_string(), last_error=None)
        kept["is_unavailable"] = False
        outcome = Outcome(
            "ok", rows, deleted, result.requests,
            finished=result.finished, waited_s=result.waited_s, started_at=result.started_at,
        )  # fmt: skip
        self._run.note(business_id, collection, outcome)

    def progress(self, business_id: str) -> Progress | None:
        """Where to go on; None = from the start."""
        kept = self._state.get(business_id, {})
        known = "since" in kept and not self._run.full_refresh
        return Progress.from_state(kept) if known else None

    @property
    def _is_distinct(self) -> bool:
        """Whether no package of this run holds a record of the list twice.

        A list known to be whole has each once. Slices may not, and what changed since them may not,
        unless that goes into a package of its own.
        """
        if goes_by_slices(self._collection):
            return self._run.part_rows is not None
        return self._collection.key == ("id",)

    def _hinted(self, name: str, table: pa.Table) -> Any:
        """A table with its name, its keys and how dlt is to merge it."""
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


def beside(table: pa.Table, kinds: Mapping[str, str]) -> pa.Table:
    """Columns whose kind is not the warehouse's under a name of their own, as dlt calls variants.

    Sage's declared fields never change kind; a field that Sage added unannounced may have been text
    and be a number now. Both columns stay.
    """
    names = []
    for field in table.schema:
        kind = KINDS[str(field.type).split("(")[0].split("[")[0]]
        known = kinds.get(field.name.lower(), kind)
        names.append(field.name if known == kind else f"{field.name}{VARIANT}{kind}")
    return table.rename_columns(names)
