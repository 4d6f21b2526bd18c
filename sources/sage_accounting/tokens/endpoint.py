"""The calls to Sage's token endpoint, and how each of its answers is read.

A refresh token works once. So a call that got no usable answer is repeated with the *same* token: Sage
may not have seen the first one. Form and answers: authentication guide of the Sage Accounting API v3.1.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol, TypeVar

import httpx

from sage_accounting.client import USER_AGENT, RetryPolicy, retry_after
from sage_accounting.errors import (
    ClientCredentialsError,
    Place,
    RequestRejectedError,
    SageUnreachableError,
)
from sage_accounting.settings import PREFIX, Settings
from sage_accounting.tokens.clock import SYSTEM_CLOCK, Clock, Instant
from sage_accounting.tokens.exchange import Order, Reply, exchange
from sage_accounting.tokens.steps import Steps, no_steps

logger = logging.getLogger(__name__)

# Other processes wait for the lock meanwhile, so the whole series stays well below their patience.
RETRY = RetryPolicy(attempts=4, initial_s=0.5, maximum_s=8.0)
# For an answer that names no lifetime: those of the guide, 5 minutes and 31 days.
DEFAULT_ACCESS_LIFETIME_S = 300.0
DEFAULT_REFRESH_LIFETIME_S = 31 * 86400.0

T = TypeVar("T")


@dataclass(frozen=True)
class TokenAnswer:
    """What Sage granted. Secrets are left out of ``repr``."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    access_lifetime_s: float
    refresh_lifetime_s: float
    user_id: str | None
    asked_at: Instant


@dataclass(frozen=True)
class Refusal:
    """Sage answered and refuses."""

    code: str
    """``invalid_grant``, ``invalid_client``, …; "" when the body names none."""
    status: int
    request_id: str | None
    follows_lost_answer: bool = False
    """An earlier attempt may have reached Sage, and its answer never arrived here."""


@dataclass(frozen=True)
class NoAnswer:
    """Nothing to go by: network, 5xx, 429 or a body cut off."""

    reason: str
    may_have_granted: bool
    retry_after_s: float | None = None


class Post(Protocol):
    """How a request reaches Sage; ``on_sent`` is called when it is on its way."""

    def __call__(
        self,
        url: str,
        form: Mapping[str, str],
        headers: Mapping[str, str],
        clock: Clock,
        on_sent: Callable[[], None],
    ) -> tuple[Instant, Reply]:
        """When it was sent, and what came back."""


def plain_post(
    url: str,
    form: Mapping[str, str],
    headers: Mapping[str, str],
    clock: Clock,
    on_sent: Callable[[], None],
) -> tuple[Instant, Reply]:
    """The :class:`Post` of everything but a refresh: from this process, kept nowhere."""
    asked_at = clock.now()
    order = Order(url, form, headers, asked_at.wall.timestamp(), journal="", key="", generation=0)
    return asked_at, exchange(order, on_sent)


Read = Callable[[httpx.Response, Instant], T | Refusal | NoAnswer]


def read_grant(
    response: httpx.Response, asked_at: Instant, *, sent_token: str = ""
) -> TokenAnswer | Refusal | NoAnswer:
    """What an answer of the token address means; ``sent_token`` stays valid if no other came."""
    failure = _failure(response)
    if failure is not None:
        return failure
    body = _json_object(response)
    access_token = body.get("access_token")
    refresh_token = body.get("refresh_token") or sent_token
    if not access_token or not refresh_token:
        return NoAnswer(f"status {response.status_code}, unreadable body", may_have_granted=True)
    return TokenAnswer(
        access_token=str(access_token),
        refresh_token=str(refresh_token),
        access_lifetime_s=_seconds(body.get("expires_in"), DEFAULT_ACCESS_LIFETIME_S),
        refresh_lifetime_s=_seconds(
            body.get("refresh_token_expires_in"), DEFAULT_REFRESH_LIFETIME_S
        ),
        user_id=str(body["requested_by_id"]) if body.get("requested_by_id") else None,
        asked_at=asked_at,
    )


def read_revocation(response: httpx.Response, _asked_at: Instant) -> bool | Refusal | NoAnswer:
    """True for a token that is revoked now."""
    return _failure(response) or True


def _failure(response: httpx.Response) -> Refusal | NoAnswer | None:
    status = response.status_code
    if status == 429 or status >= 500:
        return NoAnswer(f"status {status}", status != 429, retry_after(response))
    if response.is_success:
        return None
    code = str(_json_object(response).get("error") or "")
    return Refusal(code, status, response.headers.get("x_request_id"))


