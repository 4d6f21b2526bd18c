"""What one request learned and the next ones know."""

from __future__ import annotations

import pytest

from sage_accounting.brakes import FIRST_PAUSE_S, LIMITED_FOR_S, LONGEST_PAUSE_S, Brakes
from sage_accounting.errors import BudgetExhaustedError, SageUnreachableError

OUTAGE = SageUnreachableError("no connection")


class Clock:
    """Monotonic time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def brakes(clock: Clock) -> Brakes:
    return Brakes(clock)


def test_pause_holds_back_one_business_only(brakes: Brakes) -> None:
    brakes.pause("a", 1000.0, 7.0)
    assert (brakes.wait_s("a"), brakes.wait_s("b")) == (7.0, 0.0)


def test_pause_ends_with_the_next_good_answer(brakes: Brakes) -> None:
    brakes.pause("a", 1000.0, 7.0)
    brakes.release("a", 1007.0)
    assert brakes.wait_s("a") == 0.0


def test_pause_outlasts_good_answers_to_requests_sent_before(brakes: Brakes) -> None:
    brakes.pause("a", 999.8, 7.0)
    brakes.release("a", 999.9)
    assert brakes.wait_s("a") == 7.0


def test_retry_after_of_nothing_is_no_reason_to_hurry(brakes: Brakes) -> None:
    brakes.pause("a", 1000.0, 0.0)
    assert brakes.wait_s("a") == FIRST_PAUSE_S


def test_pauses_double_up_to_a_minute_where_sage_names_none(brakes: Brakes, clock: Clock) -> None:
    waits = []
    for _ in range(9):
        brakes.pause("a", clock.now, None)
        waits.append(brakes.wait_s("a"))
        clock.now += waits[-1]
    assert waits == [1, 2, 4, 8, 16, 32, LONGEST_PAUSE_S, LONGEST_PAUSE_S, LONGEST_PAUSE_S]


def test_requests_refused_together_are_one_pause(brakes: Brakes, clock: Clock) -> None:
    for _ in range(16):
        clock.now += 0.01
        brakes.pause("a", 1000.0, None)
    assert brakes.wait_s("a") <= FIRST_PAUSE_S


def test_limit_that_nothing_lifts_is_given_up_in_the_end(brakes: Brakes, clock: Clock) -> None:
    began = clock.now
    while brakes.pause("a", clock.now, 30.0):
        clock.now += 30.0
    assert clock.now - began == LIMITED_FOR_S


def test_business_that_ended_raises_why_and_the_others_go_on(brakes: Brakes) -> None:
    brakes.end("a", BudgetExhaustedError("used up"))
    brakes.end("a", BudgetExhaustedError("said later"))
    with pytest.raises(BudgetExhaustedError, match="used up"):
        brakes.wait_s("a")
    assert brakes.wait_s("b") == 0.0


def test_outage_ends_all_businesses(brakes: Brakes) -> None:
    brakes.unreachable(1000.0, OUTAGE)
    with pytest.raises(SageUnreachableError):
        brakes.wait_s("b")


def test_host_that_answered_others_meanwhile_is_not_unreachable(
    brakes: Brakes, clock: Clock
) -> None:
    clock.now += 5.0
    brakes.heard()
    brakes.unreachable(1000.0, OUTAGE)
    assert brakes.wait_s("b") == 0.0
