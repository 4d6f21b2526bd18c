"""What one request learned that the next ones must know: who is to wait, and what is hopeless.

A 429 holds back all requests of its business, not only the one that got it. An ended subscription or
a day limit ends a business for this run, an unreachable host ends all of them, so that not each of
hundreds of lists finds out by itself, with fifteen seconds of repeats.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tenacity import RetryCallState, Retrying, stop_after_delay, wait_exponential

from sage_accounting.errors import SageError

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
"""Without ``Retry-After``: Sage counts by the minute."""
LIMITED_FOR_S = 600.0
"""How long a business is waited for that gets nothing but 429: they say wait, not that it is broken."""
_BACKOFF = wait_exponential(FIRST_PAUSE_S, LONGEST_PAUSE_S)
_GIVES_UP = stop_after_delay(LIMITED_FOR_S)


@dataclass
class _Pause:
    """Of one business that Sage told to wait."""

    refusals: RetryCallState
    """tenacity's count of the 429 since the last good answer, on our clock."""
    set_at: float
    until: float


class Brakes:
    """Of one client; thread-safe. Times are of the monotonic clock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        self._pauses: dict[str, _Pause] = {}
        self._ended: dict[str, SageError] = {}
        self._outage: SageError | None = None
        self._answered_at = float("-inf")

    def wait_s(self, business_id: str) -> float:
        """Seconds that a request for a business has to wait; 0.0 for none.

        Raises the error that ended the business, or all of them.
        """
        error = self._outage or self._ended.get(business_id)
        if error is not None:
            raise error.with_traceback(None)
        pause = self._pauses.get(business_id)
        return max(0.0, pause.until - self.clock()) if pause else 0.0

    def heard(self) -> None:
        """Sage answered something: it is reachable."""
        self._answered_at = self.clock()

    def release(self, business_id: str, sent_at: float) -> None:
        """A request sent at ``sent_at`` got something else than 429."""
        if business_id not in self._pauses:
            return
        with self._lock:
            pause = self._pauses.get(business_id)
            if pause is not None and sent_at >= pause.set_at:  # else it was under way before
                del self._pauses[business_id]

    def pause(self, business_id: str, sent_at: float, retry_after_s: float | None) -> bool:
        """A request sent at ``sent_at`` got 429; False when that has lasted too long.

        Without ``Retry-After`` each pause is twice the last; many requests refused at once are one.
        """
        now = self.clock()
        with self._lock:
            last = self._pauses.get(business_id)
            refusals = last.refusals if last else _refusals_since(now)
            is_late = last is not None and sent_at < last.set_at  # sent before the last pause
            if last is not None and not is_late:
                refusals.prepare_for_next_attempt()
            refusals.outcome_timestamp = now
            length_s = _BACKOFF(refusals) if retry_after_s is None else retry_after_s
            until = now + max(length_s, FIRST_PAUSE_S)
            if last is not None and is_late:
                until = last.until if retry_after_s is None else max(last.until, until)
            self._pauses[business_id] = _Pause(refusals, now, until)
            return not _GIVES_UP(refusals)

    def end(self, business_id: str, error: SageError) -> SageError:
        """No more requests for a business; the error of whoever said so first."""
        return self._ended.setdefault(business_id, error) if business_id else error

    def unreachable(self, since: float, error: SageError) -> SageError:
        """No more requests at all, unless Sage was heard after ``since``; the error that counts."""
        if self._answered_at < since and self._outage is None:
            self._outage = error
        return self._outage or error


def _refusals_since(now: float) -> RetryCallState:
    first = RetryCallState(Retrying(), None, (), {})
    first.start_time = now
    return first
