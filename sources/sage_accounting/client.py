"""One request for one business: header, bearer, budget, retries, errors in plain words.

``X-Business`` is an argument of every call, because Sage answers a request without it for the lead
business, silently, and the lead can change. Only ``/businesses`` and ``/user`` go without
(:meth:`SageClient.get_account`).

Nothing in a :class:`Call` waits. Where the budget is used up, Sage says 429 or a fault is to be
repeated later, it raises :class:`NotYet`, and who asked decides whether to sleep or to do something
else meanwhile.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Generic, NoReturn, TypeVar
from urllib.parse import quote, urlencode

import httpx
from dlt.common.pipeline import get_dlt_pipelines_dir
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from sage_accounting import errors
from sage_accounting.brakes import LIMITED_FOR_S, Brakes
from sage_accounting.budget import Limits, RequestBudget
from sage_accounting.errors import Place
from sage_accounting.refusals import refusal
from sage_accounting.settings import Settings

logger = logging.getLogger(__name__)

RETRIED_STATUSES = frozenset({408, 500, 502, 503, 504})
NO_CONNECTION = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)
TIMEOUT = httpx.Timeout(10.0, read=60.0, pool=None)
LONGEST_RETRY_AFTER_S = 300.0
"""What asks for more is no minute's limit but a day's: the business is left for the next run."""
USER_AGENT = "sage-elt (https://developer.sage.com/accounting, dlt source)"

T = TypeVar("T")


class MalformedBodyError(Exception):
    """Raised by a caller's ``read`` for a body that is cut off or no JSON: the request is repeated."""


class NotYet(Exception):  # noqa: N818 - no error: says when to ask again
    """A call that is to be attempted again after ``wait_s`` seconds."""

    def __init__(self, wait_s: float, *, is_shared: bool) -> None:
        super().__init__(f"not before {wait_s:.1f} seconds have passed")
        self.wait_s = wait_s
        self.is_shared = is_shared
        """Whether all requests of the business have to wait, or this one alone."""


@dataclass(frozen=True)
class Answer:
    """A 2xx answer."""

    body: bytes
    place: Place
    sent_at: datetime
    """Sage's own clock (``Date`` header) when it answered, else ours; aware UTC, whole seconds."""


@dataclass(frozen=True)
class RetryPolicy:
    """Capped exponential backoff with jitter, for faults; a 429 waits as long as Sage says."""

    attempts: int = 6
    initial_s: float = 0.5
    maximum_s: float = 30.0

    def is_over(self, state: RetryCallState) -> bool:
        """Whether the last attempt has failed."""
        return stop_after_attempt(self.attempts)(state)

    def wait_s(self, state: RetryCallState) -> float:
        """Seconds until the next attempt; spread out, or all that failed collide again."""
        backoff = wait_exponential(self.initial_s, self.maximum_s)
        return (backoff + wait_random(0.0, self.initial_s))(state)


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


@dataclass(frozen=True)
class Request:
    """What is sent, the same on every repeat; the bearer comes with each."""

    method: str
    path: str
    place: Place
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None


