"""How many requests a business may still be asked: minute and day allowances.

Sage's limits are per application and unpublished; sources name between 100 and 200 requests a minute
and 2,500 a day for one business. Both allowances are settings, 0 = unlimited.
"""

from __future__ import annotations

import threading

from pyrate_limiter import Duration, InMemoryBucket, Limiter, Rate, SingleBucketFactory

from sage_accounting.errors import BudgetExhaustedError, Place


class RequestBudget:
    """Hands out permissions to send one request for one business; thread-safe."""

    def __init__(self, per_minute: int, per_day: int) -> None:
        self._per_minute = per_minute
        self._per_day = per_day
        self._lock = threading.Lock()
        self._minutes: dict[str, Limiter] = {}
        self._days: dict[str, Limiter] = {}

    def acquire(self, business_id: str, place: Place) -> None:
        """Wait until the minute allows one more request.

        Raises :class:`BudgetExhaustedError` at once when the day does not.
        """
        day = self._limiter(self._days, business_id, self._per_day, Duration.DAY)
        if day and not day.try_acquire(business_id, blocking=False):
            raise BudgetExhaustedError(
                f"The day budget of {self._per_day} requests for business {business_id} is used up, "
                f"so {place} was not read further. What was read before is kept and its cursor too; "
                "the next run after the day goes on from there. Raise requests_per_day if Sage "
                "allows more."
            )
        minute = self._limiter(self._minutes, business_id, self._per_minute, Duration.MINUTE)
        if minute:
            minute.try_acquire(business_id)

    def _limiter(
        self, limiters: dict[str, Limiter], business_id: str, count: int, duration: Duration
    ) -> Limiter | None:
        if not count:
            return None
        with self._lock:
            if business_id not in limiters:
                bucket = InMemoryBucket([Rate(count, duration)])
                limiters[business_id] = Limiter(SingleBucketFactory(bucket, schedule_leak=False))
            return limiters[business_id]
