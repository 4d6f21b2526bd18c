"""Allowances: what is granted, when, to whom, and that all processes of a machine share them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_accounting.budget import FILE_NAME, MARGIN, WAITED_OUT_S, Limits, RequestBudget
from sage_accounting.errors import BudgetExhaustedError, BudgetStoreError

NOON = 1_780_000_000.0
MINUTE_S = 60.0 * (1.0 + MARGIN)
DAY_S = 86_400.0 + 60.0 * MARGIN


class Clock:
    """Wall time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def budget(folder: Path, clock: Clock, app: str = "app", **limits: int) -> RequestBudget:
    return RequestBudget(Limits(**limits), app, folder, clock)


def granted(held: RequestBudget, business_id: str | None, asked: int) -> int:
    return sum(held.take(business_id) == 0.0 for _ in range(asked))


def test_whole_allowance_is_granted_at_once_and_no_request_more(
    tmp_path: Path, clock: Clock
) -> None:
    assert granted(budget(tmp_path, clock, minute=100), "a", 150) == 100


@given(
    pauses_ms=st.lists(st.integers(0, 40_000), min_size=1, max_size=60),
    allowed=st.integers(1, 5),
)
def test_no_minute_sees_more_than_the_allowance_and_none_is_wasted(
    pauses_ms: list[int], allowed: int
) -> None:
    clock = Clock()
    times_ms: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        held = budget(Path(folder), clock, minute=allowed)
        for now_ms in accumulate(pauses_ms):
            clock.now = NOON + now_ms / 1000.0
            recent = sum(at_ms > now_ms - MINUTE_S * 1000.0 for at_ms in times_ms)
            is_granted = held.take("a") == 0.0
            assert is_granted == (recent < allowed)
            if is_granted:
                times_ms.append(now_ms)
        held.close()


def test_wait_that_is_told_is_long_enough_and_not_longer(tmp_path: Path, clock: Clock) -> None:
    held = budget(tmp_path, clock, minute=2)
    granted(held, "a", 2)
    clock.now += 10.0
    wait_s = held.take("a")
    assert wait_s == pytest.approx(MINUTE_S - 10.0)
    clock.now += wait_s + 1e-3
    assert held.take("a") == 0.0


def test_request_that_is_not_granted_costs_nothing(tmp_path: Path, clock: Clock) -> None:
    held = budget(tmp_path, clock, minute=1, app_minute=10)
    granted(held, "a", 50)
    assert granted(held, "b", 1) + granted(held, None, 20) == 9


def test_each_business_has_an_allowance_of_its_own(tmp_path: Path, clock: Clock) -> None:
    held = budget(tmp_path, clock, minute=3)
    assert [granted(held, business_id, 5) for business_id in "ab"] == [3, 3]


def test_application_is_shared_by_its_businesses_and_by_no_other(
    tmp_path: Path, clock: Clock
) -> None:
    held = budget(tmp_path, clock, app_minute=4)
    assert granted(held, "a", 3) + granted(held, "b", 3) + granted(held, None, 3) == 4
    assert granted(budget(tmp_path, clock, app="another", app_minute=4), "a", 9) == 4


def test_unlimited_budget_writes_no_file(tmp_path: Path, clock: Clock) -> None:
    assert granted(budget(tmp_path, clock), "a", 1000) == 1000
    assert list(tmp_path.iterdir()) == []


def test_another_connection_of_the_machine_shares_the_business(
    tmp_path: Path, clock: Clock
) -> None:
    assert granted(budget(tmp_path, clock, minute=3), "a", 2) == 2
    assert granted(budget(tmp_path, clock, minute=3), "a", 2) == 1


def test_day_that_is_used_up_says_so_in_the_same_words_each_time(
    tmp_path: Path, clock: Clock
) -> None:
    held = budget(tmp_path, clock, day=5)
    assert granted(held, "a", 5) == 5
    said = set()
    for _ in range(3):
        clock.now += 60.0
        with pytest.raises(BudgetExhaustedError, match="requests_per_day") as caught:
            held.take("a")
        said.add(str(caught.value))
    assert len(said) == 1


def test_day_that_is_used_up_is_said_at_once_though_the_minute_is_too(
    tmp_path: Path, clock: Clock
) -> None:
    held = budget(tmp_path, clock, minute=3, day=6)
    granted(held, "a", 3)
    clock.now += MINUTE_S
    granted(held, "a", 3)
    with pytest.raises(BudgetExhaustedError):
        held.take("a")


def test_day_that_allows_less_than_a_minute_is_kept(tmp_path: Path, clock: Clock) -> None:
    held = budget(tmp_path, clock, minute=100, day=5)
    granted(held, "a", 5)
    with pytest.raises(BudgetExhaustedError):
        held.take("a")


def test_day_that_minutes_never_use_up_leaves_the_minute_as_it_is(
    tmp_path: Path, clock: Clock
) -> None:
    assert granted(budget(tmp_path, clock, minute=5, day=1_000_000), "a", 9) == 5