class SageClient:
    """Reads from Sage Accounting v3.1; thread-safe; a context manager.

    Every method raises the errors of :mod:`sage_accounting.errors`: ``ResourceUnavailableError`` (403,
    404), ``SubscriptionEndedError``, ``RequestRejectedError``, ``AccessTokenError``,
    ``SageUnreachableError`` (after all retries), ``BudgetExhaustedError``, ``BudgetStoreError`` and
    what ``auth`` raises.
    """

    def __init__(
        self,
        settings: Settings,
        auth: httpx.Auth,
        *,
        retry: RetryPolicy | None = None,
        folder: str | Path | None = None,
        budget: RequestBudget | None = None,
    ) -> None:
        """``folder``: where requests are counted for all processes; default: of dlt's pipelines."""
        self._base_url = settings.base_url
        self._retry = retry or RetryPolicy()
        self._brakes = Brakes()
        self._budget = budget or budget_of(settings, Path(folder or get_dlt_pipelines_dir()))
        self.requests = RequestCount()
        self._auth = auth
        self._tls = httpx.create_ssl_context()
        self._own = threading.local()
        self._opened: list[httpx.Client] = []

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
        for http in self._opened:
            http.close()
        self._budget.close()

    @property
    def _http(self) -> httpx.Client:
        """This thread's own: one shared by all threads searches all connections for each request,
        under a lock, which costs more than the request.
        """
        http: httpx.Client | None = getattr(self._own, "http", None)
        if http is None:
            http = self._own.http = httpx.Client(
                auth=self._auth,
                timeout=TIMEOUT,
                verify=self._tls,
                headers={"Accept": "application/json", "User-Agent": USER_AGENT},
                # behind auth, so that its repeat after a refresh is granted and counted as well
                event_hooks={"request": [self._count]},
            )
            self._opened.append(http)
        return http

    def call(
        self,
        path: str,
        params: Mapping[str, str],
        *,
        business_id: str,
        resource: str,
        read: Callable[[Answer], T],
    ) -> Call[T]:
        """One GET for ``business_id``, to be attempted until it has an answer or an error.

        ``read`` may raise :class:`MalformedBodyError`; the request is then repeated.
        """
        headers = {"X-Business": business_id}
        return Call(self, Request("GET", path, Place(resource, business_id), params, headers), read)

    def get(
        self,
        path: str,
        params: Mapping[str, str],
        *,
        business_id: str,
        resource: str,
        read: Callable[[Answer], T],
    ) -> T:
        """What ``read`` makes of the answer to one GET; waits as long as it takes."""
        call = self.call(path, params, business_id=business_id, resource=resource, read=read)
        return call.wait()

    def get_account(
        self, path: str, params: Mapping[str, str], *, read: Callable[[Answer], T]
    ) -> T:
        """Like :meth:`get` for ``/businesses`` and ``/user``, which belong to no business."""
        place = Place(path.strip("/").split("/")[0])
        return Call(self, Request("GET", path, place, params), read).wait()

    def write(
        self,
        method: str,
        path: str,
        content: bytes,
        *,
        business_id: str,
        resource: str,
        headers: Mapping[str, str],
        read: Callable[[Answer], T],
    ) -> Call[T]:
        """One POST or PUT of ``content`` (JSON), the same bytes on every attempt.

        Whoever calls decides what a repeat may do: after a :class:`NotYet` whose ``is_shared`` is false
        it is not known whether Sage carried the write out.
        """
        own = {"X-Business": business_id, "Content-Type": "application/json"}
        place = Place(resource, business_id)
        request = Request(method, path, place, headers={**headers, **own}, content=content)
        return Call(self, request, read)

    def _count(self, request: httpx.Request) -> None:
        """Called right before each request is sent."""
        place: Place = request.extensions["place"]
        wait_s = self._budget.take(place.business_id)
        if wait_s > 0.0:
            raise NotYet(wait_s, is_shared=True)
        self.requests.add(place)

    def _send(self, request: Request) -> httpx.Response:
        # httpx would parse an address with params= twice, a tenth of the cost of a request
        query = f"?{urlencode(request.params, quote_via=quote)}" if request.params else ""
        return self._http.request(
            request.method,
            f"{self._base_url}{request.path}{query}",
            headers=request.headers,
            content=request.content,
            extensions={"place": request.place},
        )