class TokenEndpoint:
    """Sage's token and revoke addresses for one registered application.

    Methods raise :class:`ClientCredentialsError`, :class:`RequestRejectedError` and, after all
    attempts, :class:`SageUnreachableError`. No error holds the request, whose body has the secrets.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock = SYSTEM_CLOCK,
        retry: RetryPolicy = RETRY,
        steps: Steps = no_steps,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._retry = retry
        self._steps = steps

    def exchange_code(self, code: str) -> TokenAnswer | Refusal:
        """Tokens for the code of a sign-in, or ``invalid_grant``."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._settings.redirect_uri,
        }
        return self._call(self._settings.token_url, form, read_grant)

    def refresh(self, refresh_token: str, post: Post = plain_post) -> TokenAnswer | Refusal:
        """The next pair of tokens, or ``invalid_grant``."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        read = partial(read_grant, sent_token=refresh_token)
        return self._call(self._settings.token_url, form, read, post)

    def revoke(self, refresh_token: str) -> None:
        """Make the token useless; one that Sage does not know any more is as good as revoked."""
        self._call(self._settings.revoke_url, {"token": refresh_token}, read_revocation)

    def _call(
        self, url: str, form: Mapping[str, str], read: Read[T], post: Post = plain_post
    ) -> T | Refusal:
        outcome = self._attempt(url, form, read, post)
        lost_answer = False
        for attempt in range(1, self._retry.attempts):
            if not isinstance(outcome, NoAnswer):
                break
            lost_answer = lost_answer or outcome.may_have_granted
            logger.info("token endpoint, attempt %d: %s", attempt, outcome.reason)
            backoff_s = self._retry.initial_s * 2 ** (attempt - 1)
            time.sleep(min(max(backoff_s, outcome.retry_after_s or 0.0), self._retry.maximum_s))
            outcome = self._attempt(url, form, read, post)
        if isinstance(outcome, NoAnswer):
            raise SageUnreachableError(
                f"Sage's token address {url} gave no usable answer for connection "
                f"{self._settings.connection} in {self._retry.attempts} attempts; the last one: "
                f"{outcome.reason}. The tokens are kept and the next run tries the same one again. See "
                "whether the address is reachable from here: sage-elt doctor"
            )
        if isinstance(outcome, Refusal):
            return self._judged(replace(outcome, follows_lost_answer=lost_answer))
        return outcome

    def _judged(self, refusal: Refusal) -> Refusal:
        """``invalid_grant`` is the caller's to decide on; the others are raised."""
        if refusal.code == "invalid_grant":
            return refusal
        if refusal.code in ("invalid_client", "unauthorized_client") or refusal.status == 401:
            raise ClientCredentialsError(
                f"Sage does not accept the client id and secret of connection "
                f"{self._settings.connection} (request {refusal.request_id}). The tokens are kept; "
                f"nothing was loaded. Correct {PREFIX}CLIENT_ID and {PREFIX}CLIENT_SECRET with the "
                "values on the application's page at developer.sage.com."
            )
        raise RequestRejectedError(
            f"Sage's token address rejects the request for connection {self._settings.connection} "
            f"(status {refusal.status}, request {refusal.request_id}). The tokens are kept; nothing "
            "was loaded. See that token_url and revoke_url are Sage's and that no proxy answers in "
            "its place: sage-elt doctor",
            status=refusal.status,
            place=Place("token", request_id=refusal.request_id),
            code=refusal.code or None,
        )

    def _attempt(
        self, url: str, form: Mapping[str, str], read: Read[T], post: Post
    ) -> T | Refusal | NoAnswer:
        credentials = {
            "client_id": self._settings.client_id,
            "client_secret": self._settings.client_secret,
        }
        headers = {"Accept": "application/json", "User-Agent": USER_AGENT}
        self._steps("before_send")
        asked_at, reply = post(
            url, {**credentials, **form}, headers, self._clock, lambda: self._steps("sent")
        )
        if not reply.status:
            return NoAnswer(reply.problem, reply.may_have_granted)
        self._steps("answered")
        return read(response_of(reply), asked_at)


def response_of(reply: Reply) -> httpx.Response:
    """A reply with a status, without the request and its secrets."""
    return httpx.Response(reply.status, headers=dict(reply.headers), text=reply.body)


def _json_object(response: httpx.Response) -> dict[str, Any]:
    try:
        body = json.loads(response.content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _seconds(value: object, default: float) -> float:
    try:
        return float(str(value))
    except ValueError:
        return default