def test_day_that_is_used_up_leaves_the_other_businesses_alone(
    tmp_path: Path, clock: Clock
) -> None:
    held = budget(tmp_path, clock, day=1)
    granted(held, "a", 1)
    with pytest.raises(BudgetExhaustedError):
        held.take("a")
    assert held.take("b") == 0.0


def test_day_survives_the_process(tmp_path: Path, clock: Clock) -> None:
    first = budget(tmp_path, clock, day=3)
    granted(first, "a", 3)
    first.close()
    with pytest.raises(BudgetExhaustedError):
        budget(tmp_path, clock, day=3).take("a")


def test_day_is_over_a_day_later(tmp_path: Path, clock: Clock) -> None:
    held = budget(tmp_path, clock, day=3)
    granted(held, "a", 3)
    clock.now += DAY_S + 1.0
    assert granted(held, "a", 3) == 3


def test_job_that_starts_a_little_earlier_than_yesterday_waits_instead_of_stopping(
    tmp_path: Path, clock: Clock
) -> None:
    held = budget(tmp_path, clock, day=3)
    granted(held, "a", 3)
    clock.now += DAY_S - WAITED_OUT_S + 1.0
    assert 0.0 < held.take("a") < WAITED_OUT_S


def test_raised_allowance_counts_what_was_spent_before(tmp_path: Path, clock: Clock) -> None:
    granted(budget(tmp_path, clock, day=3), "a", 3)
    assert granted(budget(tmp_path, clock, minute=50, day=8), "a", 5) == 5
    with pytest.raises(BudgetExhaustedError):
        budget(tmp_path, clock, day=8).take("a")


def test_lowered_allowance_counts_what_was_spent_before(tmp_path: Path, clock: Clock) -> None:
    granted(budget(tmp_path, clock, minute=8), "a", 5)
    assert granted(budget(tmp_path, clock, minute=3), "a", 5) == 0


def test_clock_that_is_set_back_stops_nobody_for_longer_than_a_window(
    tmp_path: Path, clock: Clock
) -> None:
    held = budget(tmp_path, clock, minute=3)
    granted(held, "a", 3)
    clock.now -= 7 * 86_400.0
    assert held.take("a") == pytest.approx(MINUTE_S)
    clock.now += MINUTE_S + 1.0
    assert granted(held, "a", 5) == 3


def test_file_keeps_one_window_only(tmp_path: Path, clock: Clock) -> None:
    held = budget(tmp_path, clock, minute=10)
    for _ in range(300):
        granted(held, "a", 10)
        clock.now += MINUTE_S + 1.0
    held.close()
    assert (tmp_path / FILE_NAME).stat().st_size < 50_000


def test_file_that_is_no_database_any_more_is_begun_anew(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"torn " * 2000)
    assert granted(budget(tmp_path, clock, minute=3), "a", 5) == 3


def test_folder_that_can_not_be_written_is_named(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BudgetStoreError, match=FILE_NAME):
        budget(tmp_path / "file", clock, minute=3).take("a")


def test_threads_share_the_allowance(tmp_path: Path, clock: Clock) -> None:
    held = budget(tmp_path, clock, minute=100)
    with ThreadPoolExecutor(16) as pool:
        counts = pool.map(lambda _: granted(held, "a", 20), range(16))
    assert sum(counts) == 100


FOUR_PROCESSES = """
import os, sys
from pathlib import Path
from sage_accounting.budget import Limits, RequestBudget
for _ in range(4):
    if not os.fork():
        held = RequestBudget(Limits(minute=100), "app", Path(sys.argv[1]))
        granted = sum(held.take("a") == 0.0 for _ in range(60))
        os.write(1, b"%d\\n" % granted)
        os._exit(0)
for _ in range(4):
    os.wait()
"""


def test_processes_share_the_allowance_from_the_first_opening_on(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FOUR_PROCESSES, str(tmp_path / "new")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert sum(map(int, done.stdout.split())) == 100


HOLD = """
import sqlite3, sys
from filelock import FileLock
FileLock(sys.argv[1] + ".lock").acquire()
file = sqlite3.connect(sys.argv[1], isolation_level=None)
[table] = file.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchone()
file.execute("BEGIN IMMEDIATE")
file.execute(f"DELETE FROM {table}")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path, clock: Clock) -> Iterator[subprocess.Popen[str]]:
    """A process in the middle of a grant."""
    granted(budget(tmp_path, clock, minute=3), "a", 2)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / FILE_NAME)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def test_process_killed_in_the_middle_of_a_grant_leaves_no_lock_and_no_half_grant(
    tmp_path: Path, clock: Clock, holder: subprocess.Popen[str]
) -> None:
    holder.kill()
    holder.wait()
    assert granted(budget(tmp_path, clock, minute=3), "a", 5) == 1


def test_minute_budget_is_used_to_95_percent(tmp_path: Path) -> None:
    now, granted = 1_700_000_000.0, 0
    budget = RequestBudget(Limits(minute=100), "app", tmp_path, clock=lambda: now)
    end = now + 600.0
    while now < end:
        wait_s = budget.take("b1")
        granted += wait_s == 0.0
        now += wait_s
    assert granted >= 0.95 * 100 * 10
