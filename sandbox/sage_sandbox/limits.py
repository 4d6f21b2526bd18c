"""How much the server takes before it answers 429."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Literal

from sage_sandbox.answers import Refusal, error_array

RetryAfter = Literal["seconds", "date", "none"]
RETRY_AFTER_FORMS: tuple[RetryAfter, ...] = ("seconds", "date", "none")
WINDOW_S = 60.0


@dataclass
class Limits:
    """Allowances in any 60 seconds, and at one time; 0 = unlimited. A refused request counts not."""

    requests_per_minute: int = 0
    """Of each business."""
    app_requests_per_minute: int = 0
    """Of all businesses together."""
    concurrent_requests: int = 0
    retry_after: RetryAfter = "seconds"
    """How a 429 says when to come back."""
    clock: Callable[[], float] = time.monotonic
    refused: int = 0
    _taken: dict[str, deque[float]] = field(default_factory=dict, repr=False)

    def admit(self, business_id: str | None, running: int) -> None:
        """Count a request for a business (None: for the user), while ``running`` are being served.

        Raises a 429 refusal when it is one too many.
        """
        if self.concurrent_requests and running > self.concurrent_requests:
            self._refuse(1.0)
        allowances = [("application", self.app_requests_per_minute)]
        if business_id is not None:
            allowances.append((business_id, self.requests_per_minute))
        now = self.clock()
        for name, allowed in allowances:
            taken = self._taken.setdefault(name, deque())
            while taken and taken[0] <= now - WINDOW_S:
                taken.popleft()
            if allowed and len(taken) >= allowed:
                self._refuse(taken[0] + WINDOW_S - now)
        for name, allowed in allowances:
            if allowed:
                self._taken[name].append(now)

    def forget(self) -> None:
        """Start all windows anew."""
        self._taken.clear()

    def _refuse(self, wait_s: float) -> None:
        self.refused += 1
        seconds = max(1, -int(-wait_s // 1))
        raise Refusal(
            error_array(
                429,
                "TooManyRequests",
                "Too many requests.",
                headers=retry_after_header(self.retry_after, seconds),
            )
        )


def retry_after_header(form: RetryAfter, seconds: int) -> dict[str, str]:
    """The header that asks to wait, in the form wanted."""
    if form == "none":
        return {}
    if form == "seconds":
        return {"retry-after": str(seconds)}
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    return {"retry-after": format_datetime(moment, usegmt=True)}