class Call(Generic[T]):
    """One request under way, with its faults so far; for one thread at a time."""

    def __init__(self, client: SageClient, request: Request, read: Callable[[Answer], T]) -> None:
        self._client = client
        self._request = request
        self._read = read
        self._business_id = request.place.business_id or ""
        # tenacity counts; its loop would sleep in the thread
        self._tries = RetryCallState(Retrying(), None, (), {})
        self._failing_since = float("inf")

    def wait(self) -> T:
        """What ``read`` makes of the answer, however long it takes."""
        return Retrying(retry=retry_if_exception_type(NotYet), wait=_as_told)(self.attempt)

    def attempt(self) -> T:
        """What ``read`` makes of the answer. Raises :class:`NotYet`, or why there will be none."""
        brakes = self._client._brakes
        wait_s = brakes.wait_s(self._business_id)
        if wait_s > 0.0:
            raise NotYet(wait_s, is_shared=True)
        sent_at = brakes.clock()
        try:
            response = self._client._send(self._request)
        except httpx.RequestError as error:
            self._repeat(f"{type(error).__name__}: {error}", isinstance(error, NO_CONNECTION))
        except errors.SageUnreachableError as error:  # the token endpoint, after its own repeats
            raise brakes.unreachable(sent_at, error) from None
        except errors.BudgetExhaustedError as error:
            raise brakes.end(self._business_id, error) from None
        brakes.heard()
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            self._hold_back(response, sent_at)
        if response.status_code in RETRIED_STATUSES:
            self._repeat(f"status {response.status_code}", retry_after_s=retry_after(response))
        brakes.release(self._business_id, sent_at)
        return self._understand(response)

    def _understand(self, response: httpx.Response) -> T:
        asked = self._request.place
        place = Place(asked.resource, asked.business_id, response.headers.get("x_request_id"))
        if not response.is_success:
            error = refusal(response, place)
            if isinstance(error, errors.SubscriptionEndedError):
                raise self._client._brakes.end(self._business_id, error)
            raise error
        try:
            return self._read(Answer(response.content, place, _server_time(response)))
        except MalformedBodyError as error:
            self._repeat(f"unreadable body ({error})")

    def _repeat(
        self, reason: str, is_unconnected: bool = False, retry_after_s: float | None = None
    ) -> NoReturn:
        """Ask again later, or give up after the last attempt."""
        client, place = self._client, self._request.place
        faults = self._tries.attempt_number
        self._failing_since = min(self._failing_since, client._brakes.clock())
        logger.info(
            "fault %d of %s: %s", faults, place, reason,
            extra={"resource": place.resource, "business_id": place.business_id},
        )  # fmt: skip
        if not client._retry.is_over(self._tries):
            asked_s = min(retry_after_s or 0.0, LONGEST_RETRY_AFTER_S)
            wait_s = max(asked_s, client._retry.wait_s(self._tries))
            self._tries.prepare_for_next_attempt()
            raise NotYet(wait_s, is_shared=False)
        if is_unconnected:
            outage = errors.SageUnreachableError(
                f"There is no connection to {client._base_url} ({reason}), after {faults} "
                "attempts. What was not read whole keeps its cursor, and the next run goes on with it. "
                "See whether the address is right and reachable from here, then run the command again."
            )
            raise client._brakes.unreachable(self._failing_since, outage) from None
        raise errors.SageUnreachableError(
            f"Sage gave no usable answer for {place} after {faults} attempts; the last one: "
            f"{reason}. Nothing of this list was loaded and its cursor stays, so the next run reads "
            f"it again. If it lasts, see whether the address {client._base_url} is reachable from "
            "here and Sage's status page.",
            error_code="sage-answers-unusable",
        ) from None

    def _hold_back(self, response: httpx.Response, sent_at: float) -> NoReturn:
        """After a 429: let the whole business wait, or leave it for the next run."""
        brakes = self._client._brakes
        asked_s = retry_after(response)
        whose = f"business {self._business_id}" if self._business_id else self._request.place
        if asked_s is not None and asked_s > LONGEST_RETRY_AFTER_S:
            why = f"not before {asked_s:.0f} seconds have passed, which is a day's limit"
        elif not brakes.pause(self._business_id, sent_at, asked_s):
            why = f"and {LIMITED_FOR_S:.0f} seconds of waiting did not help"
        else:
            raise NotYet(brakes.wait_s(self._business_id), is_shared=True)
        error = errors.BudgetExhaustedError(
            f"Sage takes no more requests for {whose} (status 429, {why}). What was read whole is "
            "loaded; what was not keeps its cursor, and the next run goes on with it. Run it later, "
            "and set requests_per_day if it happens often.",
            error_code="sage-limit-reached",
        )
        raise brakes.end(self._business_id, error)


def _as_told(state: RetryCallState) -> float:
    later = state.outcome.exception() if state.outcome else None
    return later.wait_s if isinstance(later, NotYet) else 0.0


def budget_of(settings: Settings, folder: Path) -> RequestBudget:
    """The allowances of the settings, counted in a file of ``folder``."""
    limits = Limits(
        minute=settings.requests_per_minute,
        day=settings.requests_per_day,
        app_minute=settings.app_requests_per_minute,
        app_day=settings.app_requests_per_day,
    )
    return RequestBudget(limits, f"{settings.base_url} {settings.client_id}", folder)


def retry_after(response: httpx.Response) -> float | None:
    """Seconds that a ``Retry-After`` header asks for, in either form; None when it says nothing."""
    value = response.headers.get("Retry-After", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - _server_time(response)).total_seconds()
        except (TypeError, ValueError):
            return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _server_time(response: httpx.Response) -> datetime:
    try:
        return parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError):
        return datetime.now(UTC).replace(microsecond=0)
