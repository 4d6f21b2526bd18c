"""Sending many rows: parallel, except what Sage numbers in sequence within one business."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TypeAlias

from sage_accounting.catalogue import load_catalogue
from sage_accounting.client import SageClient
from sage_accounting.outbox import Outbox
from sage_accounting.outbox_rows import Entry
from sage_accounting.writes.send import Fate, send

logger = logging.getLogger(__name__)

FIRST_WAIT_S = 0.01
LONGEST_WAIT_S = 0.25
"""Between two looks at a row that another process sends. Its death is noticed after as much."""

Progress: TypeAlias = Callable[[str, Fate], None]
"""Told the key and fate of each row that this process sent; from any thread."""


def push(
    client: SageClient,
    outbox: Outbox,
    keys: Iterable[str],
    *,
    concurrency: int,
    on_fate: Progress = lambda _key, _fate: None,
) -> list[Entry]:
    """Send the pending rows of ``keys`` and give all of them with their fates.

    Returns when each row is settled or was tried by some process; rows that another process sends are
    waited for. Raises the first error that stops everything; what was not sent stays pending.
    """
    wanted = list(dict.fromkeys(keys))
    run = _Run(client, outbox, on_fate)
    pending = [entry for entry in outbox.entries(wanted) if not entry.is_final]
    lanes, free = _sorted_by_lane(pending)
    with ThreadPoolExecutor(max_workers=max(1, concurrency), thread_name_prefix="push") as pool:
        workers = [*lanes, *[free] * min(concurrency, len(free.entries))]
        futures = [pool.submit(run.work, lane) for lane in workers]
        try:
            wait(futures)
        except BaseException:  # interrupted: what is under way is finished, no more is begun
            run.stop()
            raise
    if run.error is not None:
        raise run.error
    return outbox.entries(wanted)


@dataclass
class _Lane:
    """Rows that are sent in turn."""

    is_serial: bool
    """By one thread, in the order of the file."""
    entries: deque[Entry] = field(default_factory=deque)

    def put_back(self, entry: Entry) -> None:
        """Another process sends it: try it again, of a serial lane before any other."""
        if self.is_serial:
            self.entries.appendleft(entry)
        else:
            self.entries.append(entry)


def _sorted_by_lane(pending: Iterable[Entry]) -> tuple[list[_Lane], _Lane]:
    """One lane a business for what is numbered in sequence, and one for all the rest."""
    serial: dict[str, _Lane] = {}
    free = _Lane(is_serial=False)
    for entry in pending:
        lane = free
        if entry.method == "POST" and load_catalogue()[entry.resource].serial:
            lane = serial.setdefault(entry.business_id, _Lane(is_serial=True))
        lane.entries.append(entry)
    return list(serial.values()), free


class _Run:
    """One push under way."""

    def __init__(self, client: SageClient, outbox: Outbox, on_fate: Progress) -> None:
        self._client = client
        self._outbox = outbox
        self._on_fate = on_fate
        self._stopped = threading.Event()
        self.error: BaseException | None = None

    def stop(self) -> None:
        self._stopped.set()

    def work(self, lane: _Lane) -> None:
        """Send the rows of a lane until there is none left."""
        wait_s = FIRST_WAIT_S
        while not self._stopped.is_set():
            try:
                entry = lane.entries.popleft()
            except IndexError:
                return
            try:
                is_held = self._try(entry)
            except BaseException as error:  # noqa: BLE001 - stops the other threads, raised by push
                self.error = self.error or error
                self.stop()
                return
            if not is_held:
                wait_s = FIRST_WAIT_S
                continue
            lane.put_back(entry)
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def _try(self, entry: Entry) -> bool:
        """Send a row; True when another process does it just now."""
        claim = self._outbox.claim(entry.key)
        if claim == "settled":
            return False
        if claim == "held":
            return True
        fate = send(self._client, self._outbox, claim)
        logger.info(
            "%s %s: %s", claim.method, claim.resource, fate.state,
            extra={"resource": claim.resource, "business_id": claim.business_id},
        )  # fmt: skip
        self._on_fate(entry.key, fate)
        return False
