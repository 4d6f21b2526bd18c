"""How many requests may still be sent: allowances by the minute and by the day.

Sage's limits are per application and unpublished; sources name between 100 and 200 requests a minute
and 2,500 a day for one business. Each allowance is a setting, 0 = unlimited. What was spent is counted
by pyrate_limiter in one SQLite file beside dlt's pipelines, so all processes of a machine share it: a
bucket for the application and one for each business, with the rates of a minute and a day.

A window slides: with an allowance of N, a request is granted when the one N before it is a window
old. So no minute, wherever it begins, sees more than N, and a short sync waits for nothing.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from filelock import FileLock
from pyrate_limiter import Rate, RateItem, SQLiteBucket, validate_rate_list

from sage_accounting.errors import BudgetExhaustedError, BudgetStoreError

FILE_NAME = "sage_budget.sqlite"
MARGIN = 0.025
"""A minute is counted as this much longer, a day by as many seconds: a request can reach Sage a second
after its permission, and the next one at once. Leaves 97.5 % of the allowance of a minute."""
WAITED_OUT_S = 300.0
"""A day's allowance that frees a request this soon is waited for: a daily job that starts a few
seconds earlier than yesterday must not stop at its first request."""
BUSY_TIMEOUT_S = 30.0
POLL_S = 0.002
"""How often the lock is tried that another process holds for 0.2 ms; filelock's own 0.05 is long."""
CLOCK_SLACK_MS = 1000


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
    """What one business may send, or the application."""

    subject: str
    """As messages name it."""
    setting: str
    """Of the day's requests."""
    bucket: SQLiteBucket


