"""One request for one business: header, bearer, budget, retries, errors in plain words.

``X-Business`` is an argument of every call, because Sage answers a request without it for the lead
business, silently, and the lead can change. Only ``/businesses`` and ``/user`` go without
(:meth:`SageClient.get_account`).
"""

from __future__ import annotations

import json
import logging
import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import TypeVar

import httpx
import tenacity

from sage_accounting import errors
from sage_accounting.budget import RequestBudget
from sage_accounting.errors import Place
from sage_accounting.settings import Settings

logger = logging.getLogger(__name__)

RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
TIMEOUT = httpx.Timeout(10.0, read=60.0, pool=None)
MAX_RETRY_AFTER_S = 300.0
LIMITED_FOR_S = 600.0
"""How long a request waits out 429 answers: they say wait, not that something is broken."""
LIMIT_WINDOW_S = 60.0
"""Without ``Retry-After``: the longest wait, for Sage counts by the minute."""
USER_AGENT = "sage-elt (https://developer.sage.com/accounting, dlt source)"

T = TypeVar("T")


class MalformedBodyError(Exception):
    """Raised by a caller's ``read`` for a body that is cut off or no JSON: the request is repeated."""


class _Unanswered(Exception):  # noqa: N818 - a signal to the retry loop, never seen outside
    def __init__(
        self, reason: str, retry_after_s: float | None = None, *, is_limit: bool = False
    ) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s
        self.is_limit = is_limit


@dataclass(frozen=True)
class Answer:
    """A 2xx answer."""

    body: bytes
    place: Place
    sent_at: datetime
    """Sage's own clock (``Date`` header) when it answered, else ours; aware UTC, whole seconds."""


@dataclass(frozen=True)
class RetryPolicy:
    """Capped exponential backoff with jitter; ``Retry-After`` wins over it."""

    attempts: int = 6
    initial_s: float = 0.5
    maximum_s: float = 30.0


@dataclass
class RequestCount:
    """HTTP requests sent so far, repeats included, by (business id or "", resource)."""

    by_place: Counter[tuple[str, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, place: Place) -> None:
        with self._lock:
            self.by_place[place.business_id or "", place.resource] += 1

    @property
    def total(self) -> int:
        return sum(self.by_place.values())


class SageClient:
    """Reads from Sage Accounting v3.1; thread-safe; a context manager.

    Every method raises the errors of :mod:`sage_accounting.errors`: ``ResourceUnavailableError`` (403,
    404), ``SubscriptionEndedError``, ``RequestRejectedError``, ``AccessTokenError``,
    ``SageUnreachableError`` (after all retries), ``BudgetExhaustedError`` and what ``auth`` raises.
    """

    def __init__(
        self,
        settings: Settings,
        auth: httpx.Auth,
        *,
        retry: RetryPolicy | None = None,
    ) -> None:
        self._base_url = settings.base_url
        self._budget = RequestBudget(settings.requests_per_minute, settings.requests_per_day)
        self._retry = retry or RetryPolicy()
        self.requests = RequestCount()
        self._http = httpx.Client(
            auth=auth,
            timeout=TIMEOUT,
            headers={"Accept": "application/json", "User-Agent": USER_AGENT},
            limits=httpx.Limits(
                max_connections=settings.concurrency,
                max_keepalive_connections=settings.concurrency,
            ),
        )

    def __enter__(self) -> SageClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def get(
        self,
        path: str,
        params: Mapping[str, str],
        *,
        business_id: str,
        resource: str,
        read: Callable[[Answer], T],
    ) -> T:
        """What ``read`` makes of the answer to one GET for ``business_id``.

        ``read`` may raise :class:`MalformedBodyError`; the request is then repeated.
        """
        place = Place(resource, business_id)
        return self._repeat(path, params, {"X-Business": business_id}, place, read)

    def get_account(
        self, path: str, params: Mapping[str, str], *, read: Callable[[Answer], T]
    ) -> T:
        """Like :meth:`get` for ``/businesses`` and ``/user``, which belong to no business."""
        place = Place(path.strip("/").split("/")[0])
        return self._repeat(path, params, {}, place, read)

    def _repeat(
        self,
        path: str,
        params: Mapping[str, str],
        headers: Mapping[str, str],
        place: Place,
        read: Callable[[Answer], T],
    ) -> T:
        first_s = self._retry.initial_s
        backoff = tenacity.wait_exponential_jitter(multiplier=first_s, max=self._retry.maximum_s)
        limited = tenacity.wait_exponential_jitter(multiplier=first_s, max=LIMIT_WINDOW_S)
        faults = 0

        def wait(state: tenacity.RetryCallState) -> float:
            error = _reason(state)
            if error.retry_after_s is not None:  # spread out, or all refused threads collide again
                return max(error.retry_after_s, first_s) + random.uniform(0.0, 1.0)  # noqa: S311
            return float((limited if error.is_limit else backoff)(state))

        def stop(state: tenacity.RetryCallState) -> bool:
            nonlocal faults
            if _reason(state).is_limit:
                return (state.seconds_since_start or 0.0) >= LIMITED_FOR_S
            faults += 1
            return faults >= self._retry.attempts

        def note(state: tenacity.RetryCallState) -> None:
            logger.info(
                "retry %s after attempt %d: %s", place, state.attempt_number, _reason(state),
                extra={"resource": place.resource, "business_id": place.business_id},
            )  # fmt: skip

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Unanswered),
            stop=stop,
            wait=wait,
            before_sleep=note,
            reraise=True,
        )
        try:
            answered: T = retrying(self._once, path, params, headers, place, read)
            return answered
        except _Unanswered as error:
            raise errors.SageUnreachableError(
                f"Sage gave no usable answer for {place} after {retrying.statistics['attempt_number']} "
                f"attempts; the last one: {error}. Nothing of this list was loaded and its cursor stays, so the "
                "next run reads it again. If it lasts, see whether the address "
                f"{self._base_url} is reachable from here and Sage's status page."
            ) from None

    def _once(
        self,
        path: str,
        params: Mapping[str, str],
        headers: Mapping[str, str],
        place: Place,
        read: Callable[[Answer], T],
    ) -> T:
        self._budget.acquire(place.business_id or "", place)
        self.requests.add(place)
        try:
            response = self._http.get(self._base_url + path, params=dict(params), headers=headers)
        except httpx.RequestError as error:
            raise _Unanswered(f"{type(error).__name__}: {error}") from error
        place = Place(place.resource, place.business_id, response.headers.get("x_request_id"))
        if response.status_code in RETRIED_STATUSES:
            raise _Unanswered(
                f"status {response.status_code}",
                retry_after(response),
                is_limit=response.status_code == 429,
            )
        if not response.is_success:
            raise refusal(response, place)
        try:
            return read(Answer(response.content, place, _server_time(response)))
        except MalformedBodyError as error:
            raise _Unanswered(f"unreadable body ({error})") from error


