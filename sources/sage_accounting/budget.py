"""How many requests may still be sent: allowances by the minute and by the day.

Sage's limits are per application and unpublished; sources name between 100 and 200 requests a minute
and 2,500 a day for one business. Each allowance is a setting, 0 = unlimited. What was spent is counted
in one SQLite file beside dlt's pipelines, so all processes of a machine share it: a request is granted
in one transaction of about 0.05 ms, no lock is held while anybody waits, and the kernel frees the
lock of a process that is killed.

A window slides: with an allowance of N, a request is granted when the one N before it is a window
old. So no minute, wherever it begins, sees more than N, and a short sync waits for nothing.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from sage_accounting.errors import BudgetExhaustedError, BudgetStoreError

FILE_NAME = "sage_budget.sqlite"
MARGIN = 0.025
"""A minute is counted as this much longer, a day by as many seconds: a request can reach Sage a second
after its permission, and the next one at once. Leaves 97.5 % of the allowance of a minute."""
WAITED_OUT_S = 300.0
"""A day's allowance that frees a request this soon is waited for: a daily job that starts a few
seconds earlier than yesterday must not stop at its first request."""
BUSY_TIMEOUT_S = 30.0
CLOCK_SLACK_S = 1.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS spent (
    allowance INTEGER,  -- Allowance.key
    number INTEGER,     -- of the request, counted up
    at REAL,            -- when it was granted, seconds since 1970
    PRIMARY KEY (allowance, number)
) WITHOUT ROWID
"""


@dataclass(frozen=True)
class Limits:
    """Requests in a window; 0 = unlimited."""

    minute: int = 0
    """Of each business."""
    day: int = 0
    app_minute: int = 0
    """Of all businesses of the application together."""
    app_day: int = 0
    minute_s: float = 60.0
    day_s: float = 86_400.0


@dataclass(frozen=True)
class Allowance:
    """So many requests in any window, for one business or for the application."""

    subject: str
    """As messages name it."""
    requests: int
    window_s: float
    is_daily: bool
    key: int


