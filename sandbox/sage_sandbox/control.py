"""The switches of a running sandbox: one dispatcher for ``/_control/…`` and for tests in process.

Every operation takes keyword arguments that JSON can carry and gives back what JSON can carry.
"""

from __future__ import annotations

import inspect
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from sage_sandbox import faults, limits, oauth, wire
from sage_sandbox.collections import load_endpoints
from sage_sandbox.live_edits import EditError, carry_out
from sage_sandbox.query import LARGEST_PAGE
from sage_sandbox.state import SandboxState, User

Result = Mapping[str, Any]


class ControlError(Exception):
    """An operation that does not exist, or arguments that it does not take."""


def dispatch(state: SandboxState, operation: str, arguments: Mapping[str, Any]) -> Result:
    """Carry out an operation. Raises ControlError."""
    function = OPERATIONS.get(operation)
    if function is None:
        raise ControlError(f"no operation {operation}: {', '.join(sorted(OPERATIONS))}")
    try:
        inspect.signature(function).bind(state, **arguments)
    except TypeError as error:
        raise ControlError(f"{operation}: {error}") from None
    try:
        return function(state, **arguments)
    except EditError as error:
        raise ControlError(f"{operation}: {error}") from error


# --- users and tokens


def authorise(state: SandboxState, user: str | None = None, scope: str = "full_access") -> Result:
    """Sign in as a user without a browser; a refresh token."""
    grant = state.tokens.sign_in(_user(state, user).id, scope)
    return {"refresh_token": grant.refresh.text}


def add_user(state: SandboxState, businesses: Sequence[str], lead: str | None = None) -> Result:
    """One more user, who sees these businesses."""
    for business in businesses:
        _require_business(state, business)
    user_id = str(uuid.uuid4())
    email = f"user{len(state.users)}@sandbox.example"
    first = lead or next(iter(businesses), "")
    state.users[user_id] = User(user_id, email, list(businesses), first)
    return {"user": user_id}


def sign_in(
    state: SandboxState,
    user: str | None = None,
    decision: oauth.Decision | None = None,
    error: str | None = None,
    reason: str | None = None,
) -> Result:
    """Who sits at the authorise page, and whether they are asked, allow, or deny with an error."""
    browser = state.sign_in
    if user is not None:
        browser.user_id = _user(state, user).id
    if decision is not None:
        browser.decision = _one_of("decision", decision, oauth.DECISIONS)
    browser.error = error or browser.error
    browser.reason = reason
    return asdict(browser)


def tokens(
    state: SandboxState,
    access_lifetime_s: float | None = None,
    refresh_lifetime_s: float | None = None,
    grace_s: float | None = None,
) -> Result:
    """How long tokens live that are issued from now on."""
    desk = state.tokens
    desk.access_lifetime_s = _given(access_lifetime_s, desk.access_lifetime_s)
    desk.refresh_lifetime_s = _given(refresh_lifetime_s, desk.refresh_lifetime_s)
    desk.grace_s = _given(grace_s, desk.grace_s)
    return {
        "access_lifetime_s": desk.access_lifetime_s,
        "refresh_lifetime_s": desk.refresh_lifetime_s,
        "grace_s": desk.grace_s,
    }


def expire_access_tokens(state: SandboxState) -> Result:
    """Let every access token expire now."""
    return {"expired": state.tokens.expire(state.tokens.access_tokens)}


def expire_refresh_tokens(state: SandboxState) -> Result:
    """Let every refresh token expire now: a person has to sign in again."""
    return {"expired": state.tokens.expire(state.tokens.refresh_tokens)}


def revoke(state: SandboxState, token: str) -> Result:
    """End all tokens of a sign-in, as when the user disconnects the application in Sage."""
    state.tokens.revoke(token)
    return {}


def reused_refresh_tokens(state: SandboxState) -> Result:
    """Refresh tokens that were sent again after their rotation; without the tokens themselves."""
    reused = [
        {"family": reuse.family, "user_agent": reuse.user_agent}
        for reuse in state.reused_refresh_tokens
    ]
    return {"reused": reused}


