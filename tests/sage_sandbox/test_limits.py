"""Budgets: what is admitted, and what a 429 says."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandbox_client import Api, codes

from sage_sandbox.answers import Refusal
from sage_sandbox.limits import WINDOW_S, Limits


def test_business_has_a_budget_of_its_own(api: Api, spanish: Api) -> None:
    api.sandbox.control("limit", requests_per_minute=2)
    assert [api.get("/currencies").status_code for _ in range(3)] == [200, 200, 429]
    assert spanish.get("/currencies").status_code == 200


def test_application_has_a_budget_for_all_businesses(api: Api, spanish: Api) -> None:
    api.sandbox.control("limit", app_requests_per_minute=2)
    assert api.get("/currencies").status_code == 200
    assert spanish.get("/currencies").status_code == 200
    assert spanish.get("/currencies").status_code == 429


def test_account_level_requests_take_of_no_business_budget(api: Api) -> None:
    api.sandbox.control("limit", requests_per_minute=1)
    assert [api.get("/businesses").status_code for _ in range(3)] == [200] * 3
    api.sandbox.control("limit", app_requests_per_minute=1)
    assert [api.get("/businesses").status_code for _ in range(2)] == [200, 429]


def test_refusal_is_an_array_with_seconds_to_wait(api: Api) -> None:
    api.sandbox.control("limit", requests_per_minute=1)
    api.get("/currencies")
    refused = api.get("/currencies")
    assert codes(refused)[:2] == (429, "TooManyRequests")
    assert 55 <= int(refused.headers["retry-after"]) <= 60


def test_refusal_can_name_a_date(api: Api) -> None:
    api.sandbox.control("limit", requests_per_minute=1, retry_after="date")
    api.get("/currencies")
    headers = api.get("/currencies").headers
    wait = parsedate_to_datetime(headers["retry-after"]) - parsedate_to_datetime(headers["date"])
    assert 55 <= wait.total_seconds() <= 61


def test_refusal_can_be_silent(api: Api) -> None:
    api.sandbox.control("limit", requests_per_minute=1, retry_after="none")
    api.get("/currencies")
    assert "retry-after" not in api.get("/currencies").headers


def test_more_at_one_time_than_allowed_are_refused(api: Api) -> None:
    api.sandbox.control("limit", concurrent_requests=1)
    api.sandbox.control("fault", kind="slow", delay_ms=250, count=None)
    with ThreadPoolExecutor(2) as pool:
        seen = list(pool.map(lambda _: api.get("/currencies").status_code, range(2)))
    assert 429 in seen
    api.sandbox.control("clear_faults")
    assert api.get("/currencies").status_code == 200


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(1, 5))
def test_no_sixty_seconds_hold_more_than_the_budget(steps: list[int], allowed: int) -> None:
    now = 0.0
    limits = Limits(requests_per_minute=allowed, clock=lambda: now)
    admitted: list[float] = []
    for step in steps:
        now += step
        try:
            limits.admit("business", 1)
        except Refusal:
            recent = [moment for moment in admitted if moment > now - WINDOW_S]
            assert len(recent) == allowed
        else:
            admitted.append(now)
    for start in admitted:
        assert sum(start <= moment < start + WINDOW_S for moment in admitted) <= allowed


def test_refused_request_counts_not() -> None:
    now = 0.0
    limits = Limits(requests_per_minute=1, clock=lambda: now)
    limits.admit("business", 1)
    now = 30.0
    with pytest.raises(Refusal):
        limits.admit("business", 1)
    now = 60.0
    limits.admit("business", 1)
