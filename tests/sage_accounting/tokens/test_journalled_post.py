"""The process that asks Sage: what it leaves behind, and the cases in which there is none."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sage_accounting.tokens import exchange
from sage_accounting.tokens.journal import Journal
from sage_accounting.tokens.steps import Step


class StoppedError(Exception):
    """A crash that the test survives."""


def stop_when_answered(step: Step) -> None:
    if step == "answered":
        raise StoppedError


@pytest.mark.parametrize("in_own_process", [True, False])
def test_answer_that_nobody_stored_is_taken_over_by_the_next_process(
    sage: Any, in_own_process: bool
) -> None:
    rejected = sage.signed_in().bearer()
    stopped = sage.vault(in_own_process=in_own_process, steps=stop_when_answered)
    with pytest.raises(StoppedError):
        stopped.refresh_after(rejected)
    heir = sage.vault()
    assert heir.bearer() != rejected
    assert (heir.status().generation, sage.refreshes, sage.reused) == (2, 1, 0)


def test_answer_is_sealed_in_the_journal(sage: Any) -> None:
    rejected = sage.signed_in().bearer()
    with pytest.raises(StoppedError):
        sage.vault(steps=stop_when_answered).refresh_after(rejected)
    assert Journal(sage.journal).read().answer is not None
    content = sage.journal.read_text()
    assert [token for token in sage.sandbox.state.tokens.issued() if token in content] == []


def test_answer_of_which_a_record_came_is_forgotten(sage: Any) -> None:
    vault = sage.signed_in()
    vault.refresh_after(vault.bearer())
    assert Journal(sage.journal).read().answer is None


def test_refresh_works_where_no_process_can_be_started(
    sage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = sage.signed_in(in_own_process=True)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert vault.refresh_after(vault.bearer())
    assert sage.reused == 0


def test_refresh_works_where_the_executable_is_no_python(
    sage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = sage.signed_in(in_own_process=True)
    monkeypatch.setattr(sys, "executable", "/bin/echo")
    assert vault.refresh_after(vault.bearer())


def test_process_that_ends_before_it_asks_costs_nothing(
    sage: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "ends_at_once"
    program.write_text(f"#!/bin/sh\nexec 0<&-\necho ready\nmv {program} {program}.done\n")
    program.chmod(0o700)
    vault = sage.signed_in(in_own_process=True)
    monkeypatch.setattr(sys, "executable", str(program))
    assert vault.refresh_after(vault.bearer())
    assert sage.reused == 0


def test_process_starts_without_the_rest_of_the_package() -> None:
    code = f"import runpy, sys; runpy.run_path({exchange.__file__!r}); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"dlt", "sage_accounting", "pyarrow"} & set(loaded.stdout.split())


def test_process_that_is_given_nothing_to_ask_ends(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-P", exchange.__file__],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=dict(os.environ),
        timeout=30,
    )
    assert ended.stdout == b"ready\n"
