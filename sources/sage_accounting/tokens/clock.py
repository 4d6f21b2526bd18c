"""Wall and monotonic time together, so that lifetimes survive a clock that is set."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Instant:
    """One moment on both clocks."""

    wall: datetime
    """Aware UTC: comparable between processes and hosts, but somebody may set it."""
    monotonic_s: float
    """Comparable within this process only; never set."""


@dataclass(frozen=True)
class Clock:
    """Where the time comes from; tests pass their own."""

    wall: Callable[[], datetime]
    monotonic_s: Callable[[], float]

    def now(self) -> Instant:
        return Instant(self.wall(), self.monotonic_s())


def _utc_now() -> datetime:
    return datetime.now(UTC)


SYSTEM_CLOCK = Clock(_utc_now, time.monotonic)