class RequestBudget:
    """Grants requests; thread-safe, and shared by all processes that use the same folder.

    Raises :class:`BudgetStoreError` when the counts can not be kept.
    """

    def __init__(
        self,
        limits: Limits,
        application: str,
        folder: Path,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``application`` names what shares the application's limits; kept as a digest only."""
        self._limits = limits
        self._application = application
        self._path = folder / FILE_NAME
        self._clock = clock
        self._lock = threading.Lock()
        self._file: sqlite3.Connection | None = None
        self._allowances: dict[str | None, Sequence[Allowance]] = {}

    def take(self, business_id: str | None) -> float:
        """0.0 when a request is granted and counted, else the seconds until it is worth asking again.

        ``business_id`` None: a request that belongs to no business. Never waits for an allowance.
        Raises :class:`BudgetExhaustedError` when a day's allowance is used up.
        """
        allowances = self._allowances.get(business_id)
        if allowances is None:
            allowances = self._allowances[business_id] = self._of(business_id)
        if not allowances:
            return 0.0
        try:
            return self._take(allowances)
        except sqlite3.DatabaseError:  # no database any more, as after a power cut
            self._start_anew()
            return self._take(allowances)

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _of(self, business_id: str | None) -> Sequence[Allowance]:
        held = self._limits
        app = hashlib.sha256(self._application.encode()).hexdigest()
        wanted = [
            ("all businesses together", app, held.app_day, held.day_s, True),
            ("all businesses together", app, held.app_minute, held.minute_s, False),
        ]
        if business_id is not None:
            subject, scope = f"business {business_id}", f"{app} {business_id}"
            wanted += [
                (subject, scope, held.day, held.day_s, True),
                (subject, scope, held.minute, held.minute_s, False),
            ]
        return [
            Allowance(
                subject, requests, window_s + held.minute_s * MARGIN, daily, _key(scope, daily)
            )
            for subject, scope, requests, window_s, daily in wanted
            if requests
        ]

    def _take(self, allowances: Sequence[Allowance]) -> float:
        with self._lock, self._transaction() as file:
            now = self._clock()
            spent = [_spent(file, allowance, now) for allowance in allowances]
            wait_s = 0.0
            for allowance, (_, free_at) in zip(allowances, spent, strict=True):
                if allowance.is_daily and free_at - now > WAITED_OUT_S:
                    raise _exhausted(allowance, free_at)
                wait_s = max(wait_s, free_at - now)
            if wait_s > 0.0:
                return wait_s
            for allowance, (number, _) in zip(allowances, spent, strict=True):
                _spend(file, allowance, number, now)
            return 0.0

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """The file, nobody else's until the end."""
        try:
            if self._file is None:
                self._file = _open(self._path)
            self._file.execute("BEGIN IMMEDIATE")
            try:
                yield self._file
            finally:
                self._file.execute("COMMIT")
        except (sqlite3.OperationalError, OSError, TimeoutError) as error:
            raise BudgetStoreError(
                f"The count of requests sent could not be kept in {self._path} ({error}), so no more "
                "were sent. What was loaded is untouched and cursors stay. Give this user the right to "
                "write in that folder, and room on its disk, then run the command again."
            ) from error

    def _start_anew(self) -> None:
        """Remove the file."""
        self.close()
        with FileLock(self._path.with_suffix(".lock"), timeout=BUSY_TIMEOUT_S):
            for suffix in ("", "-wal", "-shm"):
                Path(f"{self._path}{suffix}").unlink(missing_ok=True)


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    # SQLite lets no two processes turn a new file to WAL at once
    with FileLock(path.with_suffix(".lock"), timeout=BUSY_TIMEOUT_S):
        file = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        file.execute("PRAGMA journal_mode = WAL")
        # a kill loses nothing; a power cut may lose the last counts, and Sage's own 429 is left
        file.execute("PRAGMA synchronous = OFF")
        file.execute(_SCHEMA)
    return file


def _key(scope: str, is_daily: bool) -> int:
    """Eight bytes in place of 64 characters a row."""
    digest = hashlib.blake2b(f"{scope} {is_daily}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def _spent(file: sqlite3.Connection, allowance: Allowance, now: float) -> tuple[int, float]:
    """Number of the last request granted, and when the next may be (past or ``now`` = at once)."""
    newest = file.execute(
        "SELECT number, at FROM spent WHERE allowance = ? ORDER BY number DESC LIMIT 1",
        (allowance.key,),
    ).fetchone()
    if newest is None:
        return 0, now
    number, at = newest
    if at > now + CLOCK_SLACK_S:  # the machine's clock was set back: count what was spent as of now
        file.execute("UPDATE spent SET at = at - ? WHERE allowance = ?", (at - now, allowance.key))
    bound = file.execute(
        "SELECT at FROM spent WHERE allowance = ? AND number = ?",
        (allowance.key, number - allowance.requests + 1),
    ).fetchone()
    return number, now if bound is None else bound[0] + allowance.window_s


def _spend(file: sqlite3.Connection, allowance: Allowance, last: int, now: float) -> None:
    file.execute("INSERT INTO spent VALUES (?, ?, ?)", (allowance.key, last + 1, now))
    # two at most, so that a request never pays for the tidying of a whole day
    file.execute(
        "DELETE FROM spent WHERE allowance = ?1 AND number <= 1 + (SELECT number FROM spent WHERE "
        "allowance = ?1 ORDER BY number LIMIT 1) AND at < ?2",
        (allowance.key, now - allowance.window_s),
    )


def _exhausted(allowance: Allowance, free_at: float) -> BudgetExhaustedError:
    moment = datetime.fromtimestamp(free_at, UTC)
    return BudgetExhaustedError(
        f"The day budget of {allowance.requests} requests for {allowance.subject} is used up. What "
        "was read whole is loaded; what was not keeps its cursor, and the next run goes on with it. "
        f"From {moment:%Y-%m-%d %H:%M} UTC on, requests come free as they were used. Raise "
        f"{'app_' if allowance.subject.startswith('all') else ''}requests_per_day if Sage allows more."
    )
