"""The page that one opens at night: how fresh, what fails, what to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sage_accounting.budget import Limits, RequestBudget, Use
from sage_elt.freshness import Freshness, age, code_of, freshness_of

NOW = datetime(2026, 5, 2, 3, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
REFUSED = "Sage rejects the request. (request-rejected)"
NOT_OFFERED = "Sage does not offer it. (resource-not-offered)"
USED_UP = "The day budget is used up. (day-budget-used-up)"


def resource(ago: timedelta | None, error: str | None = None) -> dict[str, Any]:
    success = None if ago is None else (NOW - ago).isoformat().replace("+00:00", "Z")
    return {"cursor": None, "rows": 1, "last_success": success, "last_error": error}


def page(
    *, state: str = "ok", selected: bool = True, name: str = "default", **resources: dict[str, Any]
) -> Freshness:
    business = {
        "id": "b", "name": "Ltd", "country": "GB", "selected": selected, "resources": resources,
    }  # fmt: skip
    expires = (NOW + 30 * 24 * HOUR + HOUR).isoformat()
    token = {"state": state, "generation": 1, "refresh_expires_at": expires}
    return freshness_of({"connection": name, "token": token, "businesses": [business]}, {}, NOW)


def test_business_is_as_old_as_its_oldest_list() -> None:
    (business,) = page(contacts=resource(HOUR), products=resource(5 * HOUR)).businesses
    assert (business.state, business.next_step) == ("fresh", None)
    assert business.last_success == NOW - HOUR
    assert business.complete_at == NOW - 5 * HOUR


def test_missed_daily_job_is_late_and_says_to_run_it() -> None:
    (business,) = page(contacts=resource(27 * HOUR)).businesses
    assert (business.state, business.next_step) == ("late", "sage-elt run")


def test_business_that_was_never_read_says_to_read_it() -> None:
    (business,) = page(name="acme").businesses
    assert (business.state, business.next_step) == ("never", "sage-elt run --connection acme")


def test_failing_list_is_named_with_the_command_that_reads_it() -> None:
    (business,) = page(contacts=resource(HOUR, REFUSED), products=resource(HOUR)).businesses
    assert (business.state, business.failing, business.last_error) == (
        "failing",
        ["contacts"],
        REFUSED,
    )
    assert business.next_step is not None
    assert "explain request-rejected" in business.next_step
    assert "--business b --resource contacts" in business.next_step


def test_list_that_sage_does_not_offer_fails_nothing() -> None:
    (business,) = page(contacts=resource(HOUR), products=resource(None, NOT_OFFERED)).businesses
    assert (business.state, business.not_offered, business.complete_at) == ("fresh", 1, NOW - HOUR)


def test_used_up_budget_asks_nobody_to_do_anything() -> None:
    (business,) = page(contacts=resource(HOUR, USED_UP)).businesses
    assert business.next_step == "nothing: the next run goes on with it"


def test_business_that_is_not_selected_asks_for_nothing() -> None:
    assert page(selected=False, contacts=resource(99 * HOUR)).businesses[0].next_step is None


@pytest.mark.parametrize("state", ["missing", "reauthorise"])
def test_sign_in_comes_before_all_else(state: str) -> None:
    assert page(state=state).next_step == "sage-elt connect"


def test_selection_comes_before_the_first_sync() -> None:
    assert page(selected=False).next_step == "sage-elt businesses use --all"


def test_days_until_somebody_must_sign_in_are_whole() -> None:
    assert page().days_left == 30


def test_age_is_in_words() -> None:
    assert age(NOW - 12 * HOUR / 60 * 1, NOW) == "12 minutes ago"
    assert age(None, NOW) == "never"


def test_code_is_read_from_the_end_of_an_error() -> None:
    assert code_of(REFUSED) == "request-rejected"
    assert code_of("of an older version") is None


def test_use_of_the_budget_is_told_without_using_it(tmp_path: Path) -> None:
    now = [1_000_000.0]
    budget = RequestBudget(Limits(minute=10, day=100), "app", tmp_path, lambda: now[0])
    assert budget.uses("b") == []
    for _ in range(3):
        budget.take("b")
    now[0] += 120
    budget.take("b")
    told = [budget.uses("b") for _ in range(2)]
    budget.close()
    assert told == [[Use("business b", "minute", 1, 10), Use("business b", "day", 4, 100)]] * 2
