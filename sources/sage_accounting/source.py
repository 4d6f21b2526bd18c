"""``sage_accounting``: the dlt source, one resource a collection, all chosen businesses in one run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from queue import SimpleQueue
from typing import Any

import dlt
import pendulum
from dlt.common.exceptions import PipelineStateNotAvailable
from dlt.extract import DltResource

from sage_accounting.businesses import Business
from sage_accounting.catalogue import Collection, load_catalogue
from sage_accounting.cursors import Progress, sees_deletions, way_to_read
from sage_accounting.decode import Decoder
from sage_accounting.deletions import DELETIONS_TABLE, no_deletions
from sage_accounting.errors import ConfigurationError, ResourceUnavailableError
from sage_accounting.extraction import Job, Result, next_result
from sage_accounting.handover import MERGE_DISTINCT, Handover
from sage_accounting.lists import record_ids
from sage_accounting.loaded import LoadedRecords
from sage_accounting.loading import changes_of, progress_of, tables_of
from sage_accounting.misfits import beside
from sage_accounting.report import RUNS_KEY, RUNS_TABLE, Outcome, SyncReport
from sage_accounting.run import Run
from sage_accounting.settings import load_settings
from sage_accounting.slices import goes_by_slices


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
                    run.loaded.close_if_idle()
                    yield None
                yield from lists.take(result)
                under_way -= result.ended
            yield from lists.rest()
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
        self._handover = Handover(collection, is_distinct=self._is_distinct)
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
        """Take one result in; yields the tables that go to dlt at once."""
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
                yield from self._handover.give(DELETIONS_TABLE, no_deletions())
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
                yield from self._handover.give(name, table)
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

    def rest(self) -> Iterator[Any]:
        """The tables that still wait for others."""
        return self._handover.rest()

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
