"""One run of the source: its connection to Sage, its businesses, its report."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property

import dlt

from sage_accounting.businesses import Business, choose, list_businesses
from sage_accounting.catalogue import Collection, load_catalogue
from sage_accounting.client import SageClient
from sage_accounting.cursors import Progress
from sage_accounting.decode import NO_ITEMS, Decoder
from sage_accounting.errors import (
    AccessTokenError,
    BudgetExhaustedError,
    DecodeError,
    ListMovedError,
    RequestRejectedError,
    ResourceUnavailableError,
    SageUnreachableError,
    SubscriptionEndedError,
)
from sage_accounting.extraction import Extraction, Job, Result
from sage_accounting.flatten import flatten
from sage_accounting.lists import Listing, digest_of
from sage_accounting.loaded import LoadedTables
from sage_accounting.misfits import VARIANT
from sage_accounting.readers import Found
from sage_accounting.report import Outcome, Status, SyncReport
from sage_accounting.settings import Settings
from sage_accounting.spool import ready
from sage_accounting.tokens import SageAuth, open_vault

logger = logging.getLogger(__name__)

LOCAL_FAILURES = (
    # of one business or resource: the others go on
    AccessTokenError,
    BudgetExhaustedError,
    DecodeError,
    ListMovedError,
    RequestRejectedError,
    ResourceUnavailableError,
    SageUnreachableError,
    SubscriptionEndedError,
)


class Run:
    """One run of the source, shared by its resources: opens with the first, closes after the last."""

    def __init__(
        self,
        settings: Settings,
        asked: Sequence[str],
        full_refresh: bool,
        report: SyncReport | None,
        part_rows: int | None,
    ) -> None:
        self._settings = settings
        self._asked = asked
        self._goes_on = report is not None
        self._users = 0
        self._extraction: Extraction | None = None
        self._client: SageClient | None = None
        self._business_decoder = Decoder(load_catalogue()["businesses"])
        self.report = SyncReport() if report is None else report
        self.report.connection = settings.connection
        self.full_refresh = full_refresh
        self.part_rows = part_rows
        self.knows_deletions = False
        """Whether the table of deletions was seen to in this run."""
        self.businesses: Sequence[Business] = ()
        self.loaded: LoadedTables
        """What the runs before loaded; there when the run is open."""

    def open(self) -> Extraction:
        """The running extraction; each resource that opens it must :meth:`close` it."""
        self._users += 1
        if self._extraction is None:
            vault = open_vault(
                self._settings,
                destination=self.pipeline.destination,
                pipelines_dir=self.pipeline.pipelines_dir,
            )
            self.loaded = LoadedTables(self.pipeline, dlt.current.source_schema().name)
            folder = self.pipeline.pipelines_dir
            self._client = SageClient(self._settings, SageAuth(vault), folder=folder)
            sent = self._client.requests
            self.report.count_requests = lambda: sent.total
            self._extraction = Extraction(self._client, self._settings.concurrency, self.part_rows)
            found = list_businesses(self._client, self._business_decoder)
            self.businesses = choose(found, self._asked, vault.selection())
        return self._extraction

    @cached_property
    def pipeline(self) -> dlt.Pipeline:
        """The dlt pipeline that this run feeds; dlt takes milliseconds to tell, so it is asked once."""
        return dlt.current.pipeline()

    def close(self) -> None:
        self._users -= 1
        if self._users or self._extraction is None or self._client is None:
            return
        self.loaded.close()
        self._extraction.close()
        self._extraction = None
        self.report.count_requests = lambda: 0
        self.report.requests += self._client.requests.total

    @property
    def is_open(self) -> bool:
        """Whether a resource still reads."""
        return self._users > 0

    def business_record(self, business: Business, progress: Progress | None) -> Result:
        """A business's own record, which came with the list of businesses."""
        collection, page = load_catalogue()["businesses"], business.page
        self.begin(business.id, collection)
        own = replace(page, items=NO_ITEMS, count=1)
        digest = digest_of([own])
        if progress is None or progress.digest != digest:
            record = page.items.slice(business.row, 1)
            tables = flatten(collection, business.id, self._business_decoder.shape, [record])
            own = replace(own, chunk=ready(tables))
        found = Found(Listing([own], 1, page.sent_at), is_full=True, digest=digest)
        return Result(Job(business.id, collection, progress), requests=0, found=found)

    def begin(self, business_id: str, collection: Collection) -> None:
        place = business_id, collection.name
        if not self.report.is_begun(*place):
            self.report.on_start(*place)

    def note(self, business_id: str, collection: Collection, outcome: Outcome) -> None:
        self.report.add(business_id, collection.name, outcome)

    def note_variants(self, table: str, new_columns: Iterable[str]) -> None:
        """Report columns that hold what another column could not: Sage changed a field's type."""
        variants = {f"{table}.{column}" for column in new_columns if VARIANT in column}
        for column in sorted(variants):
            logger.warning("a field changed its type: values that do not fit are in %s", column)
        self.report.variants.update(variants)

    def fail(self, result: Result, is_news: bool) -> str:
        """What went wrong, when the others can go on; otherwise the run stops here."""
        error = result.error
        unavailable = isinstance(error, ResourceUnavailableError)
        if not isinstance(error, LOCAL_FAILURES) or (not self._goes_on and not unavailable):
            raise error or RuntimeError("a job ended with neither records nor error")
        status: Status = "unavailable" if unavailable else "failed"
        postponed = isinstance(error, BudgetExhaustedError)
        outcome = Outcome(
            status,
            requests=result.requests,
            error=error.coded,
            error_code=error.error_code,
            waited_s=result.waited_s,
            started_at=result.started_at,
            is_news=is_news,
            is_postponed=postponed,
        )
        self.note(result.job.business_id, result.job.collection, outcome)
        return error.coded
