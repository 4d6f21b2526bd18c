"""All that one running sandbox knows; tests read it, and change it through the control operations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sage_sandbox.books import Books
from sage_sandbox.collections import load_endpoints
from sage_sandbox.faults import Faults
from sage_sandbox.idempotency import Replays
from sage_sandbox.limits import Limits
from sage_sandbox.oauth import SignIn
from sage_sandbox.query import LARGEST_PAGE
from sage_sandbox.shelf import Shelf
from sage_sandbox.store import Business, Collection
from sage_sandbox.tokens import Reuse, TokenDesk
from sage_sandbox.wire import WireStyle

FIRST_USER = "5a6e0a4c-1c9b-4c55-9d3e-3c1f5a7b9d01"
"""The user that owns all businesses at the start."""

_ACCOUNT_LEVEL = {name for name, each in load_endpoints().items() if each.kind == "account"}


@dataclass
class User:
    """Somebody with a Sage login and the businesses that they see."""

    id: str
    email: str
    business_ids: list[str]
    lead: str
    """The business that answers requests without ``X-Business``."""


@dataclass
class LoggedRequest:
    """One request below ``/v3.1`` or to the token or revoke endpoint."""

    at: datetime
    method: str
    path: str
    """The whole path, ``/v3.1/sales_invoices``."""
    query: str
    business: str | None
    """The ``X-Business`` header as sent."""
    user_agent: str
    request_id: str
    status: int | None = None
    """None while it is being served, and when the connection was cut without an answer."""
    fault: str | None = None
    """The kind of the fault that hit it."""

    @property
    def answered_for_lead(self) -> bool:
        """Sent without ``X-Business``, so meant for whichever business is the lead."""
        parts = self.path.split("/")
        return not self.business and parts[1] == "v3.1" and parts[2] not in _ACCOUNT_LEVEL


@dataclass(frozen=True)
class MarkedAsSent:
    """A document that a read by id marked as sent, as Sage does unless told not to."""

    business: str
    resource: str
    id: str


@dataclass
class SandboxState:
    """The books, the users, the tokens, the switches, and what was asked so far."""

    businesses: dict[str, Business]
    books: dict[str, Books]
    users: dict[str, User]
    tokens: TokenDesk = field(default_factory=TokenDesk)
    sign_in: SignIn = field(default_factory=lambda: SignIn(FIRST_USER))
    limits: Limits = field(default_factory=Limits)
    faults: Faults = field(default_factory=Faults)
    style: WireStyle = field(default_factory=WireStyle)
    hide_children: frozenset[str] = frozenset()
    """Collections whose lists leave out their child lists."""
    largest_page: int = LARGEST_PAGE
    """Records that a page of a list holds at most, however many are asked for."""
    clock_ahead_s: float = 0.0
    """How far the server's clock is ahead of the machine's."""
    latency_s: float = 0.0
    ended_subscriptions: set[str] = field(default_factory=set)
    request_log: list[LoggedRequest] = field(default_factory=list)
    marked_as_sent: list[MarkedAsSent] = field(default_factory=list)
    replays: Replays = field(default_factory=Replays)
    shelf: Shelf = field(default_factory=Shelf)
    running: int = 0
    """Requests that are being served."""

    @property
    def clock(self) -> datetime:
        """The server's time: in the Date header, and of edits that name none. Aware UTC."""
        return datetime.now(UTC) + timedelta(seconds=self.clock_ahead_s)

    @property
    def reused_refresh_tokens(self) -> list[Reuse]:
        return self.tokens.reused_refresh_tokens

    @property
    def issued_tokens(self) -> list[str]:
        """Every access and refresh token ever issued."""
        return self.tokens.issued()


def state_of(businesses: Iterable[Books]) -> SandboxState:
    """A sandbox with these books, owned by one user whose lead business is the first."""
    books = {each.business.id: each for each in businesses}
    held = {business_id: each.business for business_id, each in books.items()}
    for business in held.values():
        _complete(business)
    lead = next(iter(held), "")
    user = User(FIRST_USER, "owner@sandbox.example", list(held), lead)
    return SandboxState(held, books, {user.id: user})


def now() -> str:
    """The time as records write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _complete(business: Business) -> None:
    """Give the business an empty collection for all that its country offers and its books lack."""
    for endpoint in load_endpoints().values():
        if endpoint.kind != "account" and endpoint.offered_in(business.country):
            business.collections.setdefault(endpoint.name, Collection(endpoint.name))