# --- businesses and books


def businesses(state: SandboxState) -> Result:
    """The businesses in order."""
    return {
        "businesses": [
            {"id": business.id, "name": business.record["name"], "country": business.country}
            for business in state.businesses.values()
        ]
    }


def lead(state: SandboxState, business: str, user: str | None = None) -> Result:
    """Change a user's lead business."""
    someone = _user(state, user)
    if business not in someone.business_ids:
        raise ControlError(f"user {someone.id} does not see business {business}")
    someone.lead = business
    return {"lead": business}


def subscription(state: SandboxState, business: str, active: bool) -> Result:
    """End or renew a business's subscription."""
    _require_business(state, business)
    change = state.ended_subscriptions.discard if active else state.ended_subscriptions.add
    change(business)
    return {"ended": sorted(state.ended_subscriptions)}


def edit(state: SandboxState, op: str, **arguments: Any) -> Result:
    """One edit of a business's books; the id of its record."""
    record = carry_out(state, {"op": op, **arguments})
    return {"id": record.get("id")}


def edits(state: SandboxState, operations: Sequence[Mapping[str, Any]]) -> Result:
    """Several edits in order; the ids of their records."""
    return {"ids": [carry_out(state, operation).get("id") for operation in operations]}


def attempt(state: SandboxState, **edit: Any) -> Result:
    """One edit that the books may refuse, as beside a read: the id of its record, or why not."""
    try:
        return {"id": carry_out(state, edit).get("id"), "refused": None}
    except EditError as error:
        return {"id": None, "refused": str(error)}


def change_business(state: SandboxState, business: str, fields: Mapping[str, Any]) -> Result:
    """Set attributes of a business's own record."""
    _require_business(state, business)
    held = state.businesses[business]
    held.record = {**held.record, **fields}
    return {"id": business}


def clock(state: SandboxState, ahead_s: float) -> Result:
    """Set the server's clock: how far it is ahead of the machine's."""
    state.clock_ahead_s = ahead_s
    return {"now": state.clock.isoformat()}


# --- the look of answers


def decimals(state: SandboxState, style: wire.DecimalStyle) -> Result:
    """Write decimals as number, as text, or in turn."""
    chosen = _one_of("style", style, wire.DECIMAL_STYLES)
    state.style = replace(state.style, decimals=chosen)
    return {"style": chosen}


def blank_nulls(state: SandboxState, on: bool = True) -> Result:
    """Write "" where a date, time or number is null."""
    state.style = replace(state.style, blank_nulls=on)
    return {"on": on}


def hide_children(state: SandboxState, resources: Sequence[str]) -> Result:
    """The collections whose lists leave out child lists; all others show them."""
    if unknown := sorted(set(resources) - set(load_endpoints())):
        raise ControlError(f"hide_children: no collection {', '.join(unknown)}")
    state.hide_children = frozenset(resources)
    return {"resources": sorted(state.hide_children)}


def page_size(state: SandboxState, largest: int = LARGEST_PAGE) -> Result:
    """How many records a page of a list holds at most, however many are asked for."""
    if not 1 <= largest <= LARGEST_PAGE:
        raise ControlError(f"a page holds 1 to {LARGEST_PAGE} records, not {largest}")
    state.largest_page = largest
    return {"largest": largest}


# --- limits and faults


def latency(state: SandboxState, ms: float) -> Result:
    """How long every answer takes at least."""
    state.latency_s = ms / 1000
    return {"ms": ms}


