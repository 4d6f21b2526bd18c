"""How long an access token may be handed out."""

from __future__ import annotations

from dataclasses import dataclass, field

from sage_accounting.tokens.clock import Instant
from sage_accounting.tokens.record import Record

# Refresh at 4 of 5 minutes, whatever lifetime Sage returns.
FRESH_SHARE = 0.8


@dataclass(frozen=True)
class Lease:
    """An access token and until when, on this process's monotonic clock, it is handed out."""

    access_token: str = field(repr=False)
    fresh_until_s: float


def lease(access_token: str, lifetime_s: float, asked_at: Instant) -> Lease:
    """The lease of a token that this process asked for."""
    return Lease(access_token, asked_at.monotonic_s + FRESH_SHARE * lifetime_s)


def stored_lease(record: Record | None, now: Instant) -> Lease | None:
    """The lease of a stored token, if it is certainly fresh.

    Between processes only the wall clock tells its age. A clock set forward costs one refresh. A clock
    that is behind the one of the storing process is believed up to the margin that is kept anyway.
    """
    if record is None or record.tokens is None or record.is_refused:
        return None
    tokens = record.tokens
    age_s = (now.wall - tokens.asked_at).total_seconds()
    fresh_s = FRESH_SHARE * tokens.access_lifetime_s
    if not fresh_s - tokens.access_lifetime_s <= age_s < fresh_s:
        return None
    return Lease(tokens.access_token, now.monotonic_s + fresh_s - max(age_s, 0.0))
