"""A user's mistakes: one paragraph, the right exit code, no traceback, nothing lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

if TYPE_CHECKING:
    from shell import Done, User

PREFIX = "SOURCES__SAGE_ACCOUNTING__"


def assert_one_paragraph(done: Done, *words: str) -> None:
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1, done.stderr
    for word in words:
        assert word in errors[0]


def test_missing_token_key_says_how_to_make_one(user: User) -> None:
    del user.environment[PREFIX + "TOKEN_KEY"]
    done = user.run("sync")
    assert done.returncode == 2
    assert_one_paragraph(done, "token_key", "generate_key")


def test_token_key_that_is_no_key_is_a_configuration_error(user: User) -> None:
    done = user.run("sync", **{PREFIX + "TOKEN_KEY": "secret"})
    assert done.returncode == 2
    assert_one_paragraph(done, "token_key")
    assert "secret" not in done.stderr.replace("secrets.toml", "")


def test_wrong_client_secret_keeps_the_tokens(signed_in: User) -> None:
    signed_in.sandbox.control("expire_access_tokens")
    done = signed_in.run("sync", **{PREFIX + "CLIENT_SECRET": "wrong-one"})
    assert done.returncode == 2
    assert_one_paragraph(done, "client")
    assert "wrong-one" not in done.stderr
    assert signed_in.sync("--resource", "currencies")["status"] == "ok"


def test_unreachable_host_fails_and_names_it(signed_in: User) -> None:
    done = signed_in.run("sync", **{PREFIX + "BASE_URL": "http://127.0.0.1:9/v3.1"})
    assert done.returncode == 1
    assert_one_paragraph(done, "127.0.0.1:9")


def test_unknown_business_is_refused_with_the_known_ones(signed_in: User) -> None:
    done = signed_in.run("sync", "--business", "f" * 32)
    assert done.returncode == 2
    assert_one_paragraph(done, "f" * 32, *signed_in.sandbox.state.businesses)


def test_several_businesses_and_no_selection_is_refused_with_a_list(user: User) -> None:
    user.ok("connect", "--refresh-token", "-", stdin=user.sandbox.authorise() + "\n")
    done = user.run("sync")
    assert done.returncode == 2
    assert_one_paragraph(done, "businesses use", *user.sandbox.state.businesses)


def test_unknown_resource_is_refused(signed_in: User) -> None:
    done = signed_in.run("sync", "--resource", "invoices")
    assert done.returncode == 2
    assert_one_paragraph(done, "sales_invoices")


def test_not_signed_in_asks_for_a_person(user: User) -> None:
    done = user.run("sync")
    assert done.returncode == 3
    assert_one_paragraph(done, "sage-elt connect")


def test_used_refresh_token_asks_for_a_person(user: User) -> None:
    token = user.sandbox.authorise()
    user.ok("connect", "--refresh-token", "-", stdin=token + "\n")
    done = user.run("connect", "--refresh-token", "-", stdin=token + "\n")
    assert done.returncode == 3
    assert token not in done.stderr
    assert_one_paragraph(done, "sage-elt connect")


def test_read_only_warehouse_is_refused_before_anything_is_read(signed_in: User) -> None:
    signed_in.sync("--resource", "currencies")
    signed_in.warehouse.chmod(0o444)
    asked = len(signed_in.sandbox.state.request_log)
    done = signed_in.run("sync")
    assert done.returncode == 2
    assert_one_paragraph(done, "read-only", "sage.duckdb")
    assert len(signed_in.sandbox.state.request_log) == asked
    signed_in.warehouse.chmod(0o644)
    assert signed_in.sync("--resource", "currencies")["status"] == "ok"


HOLD = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1], read_only=True)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def notebook(signed_in: User) -> subprocess.Popen[str]:
    """Another process that holds the warehouse open, read-only."""
    signed_in.sync("--resource", "currencies")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(signed_in.warehouse)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    yield holder
    holder.communicate()


def test_open_notebook_is_named_and_the_extraction_is_kept(
    signed_in: User, notebook: subprocess.Popen[str]
) -> None:
    done = signed_in.run("sync", "--resource", "countries", "--lock-timeout", "0.2")
    assert done.returncode == 1
    assert_one_paragraph(done, str(notebook.pid), "pending")
    notebook.communicate()
    asked = requests_for(signed_in, "/countries")
    signed_in.sync("--resource", "currencies")
    assert requests_for(signed_in, "/countries") == asked
    assert rows(signed_in.warehouse, "countries")


def test_sync_waits_for_a_notebook_that_closes(
    signed_in: User, notebook: subprocess.Popen[str]
) -> None:
    waiting = signed_in.start("sync", "--resource", "countries")
    assert waiting.stderr is not None
    for line in waiting.stderr:
        if "waiting for the warehouse" in line:
            notebook.communicate()
    waiting.communicate()
    assert waiting.returncode == 0


def requests_for(user: User, path: str) -> int:
    return sum(entry.path.endswith(path) for entry in user.sandbox.state.request_log)


def rows(warehouse: Path, table: str) -> int:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        found = connection.execute(f"SELECT count(*) FROM sage.sage.{table}").fetchone()
    return int(found[0]) if found else 0