def limit(
    state: SandboxState,
    requests_per_minute: int | None = None,
    app_requests_per_minute: int | None = None,
    concurrent_requests: int | None = None,
    retry_after: limits.RetryAfter | None = None,
) -> Result:
    """Set limits (0 = none) and start their windows anew."""
    held = state.limits
    held.requests_per_minute = int(_given(requests_per_minute, held.requests_per_minute))
    held.app_requests_per_minute = int(
        _given(app_requests_per_minute, held.app_requests_per_minute)
    )
    held.concurrent_requests = int(_given(concurrent_requests, held.concurrent_requests))
    if retry_after is not None:
        held.retry_after = _one_of("retry_after", retry_after, limits.RETRY_AFTER_FORMS)
    held.forget()
    return {
        "requests_per_minute": held.requests_per_minute,
        "app_requests_per_minute": held.app_requests_per_minute,
        "concurrent_requests": held.concurrent_requests,
        "retry_after": held.retry_after,
    }


def fault(state: SandboxState, **conditions: Any) -> Result:
    """Add a fault, see :class:`sage_sandbox.faults.Fault`."""
    settable = {each.name for each in fields(faults.Fault) if not each.name.startswith("_")}
    settable -= {"id", "matched", "hits"}
    if unknown := sorted(set(conditions) - settable):
        raise ControlError(f"fault: {', '.join(unknown)} not in {', '.join(sorted(settable))}")
    _one_of("kind", conditions.get("kind"), faults.KINDS)
    _one_of("moment", conditions.get("moment", "before"), faults.MOMENTS)
    _one_of("body", conditions.get("body", "array"), faults.BODY_FORMS)
    return {"id": state.faults.add(faults.Fault(**conditions))}


def clear_faults(state: SandboxState) -> Result:
    """Remove all faults."""
    return {"removed": state.faults.clear()}


def list_faults(state: SandboxState) -> Result:
    """The faults asked for and how often each matched and hit."""
    return {
        "faults": [
            {"id": each.id, "kind": each.kind, "matched": each.matched, "hits": each.hits}
            for each in state.faults.pending
        ]
    }


# --- what was asked


def requests(state: SandboxState) -> Result:
    """The request log."""
    return {
        "requests": [
            {
                **asdict(entry),
                "at": entry.at.isoformat(),
                "answered_for_lead": entry.answered_for_lead,
            }
            for entry in state.request_log
        ]
    }


def clear_requests(state: SandboxState) -> Result:
    """Forget the request log; how long it was."""
    forgotten = len(state.request_log)
    state.request_log.clear()
    return {"forgotten": forgotten}


def stats(state: SandboxState) -> Result:
    """Counts of what happened so far."""
    log = state.request_log
    return {
        "requests": len(log),
        "by_status": dict(Counter(str(entry.status) for entry in log)),
        "answered_for_lead": sum(entry.answered_for_lead for entry in log),
        "refused_by_limits": state.limits.refused,
        "refreshes": state.tokens.refreshes,
        "reused_refresh_tokens": len(state.reused_refresh_tokens),
        "marked_as_sent": len(state.marked_as_sent),
        "records": {
            business.id: sum(len(collection) for collection in business.collections.values())
            for business in state.businesses.values()
        },
    }


OPERATIONS: Mapping[str, Callable[..., Result]] = {
    function.__name__: function
    for function in (
        authorise, add_user, sign_in, tokens, expire_access_tokens, expire_refresh_tokens, revoke,
        reused_refresh_tokens, businesses, lead, subscription, edit, edits, attempt, change_business,
        clock, decimals, blank_nulls, hide_children, page_size, latency, limit, fault, clear_faults, list_faults, requests, clear_requests,
        stats,
    )
}  # fmt: skip


def _user(state: SandboxState, user_id: str | None) -> User:
    user_id = user_id or state.sign_in.user_id
    if user_id not in state.users:
        raise ControlError(f"no user {user_id}: {', '.join(state.users)}")
    return state.users[user_id]


def _require_business(state: SandboxState, business_id: str) -> None:
    if business_id not in state.businesses:
        raise ControlError(f"no business {business_id}: {', '.join(state.businesses)}")


def _one_of(name: str, value: Any, allowed: Sequence[Any]) -> Any:
    if value not in allowed:
        raise ControlError(f"{name} is one of {', '.join(allowed)}, not {value}")
    return value


def _given(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
