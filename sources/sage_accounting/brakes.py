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

from sage_accounting.errors import SageError

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
"""Without ``Retry-After``: Sage counts by the minute."""
LIMITED_FOR_S = 600.0
"""How long a business is waited for that gets nothing but 429: they say wait, not that it is broken."""


@dataclass
class _Pause:
    """Of one business that Sage told to wait."""

    began: float
    """The first 429 since its last good answer."""
    set_at: float
    until: float
    length_s: float


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
            began = last.began if last else now
            length_s = FIRST_PAUSE_S
            if last is not None:
                is_news = sent_at >= last.set_at
                length_s = min(last.length_s * 2, LONGEST_PAUSE_S) if is_news else last.length_s
            wait_s = length_s if retry_after_s is None else max(retry_after_s, FIRST_PAUSE_S)
            until = now + wait_s
            if last is not None and sent_at < last.set_at:
                until = last.until if retry_after_s is None else max(last.until, until)
            self._pauses[business_id] = _Pause(began, now, until, length_s)
            return now - began < LIMITED_FOR_S

    def end(self, business_id: str, error: SageError) -> SageError:
        """No more requests for a business; the error of whoever said so first."""
        return self._ended.setdefault(business_id, error) if business_id else error

    def unreachable(self, since: float, error: SageError) -> SageError:
        """No more requests at all, unless Sage was heard after ``since``; the error that counts."""
        if self._answered_at < since and self._outage is None:
            self._outage = error
        return self._outage or error
