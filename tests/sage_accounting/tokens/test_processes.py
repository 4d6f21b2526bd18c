"""Several real processes, and processes killed at every step of a refresh."""

import signal
from pathlib import Path
from typing import Any, get_args

import dlt
import pytest

from sage_accounting.tokens.steps import Step

UNSTORED: list[Step] = ["answered", "before_journal"]
"""Sage has answered and nothing is written: no program can survive a kill there."""
UNKNOWN: Step = "sent"
"""Whether Sage carries out a request whose sender is dead is its own affair."""
COPYING: list[Step] = ["state_saved", "extracted", "normalized", "loaded", "pruned"]
OTHERS: list[Step] = [step for step in get_args(Step) if step not in (*UNSTORED, UNKNOWN, *COPYING)]


def kill(sage: Any, processes: Any, at: Step) -> None:
    [killed] = processes.run(sage, "refresh", kill_at=at)
    assert killed["killed"] == signal.SIGKILL


def assert_the_next_process_goes_on(sage: Any) -> None:
    vault = sage.vault()
    vault.refresh_after(vault.bearer())
    assert (vault.status().state, sage.reused) == ("ok", 0)


@pytest.mark.parametrize("at", OTHERS)
def test_process_killed_at_a_step_costs_no_token(sage: Any, processes: Any, at: Step) -> None:
    sage.signed_in()
    kill(sage, processes, at)
    assert_the_next_process_goes_on(sage)


@pytest.mark.parametrize("at", COPYING)
def test_process_killed_while_it_copies_to_the_destination_costs_no_token(
    sage: Any, destination: Path, processes: Any, at: Step
) -> None:
    sage.signed_in(destination=None)
    kill(sage, processes, at)
    assert_the_next_process_goes_on(sage)


@pytest.mark.parametrize("at", UNSTORED)
def test_process_killed_with_the_answer_in_hand_ends_in_the_cure(
    sage: Any, processes: Any, at: Step
) -> None:
    sage.signed_in()
    kill(sage, processes, at)
    [next_run] = processes.run(sage, "refresh")
    assert next_run["error"] == "ReauthorisationError"
    assert "Run: sage-elt connect --connection acme" in next_run["text"]


def test_process_killed_while_sage_works_ends_in_a_refresh_or_in_the_cure(
    sage: Any, processes: Any
) -> None:
    sage.signed_in()
    kill(sage, processes, UNKNOWN)
    [next_run] = processes.run(sage, "refresh")
    assert "token" in next_run or next_run["error"] == "ReauthorisationError"


def test_every_step_is_passed_by_a_refresh(sage: Any, destination: Path) -> None:
    passed: list[Step] = []
    vault = sage.vault(steps=passed.append)
    sage.signed_in()
    vault.refresh_after(vault.bearer())
    assert set(passed) == set(get_args(Step))


def test_processes_that_refresh_all_the_time_use_no_token_twice(sage: Any, processes: Any) -> None:
    sage.signed_in()
    outcomes = processes.run(sage, "hammer", count=8, rounds=4)
    assert [outcome for outcome in outcomes if "token" not in outcome] == []
    assert sage.reused == 0


def test_processes_that_begin_together_with_an_expired_token_refresh_once(
    sage: Any, processes: Any
) -> None:
    sage.lifetime(0)
    sage.signed_in()
    sage.lifetime(300)
    outcomes = processes.run(sage, "bearer", count=8)
    assert len({outcome.get("token") for outcome in outcomes}) == 1
    assert sage.refreshes == 1


def test_hosts_over_postgres_use_no_token_twice(
    sage: Any, processes: Any, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", postgres)
    sage.destination = dlt.destinations.postgres()
    sage.signed_in()
    outcomes = processes.run(
        sage,
        "hammer",
        count=4,
        rounds=2,
        destination="postgres",
        pipelines_dir=str(sage.folder / "host-{pid}"),
    )
    assert [outcome for outcome in outcomes if "token" not in outcome] == []
    assert sage.reused == 0
