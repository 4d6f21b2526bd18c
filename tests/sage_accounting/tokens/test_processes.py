"""Several real processes, and processes killed at every step of a refresh."""

import random
from pathlib import Path
from typing import Any, get_args

import pytest
from crash import RANDOM, RANDOM_BOTH, RANDOM_EXCHANGE, Victim
from crowd import crowd
from vault_processes import Processes, environment

from sage_accounting.tokens.steps import Step


@pytest.fixture(scope="module")
def victim(sandbox: Any, processes: Processes, tmp_path_factory: Any) -> Victim:
    """One connection for all kills, as a machine that crashes again and again would have it."""
    dice = random.Random(1)  # noqa: S311 - no secret
    signed_in = Victim(sandbox, tmp_path_factory.mktemp("victim"), processes, dice)
    signed_in.sign_in()
    return signed_in


@pytest.mark.parametrize("step", get_args(Step))
def test_process_killed_at_a_step_costs_no_token(victim: Victim, step: Step) -> None:
    reused = len(victim.sandbox.state.tokens.reused_refresh_tokens)
    assert victim.trial(step) == "kept"
    assert len(victim.sandbox.state.tokens.reused_refresh_tokens) == reused


def test_process_killed_at_a_random_moment_costs_no_token(victim: Victim) -> None:
    assert {victim.trial(RANDOM) for _ in range(3)} <= {"kept", "too late"}


@pytest.mark.parametrize("kind", [RANDOM_BOTH, RANDOM_EXCHANGE])
def test_request_killed_at_a_random_moment_costs_nothing_or_ends_in_the_cure(
    victim: Victim, kind: str
) -> None:
    assert {victim.trial(kind) for _ in range(3)} <= {"kept", "too late", "unreceived"}


def test_every_step_is_passed_by_a_refresh(sage: Any, destination: Path) -> None:
    passed: list[Step] = []
    vault = sage.vault(steps=passed.append)
    sage.signed_in()
    vault.refresh_after(vault.bearer())
    assert set(passed) == set(get_args(Step))


def test_processes_that_begin_together_with_an_expired_token_refresh_once(
    sage: Any, processes: Processes
) -> None:
    sage.lifetime(0)
    sage.signed_in()
    sage.lifetime(300)
    outcomes = processes.run(
        "bearer",
        environment(sage.sandbox, sage.settings.token_keys[0], sage.folder),
        count=8,
        destination=None,
        pipelines_dir=str(sage.pipelines_dir),
    )
    assert len({outcome.get("token") for outcome in outcomes}) == 1
    assert sage.refreshes == 1


def test_processes_with_one_second_tokens_use_no_refresh_token_twice(
    sage: Any, processes: Processes
) -> None:
    outcome = crowd(sage.sandbox, processes, sage.folder, None, count=4, seconds=1.5)
    assert (outcome.failures, outcome.used_twice) == ([], 0)


def test_hosts_over_postgres_use_no_refresh_token_twice(
    sage: Any, processes: Processes, postgres: str
) -> None:
    outcome = crowd(sage.sandbox, processes, sage.folder, postgres, count=4, seconds=1.5)
    assert (outcome.failures, outcome.used_twice) == ([], 0)
