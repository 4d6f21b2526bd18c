"""Runs readers in parallel: the only place where pages are fetched.

One thread pool serves all collections of all businesses. A :class:`Reading` is one reader
(:mod:`readers`) under way: each batch of queries that it yields is fetched in parallel, and the thread
that completes the batch resumes the reader. So no thread waits for another, and any number of lists can
be under way with ``concurrency`` threads. The records of every few pages are made flat as soon as those
are there, while the rest of the batch is under way.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from queue import Empty, SimpleQueue

from sage_accounting.catalogue import Collection
from sage_accounting.client import Answer, Call, NotYet, SageClient
from sage_accounting.cursors import Progress
from sage_accounting.decode import NO_ITEMS, Decoder, Page
from sage_accounting.errors import ListMovedError, ResourceUnavailableError
from sage_accounting.flatten import flatten
from sage_accounting.lists import KEY, Query
from sage_accounting.readers import Found, Reader, read_collection
from sage_accounting.spool import Chunk, Spool
from sage_accounting.waiting_room import WaitingRoom

GROUP = 32
"""Pages whose records are made flat together: a page alone costs as much as ten, and all of a batch
would be in memory at once."""


@dataclass(frozen=True)
class Job:
    """One collection of one business to read."""

    business_id: str
    collection: Collection
    progress: Progress | None
    loaded_ids: frozenset[str] | None = None
    """Ids in the warehouse, where the reader needs them (:func:`readers.read_collection`)."""


@dataclass(frozen=True)
class Result:
    """What a job found, or the error that ended it."""

    job: Job
    requests: int
    found: Found | None = None
    error: BaseException | None = None
    ended: bool = True
    """Whether nothing more of the job follows in this run."""
    finished: bool = True
    """Whether all of the list was read; if not, the next run goes on."""
    started_at: datetime | None = None
    """When the job got its first thread; aware UTC."""
    waited_s: float = 0.0
    """Seconds that requests of it waited to be sent or repeated, each counted for itself."""

    def settled(self) -> Result:
        """The result once all its records are flat; an error when some can not be."""
        if self.found is None:
            return self
        chunks = {page.chunk for page in (*self.found.records.pages, *self.found.tombstones)}
        errors = (chunk.exception() for chunk in chunks if chunk is not None)
        error = next((error for error in errors if error is not None), None)
        return self if error is None else replace(self, found=None, error=error)


class Extraction:
    """Fetches for any number of jobs at once; a context for one run of the source."""

    def __init__(self, client: SageClient, concurrency: int, part_rows: int | None = None) -> None:
        """After ``part_rows`` records in parts of large lists no further part is begun."""
        self._client = client
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="sage")
        self._waiting = WaitingRoom(self._pool.submit, concurrency)
        self._spool = Spool()
        self._parts = _Parts(part_rows)

    def start(self, job: Job, decoder: Decoder, results: SimpleQueue[Result]) -> None:
        """Begin a job; its result is put into ``results`` when it ends."""
        steps = read_collection(job.collection, job.progress, job.loaded_ids)
        reading = Reading(
            job, steps, decoder, self._client, self._pool, self._waiting, self._spool, self._parts,
            results,
        )  # fmt: skip
        self._pool.submit(reading.advance, None)

    def close(self) -> None:
        """Stop: what is queued is dropped, what is under way ends unheard."""
        self._waiting.close()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._client.close()
        self._spool.close()
        _give_back_memory()


class _Parts:
    """How many more records the parts of large lists may bring into this run; thread-safe."""

    def __init__(self, rows: int | None) -> None:
        self._left = rows
        self._lock = threading.Lock()

    def take(self, part: Found) -> bool:
        """Count a part; whether another may be begun.

        After the last slice comes what changed meanwhile, which can hold the same records again: it
        is left to the next package, so that one package holds each record once.
        """
        if self._left is None:
            return True
        with self._lock:
            self._left -= part.records.total
            return self._left > 0 and part.backfill is not None


class Reading:
    """One reader under way; at most one thread advances it at a time."""

    def __init__(
        self,
        job: Job,
        steps: Reader,
        decoder: Decoder,
        client: SageClient,
        pool: ThreadPoolExecutor,
        waiting: WaitingRoom,
        spool: Spool,
        parts: _Parts,
        results: SimpleQueue[Result],
    ) -> None:
        self._job = job
        self._steps = steps
        self._decoder = decoder
        self._client = client
        self._pool = pool
        self._waiting = waiting
        self._spool = spool
        self._parts = parts
        self._results = results
        self._lock = threading.Lock()
        self._pages: list[Page | None] = []
        self._missing: list[int] = []
        """Pages that are not there yet, by group of :data:`GROUP`."""
        self._error: BaseException | None = None
        self._told = 0
        self._waited_s = 0.0
        self._started_at: datetime | None = None

    def advance(self, pages: list[Page] | None) -> None:
        """Hand the asked pages to the reader and fetch what it wants next, or end the job."""
        self._started_at = self._started_at or datetime.now(UTC)
        try:
            step = self._steps.send(pages) if pages is not None else next(self._steps)
            while isinstance(step, Found):
                goes_on = self._parts.take(step)
                self._tell(found=step, ended=not goes_on, finished=False)
                if not goes_on:
                    return
                step = next(self._steps)
            self._ask_all(step, is_first=pages is None)
        except StopIteration as stop:
            self._tell(found=stop.value)
        except BaseException as error:  # noqa: BLE001 - handed to the extracting thread
            self._tell(error=error)

    def _ask_all(self, batch: list[Query], *, is_first: bool) -> None:
        """Fetch a batch; each of its pages arrives by itself.

        Of the first batch, which is all that most lists need, this thread asks for a page itself.
        """
        self._pages = [None] * len(batch)
        self._missing = [len(batch[at : at + GROUP]) for at in range(0, len(batch), GROUP)]
        fetches = [
            partial(self._fetch, place, query, self._call(query))
            for place, query in enumerate(batch)
        ]
        own = fetches.pop() if is_first else None
        for fetch in fetches:
            self._pool.submit(fetch)
        if own is not None:
            own()

    def _fetch(
        self, place: int, query: Query, call: Call[Page], waits_since: float | None = None
    ) -> None:
        """Ask for one page; ``waits_since`` is when it was put off, by the monotonic clock."""
        if waits_since is not None:
            with self._lock:
                self._waited_s += time.monotonic() - waits_since
        page: Page | None = None
        try:
            if self._error is None:  # a sibling's failure makes this page useless
                page = self._ask(query, call)
        except NotYet as later:
            queue = self._job.business_id if later.is_shared else None
            again = partial(self._fetch, place, query, call, time.monotonic())
            self._waiting.enter(again, later.wait_s, queue)
            return
        except BaseException as error:  # noqa: BLE001 - handed to the extracting thread
            self._error = error
        self._arrived(place, page)

    def _arrived(self, place: int, page: Page | None) -> None:
        """Take a page; the one that completes its group makes it flat, the last one of all advances."""
        group = place // GROUP
        places = slice(group * GROUP, (group + 1) * GROUP)
        chunk: Future[Chunk] = Future()
        with self._lock:
            self._pages[place] = page
            self._missing[group] -= 1
            if self._missing[group]:
                return
            whole = [page for page in self._pages[places] if page is not None]
            has_records = any(len(page.items) for page in whole)
            if self._error is None and has_records:
                self._pages[places] = [replace(p, items=NO_ITEMS, chunk=chunk) for p in whole]
            batch = None if any(self._missing) else self._pages
        if self._error is not None:
            if batch is not None:
                self._tell(error=self._error)
            return
        if batch is not None:
            # the next batch is under way while this group is made flat
            self.advance([page for page in batch if page is not None])
        if not has_records:
            return
        try:
            chunk.set_result(self._flat(whole))
        except BaseException as error:  # noqa: BLE001 - handed to the extracting thread
            chunk.set_exception(error)

    def _call(self, query: Query) -> Call[Page]:
        path = self._job.collection.path
        read: Callable[[Answer], Page] = partial(self._decoder.read_page, known=self._known)
        if KEY in query:
            path, read = f"{path}/{query[KEY]}", self._decoder.read_record
        return self._client.call(
            path,
            {name: value for name, value in query.items() if name != KEY},
            business_id=self._job.business_id,
            resource=self._job.collection.name,
            read=read,
        )

    def _ask(self, query: Query, call: Call[Page]) -> Page:
        try:
            return call.attempt()
        except ResourceUnavailableError as error:
            if KEY not in query or error.status != 404:
                raise
            raise ListMovedError(
                f"A record of {error.place} was deleted while the list was read record by record. "
                "Nothing of the list was loaded and its cursor stays; the next run reads it again."
            ) from None

    def _flat(self, pages: list[Page]) -> Chunk:
        """The records of the pages, where they wait to be loaded."""
        job, items = self._job, [page.items for page in pages]
        return self._spool.keep(
            flatten(job.collection, job.business_id, self._decoder.shape, items)
        )

    def _tell(
        self,
        *,
        found: Found | None = None,
        error: BaseException | None = None,
        ended: bool = True,
        finished: bool = True,
    ) -> None:
        """Put a result, with what it cost since the last one."""
        waited_s, self._waited_s = self._waited_s, 0.0
        self._results.put(
            Result(
                self._job, self._requests(), found, error, ended, finished, self._started_at, waited_s
            )
        )  # fmt: skip

    @property
    def _known(self) -> str | None:
        return None if self._job.progress is None else self._job.progress.digest

    def _requests(self) -> int:
        """Requests since the last result."""
        place = self._job.business_id, self._job.collection.name
        told, self._told = self._told, self._client.requests.by_place[place]
        return self._told - told


def _give_back_memory() -> None:
    """Return freed memory to the system before the load needs it: 300 MB after 20,000 invoices.

    The C library keeps it for threads that are gone; only glibc can be asked for it.
    """
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def next_result(results: SimpleQueue[Result]) -> Result | None:
    """The next result, or None when none is there yet."""
    try:
        return results.get_nowait()
    except Empty:
        return None