@dataclass(frozen=True)
class Use:
    """How much of one allowance is used up."""

    subject: str
    """``business 3f2a…`` or ``all businesses together``."""
    window: Literal["minute", "day"]
    used: int
    allowed: int


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
        # less one, because the library counts a request that is exactly an interval old as inside
        self._minute_ms = round(limits.minute_s * (1.0 + MARGIN) * 1000) - 1
        self._day_ms = round((limits.day_s + limits.minute_s * MARGIN) * 1000) - 1
        self._application = application
        self._path = folder / FILE_NAME
        self._clock = clock
        self._lock = threading.Lock()
        self._file_lock = FileLock(f"{self._path}.lock")  # under which the library makes the file
        self._file: sqlite3.Connection | None = None
        self._allowances: dict[str | None, Sequence[Allowance]] = {}

    def take(self, business_id: str | None) -> float:
        """0.0 when a request is granted and counted, else the seconds until it is worth asking again.

        ``business_id`` None: a request that belongs to no business. Never waits for an allowance.
        Raises :class:`BudgetExhaustedError` when a day's allowance is used up.
        """
        with self._lock, self._explained():
            try:
                return self._take(business_id)
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:  # no database any more, as after a power cut
                self._start_anew()
                return self._take(business_id)

    def uses(self, business_id: str | None) -> list[Use]:
        """What is used up now of each allowance that is set; takes nothing."""
        with self._lock, self._explained():
            if not self._path.exists():
                return []
            allowances = self._known(business_id)
            with self._alone():
                now_ms = round(self._clock() * 1000)
                return [
                    Use(
                        allowance.subject,
                        "day" if rate.interval == self._day_ms else "minute",
                        _spent_since(allowance.bucket, now_ms - rate.interval),
                        rate.limit,
                    )
                    for allowance in allowances
                    for rate in allowance.bucket.rates
                ]

    def close(self) -> None:
        with self._lock:
            self._close()

    def _take(self, business_id: str | None) -> float:
        allowances = self._known(business_id)
        if not allowances:
            return 0.0
        # The library locks one bucket at a time and takes no permit back. So all are asked before any
        # is used, under a lock of ours. A process killed between two puts has used the application's
        # permit for nothing, until its window is over.
        with self._alone():
            now_ms = round(self._clock() * 1000)
            wait_ms = max(self._wait_ms(allowance, now_ms) for allowance in allowances)
            if wait_ms > 0:
                return wait_ms / 1000
            for allowance in allowances:
                allowance.bucket.put(RateItem("", now_ms))
        return 0.0

    def _wait_ms(self, allowance: Allowance, now_ms: int) -> int:
        """Milliseconds until the allowance has room, as the library counts; 0 for at once."""
        bucket = allowance.bucket
        _heed_clock(bucket, now_ms)
        longest_ms = 0
        for rate in bucket.rates:
            bound = bucket.peek(rate.limit - 1)
            wait_ms = bound.timestamp + rate.interval + 1 - now_ms if bound else 0
            if rate.interval == self._day_ms and wait_ms > WAITED_OUT_S * 1000:
                raise _exhausted(allowance, rate, now_ms + wait_ms)
            if wait_ms < 0 and rate is bucket.rates[-1]:  # so the file keeps one allowance at most
                bucket.leak(now_ms)
            longest_ms = max(longest_ms, wait_ms)
        return longest_ms

    def _known(self, business_id: str | None) -> Sequence[Allowance]:
        """Made before our lock is taken: the library takes the same one to make a bucket."""
        if business_id not in self._allowances:
            self._allowances[business_id] = self._of(business_id)
        return self._allowances[business_id]

    def _of(self, business_id: str | None) -> Sequence[Allowance]:
        held = self._limits
        app = self._application
        wanted = [
            ("all businesses together", "app_requests_per_day", app, held.app_minute, held.app_day)
        ]
        if business_id is not None:
            scope = f"{app} {business_id}"
            subject = f"business {business_id}"
            wanted.append((subject, "requests_per_day", scope, held.minute, held.day))
        return [
            Allowance(subject, setting, self._bucket(scope, rates))
            for subject, setting, scope, minute, day in wanted
            if (rates := self._rates(minute, day))
        ]

    def _rates(self, minute: int, day: int) -> list[Rate]:
        """Of the allowances that are set and can be used up."""
        wanted = ((minute, self._minute_ms), (day, self._day_ms))
        rates = [Rate(requests, interval_ms) for requests, interval_ms in wanted if requests]
        if len(rates) == 2 and not validate_rate_list(rates):
            # of such a pair one is never used up before the other, and the library takes no such pair
            return rates[1:] if day <= minute else rates[:1]
        return rates

    def _bucket(self, scope: str, rates: list[Rate]) -> SQLiteBucket:
        """The bucket, on this object's connection: hundreds of businesses would need one each."""
        table = "spent_" + hashlib.blake2b(scope.encode(), digest_size=16).hexdigest()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        made = SQLiteBucket.init_from_file(rates, table, str(self._path), use_file_lock=True)
        made.conn.close()
        if self._file is None:
            self._file = sqlite3.connect(
                self._path, timeout=BUSY_TIMEOUT_S, check_same_thread=False
            )
            # a kill loses nothing; a power cut may lose the last counts, and Sage's own 429 is left
            self._file.execute("PRAGMA synchronous = OFF")
        return SQLiteBucket(rates, self._file, table)

    def _alone(self) -> AbstractContextManager[object]:
        """No other process uses the file until the end; the kernel ends the lock of a killed one."""
        return self._file_lock.acquire(timeout=BUSY_TIMEOUT_S, poll_interval=POLL_S)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, TimeoutError) as error:
            self._close()
            raise BudgetStoreError(
                f"The count of requests sent could not be kept in {self._path} ({error}), so no more "
                "were sent. What was loaded is untouched and cursors stay. Give this user the right to "
                "write in that folder, and room on its disk, then run the command again."
            ) from error

    def _start_anew(self) -> None:
        """Remove the file."""
        self._close()
        with self._alone():
            for suffix in ("", "-wal", "-shm"):
                Path(f"{self._path}{suffix}").unlink(missing_ok=True)

    def _close(self) -> None:
        self._allowances.clear()
        if self._file is not None:
            self._file.close()
            self._file = None


def _spent_since(bucket: SQLiteBucket, moment_ms: int) -> int:
    row = bucket.conn.execute(
        f"SELECT count(*) FROM {bucket.table} WHERE item_timestamp > ?", (moment_ms,)
    ).fetchone()
    return int(row[0])


def _heed_clock(bucket: SQLiteBucket, now_ms: int) -> None:
    """Where the machine's clock was set back, count what was spent as of now: the library would hold
    everybody back until the clock is there again."""
    newest = bucket.peek(0)
    if newest is not None and newest.timestamp > now_ms + CLOCK_SLACK_MS:
        bucket.conn.execute(
            f"UPDATE {bucket.table} SET item_timestamp = item_timestamp - ?",
            (newest.timestamp - now_ms,),
        )
        bucket.conn.commit()


def _exhausted(allowance: Allowance, rate: Rate, free_at_ms: int) -> BudgetExhaustedError:
    moment = datetime.fromtimestamp(free_at_ms / 1000, UTC)
    return BudgetExhaustedError(
        f"The day budget of {rate.limit} requests for {allowance.subject} is used up. What was read "
        "whole is loaded; what was not keeps its cursor, and the next run goes on with it. From "
        f"{moment:%Y-%m-%d %H:%M} UTC on, requests come free as they were used. Raise "
        f"{allowance.setting} if Sage allows more."
    )