def _reason(state: tenacity.RetryCallState) -> _Unanswered:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, _Unanswered)  # noqa: S101 - nothing else is retried
    return error


def retry_after(response: httpx.Response) -> float | None:
    """Seconds that a ``Retry-After`` header asks for, in either form, at most five minutes."""
    value = response.headers.get("Retry-After", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - _server_time(response)).total_seconds()
        except (TypeError, ValueError):
            return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)


def _server_time(response: httpx.Response) -> datetime:
    try:
        return parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError):
        return datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True)
class _SageError:
    """The first error of an answer's body, in whichever of Sage's shapes it came."""

    code: str | None
    source: str | None

    @classmethod
    def of(cls, response: httpx.Response) -> _SageError:
        """Business errors are an array of objects, gateway errors one object, proxies send HTML."""
        try:
            body = json.loads(response.content)
        except ValueError:
            return cls(None, None)
        first = body[0] if isinstance(body, list) and body else body
        if not isinstance(first, dict):
            return cls(None, None)
        code = first.get("$dataCode") or first.get("error")
        source = first.get("$source")
        return cls(str(code) if code else None, str(source) if source else None)


def refusal(response: httpx.Response, place: Place) -> errors.SageResponseError:
    """The error that says what a 4xx answer means and what heals it.

    Sage's ``$message`` is left out: it can quote a customer's data.
    """
    status, found = response.status_code, _SageError.of(response)
    said = f"status {status}" + (f", {_code(found.code)}" if found.code else "")
    if status == 401 and found.code == "AuthorizationFailure":
        return errors.SubscriptionEndedError(
            f"Sage refuses {place} ({said}): the business has no active subscription. Its data "
            "already loaded stays; the other businesses go on. Renew the subscription, or take the "
            "business out with: sage-elt businesses use",
            status=status, place=place, code=found.code,
        )  # fmt: skip
    if status == 401:
        return errors.AccessTokenError(
            f"Sage refuses the access token for {place} ({said}), also after one refresh. Nothing "
            "was loaded for it. Run sage-elt doctor; if it agrees, sign in again with: "
            "sage-elt connect",
            status=status, place=place, code=found.code,
        )  # fmt: skip
    if status in (403, 404):
        return errors.ResourceUnavailableError(
            f"Sage does not offer {place} to this user ({said}): the country or plan lacks it, or "
            "the user has no role for it. Rows already loaded stay as they are. Give the user the "
            "role in Sage if the data is wanted, or leave the resource out.",
            status=status, place=place, code=found.code,
        )  # fmt: skip
    field_named = f" at {found.source}" if found.source else ""
    return errors.RequestRejectedError(
        f"Sage rejects the request for {place} ({said}{field_named}). Nothing was loaded for it and "
        "its cursor stays. This is not healed by a repeat: report it with the request id.",
        status=status, place=place, code=found.code,
    )  # fmt: skip


def _code(code: str) -> str:
    """A short code is safe to show; a longer text could quote data."""
    return code if len(code) <= 60 and code.replace("_", "").isalnum() else "see Sage's log"
