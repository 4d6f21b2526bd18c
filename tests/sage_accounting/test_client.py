"""One request: what it waits for, when it is repeated, and what the next ones learn from it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from one_request import QUICK, Bearer, call, client_of, settings_for

from sage_accounting.budget import Limits, RequestBudget
from sage_accounting.client import (
    LONGEST_RETRY_AFTER_S,
    Call,
    NotYet,
    RetryPolicy,
    SageClient,
    retry_after,
)
from sage_accounting.errors import (
    BudgetExhaustedError,
    ResourceUnavailableError,
    SageUnreachableError,
    SubscriptionEndedError,
)
from sage_sandbox.server import Sandbox, running_sandbox

NOWHERE = "http://127.0.0.1:9/v3.1"
"""Nothing listens there."""


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    with running_sandbox(countries=("GB", "ES"), invoices=5, seed=1) as running:
        yield running


@pytest.fixture
def sandbox(server: Sandbox) -> Iterator[Sandbox]:
    """The server with a clean log, as it is left."""
    server.control("clear_requests")
    yield server
    server.control("clear_faults")
    server.control("limit", requests_per_minute=0)
    for business_id in server.state.businesses:
        server.control("subscription", business=business_id, active=True)


@pytest.fixture
def client(sandbox: Sandbox, tmp_path: Path) -> Iterator[SageClient]:
    with client_of(sandbox, tmp_path) as client:
        yield client


@pytest.fixture
def businesses(sandbox: Sandbox) -> list[str]:
    return list(sandbox.state.businesses)


def sent(sandbox: Sandbox) -> int:
    return sum(entry.path.startswith("/v3.1/") for entry in sandbox.state.request_log)


def not_yet(one: Call[bytes]) -> NotYet:
    with pytest.raises(NotYet) as caught:
        one.attempt()
    return caught.value


def test_request_beyond_the_budget_is_not_sent(
    sandbox: Sandbox, tmp_path: Path, businesses: list[str]
) -> None:
    with client_of(sandbox, tmp_path, requests_per_minute=1) as client:
        call(client, businesses[0]).attempt()
        later = not_yet(call(client, businesses[0]))
    assert later.is_shared
    assert later.wait_s > 59.0
    assert (sent(sandbox), client.requests.total) == (1, 1)


def test_day_budget_of_one_business_leaves_the_other_to_go_on(
    sandbox: Sandbox, tmp_path: Path, businesses: list[str]
) -> None:
    first, second = businesses
    with client_of(sandbox, tmp_path, requests_per_day=1) as client:
        call(client, first).attempt()
        with pytest.raises(BudgetExhaustedError, match=first):
            call(client, first).attempt()
        call(client, second).attempt()


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_429_holds_back_its_business_as_long_as_sage_says(
    sandbox: Sandbox, client: SageClient, businesses: list[str], form: str
) -> None:
    first, second = businesses
    sandbox.control("fault", kind="status", status=429, retry_after=form, retry_after_s=40)
    assert 38.0 < not_yet(call(client, first)).wait_s <= 40.0
    assert not_yet(call(client, first, "contacts")).is_shared
    call(client, second).attempt()
    assert sent(sandbox) == 2


def test_429_that_names_no_time_is_tried_again_soon(
    sandbox: Sandbox, client: SageClient, businesses: list[str]
) -> None:
    sandbox.control("fault", kind="status", status=429, retry_after="none")
    one = call(client, businesses[0])
    assert 0.9 < not_yet(one).wait_s <= 1.0
    assert one.wait()


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_429_that_asks_for_hours_ends_its_business_for_this_run(
    sandbox: Sandbox, client: SageClient, businesses: list[str], form: str
) -> None:
    first, second = businesses
    sandbox.control("fault", kind="status", status=429, retry_after=form, retry_after_s=36_000)
    said = set()
    for resource in ("currencies", "contacts"):
        with pytest.raises(BudgetExhaustedError, match="day") as caught:
            call(client, first, resource).attempt()
        said.add(str(caught.value))
    call(client, second).attempt()
    assert (len(said), sent(sandbox)) == (1, 2)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("-3", 0.0),
        ("1.5", 1.5),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:27:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("inf", None),
        ("nan", None),
    ],
)
def test_retry_after_in_all_forms(value: str, seconds: float | None) -> None:
    headers = {"Retry-After": value, "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}
    assert retry_after(httpx.Response(429, headers=headers)) == seconds


def test_5xx_lets_only_its_own_request_wait(
    sandbox: Sandbox, client: SageClient, businesses: list[str]
) -> None:
    sandbox.control("fault", kind="status", status=503)
    assert not not_yet(call(client, businesses[0])).is_shared
    call(client, businesses[0]).attempt()


def test_5xx_is_not_waited_for_longer_than_a_limit(
    sandbox: Sandbox, client: SageClient, businesses: list[str]
) -> None:
    sandbox.control("fault", kind="status", status=503, retry_after="seconds", retry_after_s=36_000)
    assert not_yet(call(client, businesses[0])).wait_s == LONGEST_RETRY_AFTER_S


def test_each_fault_is_waited_for_about_twice_as_long_as_the_last_up_to_a_limit(
    sandbox: Sandbox, tmp_path: Path, businesses: list[str]
) -> None:
    sandbox.control("fault", kind="status", status=503, path="/currencies", count=None)
    slow = RetryPolicy(attempts=9, initial_s=1.0, maximum_s=8.0)
    with SageClient(settings_for(sandbox), Bearer(sandbox), retry=slow, folder=tmp_path) as client:
        one = call(client, businesses[0])
        waits = [not_yet(one).wait_s for _ in range(5)]
    spread_out = [wait_s - least for wait_s, least in zip(waits, (1, 2, 4, 8, 8), strict=True)]
    assert all(0.0 <= more_s <= slow.initial_s for more_s in spread_out)


def test_fault_that_stays_is_given_up_after_all_attempts(
    sandbox: Sandbox, client: SageClient, businesses: list[str]
) -> None:
    sandbox.control("fault", kind="status", status=503, count=None)
    with pytest.raises(SageUnreachableError, match="3 attempts; the last one: status 503"):
        call(client, businesses[0]).wait()
    assert sent(sandbox) == QUICK.attempts


def test_fault_that_stays_for_one_list_is_no_outage(
    sandbox: Sandbox, client: SageClient, businesses: list[str]
) -> None:
    sandbox.control("fault", kind="reset", path="/currencies", count=None)
    with pytest.raises(SageUnreachableError):
        call(client, businesses[0]).wait()
    assert call(client, businesses[0], "contacts").wait()


def test_ended_subscription_is_asked_about_once(
    sandbox: Sandbox, client: SageClient, businesses: list[str]
) -> None:
    first, second = businesses
    sandbox.control("subscription", business=first, active=False)
    for resource in ("currencies", "contacts"):
        with pytest.raises(SubscriptionEndedError, match=first):
            call(client, first, resource).attempt()
    call(client, second).attempt()
    assert sent(sandbox) == 2


def test_resource_that_is_not_offered_leaves_the_business_alone(
    sandbox: Sandbox, client: SageClient, businesses: list[str]
) -> None:
    sandbox.control("fault", kind="status", status=403, path="/currencies")
    with pytest.raises(ResourceUnavailableError):
        call(client, businesses[0]).attempt()
    call(client, businesses[0], "contacts").attempt()


def test_unreachable_host_costs_the_repeats_of_one_request(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    settings = replace(settings_for(sandbox), base_url=NOWHERE)
    said = set()
    with SageClient(settings, Bearer(sandbox), retry=QUICK, folder=tmp_path) as client:
        for resource in ("currencies", "contacts", "products"):
            with pytest.raises(SageUnreachableError, match=r"127\.0\.0\.1:9") as caught:
                call(client, "any", resource).wait()
            said.add(str(caught.value))
    assert (len(said), client.requests.total) == (1, QUICK.attempts)


def test_sage_never_refuses_what_the_budget_grants(
    sandbox: Sandbox, tmp_path: Path, businesses: list[str]
) -> None:
    """Our minute lasts three seconds here. Sage's is a tenth shorter: in three seconds a request is more
    easily late than in sixty.
    """
    minute_s, allowed = 3.0, 60
    budget = RequestBudget(Limits(minute=allowed, minute_s=minute_s), "app", tmp_path)
    limits = sandbox.state.limits
    limits.clock = lambda: time.monotonic() * 60.0 / (minute_s * 0.9)
    sandbox.control("limit", requests_per_minute=allowed)
    refused = limits.refused
    with (
        SageClient(settings_for(sandbox), Bearer(sandbox), retry=QUICK, budget=budget) as client,
        ThreadPoolExecutor(4) as pool,
    ):
        count = allowed * 2 + 1  # the last one needs the third minute
        list(pool.map(lambda _: call(client, businesses[0]).wait(), range(count)))
    limits.clock = time.monotonic
    assert limits.refused == refused


def test_nothing_is_counted_where_nothing_is_limited(
    client: SageClient, businesses: list[str], tmp_path: Path
) -> None:
    call(client, businesses[0]).attempt()
    assert list(tmp_path.iterdir()) == []
