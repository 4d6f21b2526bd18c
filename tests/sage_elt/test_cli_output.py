"""What the command writes: plain in a pipe, coloured on a terminal, nothing when asked for quiet."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from shell import Done, User, new_user

from sage_elt.cli.progress import LastMinute
from sage_sandbox.server import running_sandbox

COLOUR = re.compile(r"\x1b\[[\d;]*(?<![\d])(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]")
CURRENCIES = ("--resource", "currencies")


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    with running_sandbox(countries=("GB",), invoices=5, seed=1) as running:
        user = new_user(tmp_path_factory.mktemp("output") / "user", running)
        user.connect()
        user.ok("run")
        yield user


@pytest.fixture
def failing(synced: User) -> Iterator[User]:
    """Sage refuses one list."""
    synced.sandbox.control("fault", kind="status", status=422, path="/currencies", count=None)
    yield synced
    synced.sandbox.control("clear_faults")
    synced.ok("sync", *CURRENCIES)


def on_a_terminal(folder: Path, environment: dict[str, str], *arguments: str) -> str:
    """All that a command shows on a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    environment = {n: v for n, v in environment.items() if n != "COLUMNS"} | {"TERM": "xterm"}
    command = [sys.executable, "-m", "sage_elt", *arguments]
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    while chunk := _read(ours):
        shown += chunk
    os.close(ours)
    process.wait()
    return shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end is closed
        return b""


def everything(done: Done) -> str:
    return done.stdout + done.stderr


@pytest.mark.parametrize("command", ["sync", "status", "check", "doctor", "businesses", "explain"])
def test_pipe_holds_no_escape_codes(synced: User, command: str) -> None:
    assert "\x1b" not in everything(synced.run(command))


def test_row_of_a_piped_table_is_one_line(synced: User) -> None:
    status = synced.run("status", COLUMNS="40").stdout
    rows = json.loads(synced.ok("status", "--json"))["businesses"][0]["resources"]
    assert len(status.splitlines()) == 1 + len(rows)


def test_terminal_shows_bars_and_leaves_the_sum(synced: User) -> None:
    environment = {n: v for n, v in synced.environment.items() if n != "NO_COLOR"}
    shown = on_a_terminal(synced.folder, environment, "sync", *CURRENCIES)
    assert "reading" in shown
    assert "sync ok" in shown.splitlines()[-1]
    assert COLOUR.search(shown)


def test_no_colour_where_none_is_wanted(synced: User) -> None:
    shown = on_a_terminal(synced.folder, synced.environment, "sync", *CURRENCIES)
    assert "sync ok" in shown
    assert not COLOUR.search(shown)


@pytest.mark.parametrize("words", ["run --quiet", "-q check"])
def test_quiet_command_says_nothing_when_all_is_well(synced: User, words: str) -> None:
    done = synced.run(*words.split())
    assert (done.returncode, everything(done)) == (0, "")


def test_quiet_command_still_tells_what_failed(failing: User) -> None:
    done = failing.run("sync", "--quiet", *CURRENCIES)
    assert done.returncode == 1
    assert "(request-rejected)" in done.stderr
    assert "sync failed" not in done.stderr


def test_log_in_json_has_an_event_for_each_resource(failing: User) -> None:
    done = failing.run("--log-json", "sync", *CURRENCIES, "--resource", "countries")
    events = [json.loads(line) for line in done.stderr.splitlines()]
    resources = {e["resource"]: e for e in events if e.get("event") == "resource"}
    assert {n: e["status"] for n, e in resources.items()} == {
        "currencies": "failed",
        "countries": "ok",
    }
    assert resources["currencies"]["error_code"] == "request-rejected"
    assert len({event["run_id"] for event in resources.values()}) == 1


def test_log_in_json_can_be_chosen_in_the_environment(synced: User) -> None:
    done = synced.run("sync", "--resource", "nowhere", SAGE_ELT_LOG_JSON="1")
    (event,) = [json.loads(line) for line in done.stderr.splitlines()]
    assert (event["level"], event["error_code"]) == ("error", "resource-unknown")


def test_failure_as_a_whole_is_json_for_programs(synced: User) -> None:
    done = synced.run("sync", "--json", "--resource", "nowhere")
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "resource-unknown"
    assert error["docs"] == "docs/errors.md#resource-unknown"


def test_failure_ends_in_its_code_and_where_it_is_explained(synced: User) -> None:
    done = synced.run("sync", "--resource", "nowhere")
    assert done.stderr.rstrip().endswith("(resource-unknown: docs/errors.md#resource-unknown)")


def test_code_is_explained_at_the_shell(synced: User) -> None:
    assert "What to do" in synced.ok("explain", "resource-unknown")
    assert synced.run("explain", "nonsense").returncode == 2


def test_unforeseen_words_in_a_message_are_no_markup(synced: User) -> None:
    assert "[red]" in synced.run("sync", "--resource", "[red]").stderr


def test_status_on_a_terminal_lists_only_what_needs_a_look(synced: User) -> None:
    shown = on_a_terminal(synced.folder, synced.environment, "status")
    assert "fresh: last success" in shown
    assert "sales_invoices" not in shown
    assert "sales_invoices" in synced.ok("status")


def test_requests_are_counted_for_a_minute() -> None:
    now, count = [0.0], [0]
    sent = LastMinute(lambda: count[0], lambda: now[0])
    counted = []
    for now[0], count[0] in ((30.0, 10), (59.0, 20), (61.0, 25), (95.0, 30), (500.0, 30)):
        counted.append(sent.requests())
    assert counted == [10, 20, 25, 20, 0]
