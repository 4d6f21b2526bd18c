"""When a person must sign in: warnings in time, exit 3, and a sign-in that heals and loses nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import pytest
from cryptography.fernet import Fernet
from shell import PREFIX, User

from sage_sandbox.server import Sandbox, running_sandbox

DAY_S = 86400.0


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    """One for all tests here: each signs in anew, and none changes the books."""
    with running_sandbox(countries=("GB", "ES"), invoices=1, seed=3) as running:
        yield running


@pytest.fixture
def sandbox(server: Sandbox) -> Iterator[Sandbox]:
    yield server
    server.control("clear_faults")
    server.control("tokens", refresh_lifetime_s=31 * DAY_S)


def sign_in(user: User, *arguments: str, token: str | None = None) -> None:
    token = token or user.sandbox.authorise()
    user.ok("connect", "--refresh-token", "-", *arguments, stdin=token + "\n")


def cursors(user: User) -> object:
    businesses = json.loads(user.ok("status", "--json"))["businesses"]
    return {b["id"]: (b["selected"], b["resources"]) for b in businesses}


def end_sign_in(user: User) -> None:
    user.sandbox.control("expire_access_tokens")
    user.sandbox.control("expire_refresh_tokens")


@pytest.fixture
def expiring(signed_in: User) -> User:
    """Signed in, with six days left."""
    signed_in.sandbox.control("tokens", refresh_lifetime_s=6 * DAY_S)
    sign_in(signed_in)
    return signed_in


@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("status", "--json"),
        ("businesses", "--json"),
        ("sync", "--json", "--resource", "currencies"),
        ("run", "--json", "--resource", "currencies"),
    ],
    ids=" ".join,
)
def test_command_warns_on_stderr_in_the_last_7_days(
    expiring: User, command: tuple[str, ...]
) -> None:
    done = expiring.run(*command)
    assert "warning: the sign-in of connection default ends at" in done.stderr
    assert "warning" not in done.stdout


def test_command_does_not_warn_earlier(signed_in: User) -> None:
    assert "warning" not in signed_in.run("status").stderr


@pytest.mark.parametrize(
    "command",
    [("sync",), ("run",), ("businesses",), ("businesses", "use", "--all"), ("doctor", "--json")],
    ids=" ".join,
)
def test_sign_in_that_has_ended_exits_3_with_the_cure(
    signed_in: User, command: tuple[str, ...]
) -> None:
    end_sign_in(signed_in)
    done = signed_in.run(*command)
    assert done.returncode == 3
    assert "sage-elt connect --connection default" in done.stdout + done.stderr


def test_sign_in_that_ends_in_the_middle_of_a_sync_exits_3(signed_in: User) -> None:
    signed_in.sandbox.control("expire_refresh_tokens")
    signed_in.sandbox.control(
        "fault", kind="status", status=401, path="/currencies", count=100, body="html"
    )
    done = signed_in.run("sync", "--resource", "currencies", "--resource", "tax_rates")
    assert done.returncode == 3


def test_signing_in_again_keeps_cursors_and_selection(signed_in: User) -> None:
    signed_in.sync("--resource", "currencies")
    before = cursors(signed_in)
    end_sign_in(signed_in)
    assert signed_in.run("sync").returncode == 3
    sign_in(signed_in)
    assert cursors(signed_in) == before
    assert signed_in.sync("--resource", "currencies")["status"] == "ok"


def test_both_places_gone_exits_3_with_the_cure(signed_in: User) -> None:
    shutil.rmtree(signed_in.folder / "dlt")
    (signed_in.folder / "sage_auth__default.duckdb").unlink()
    done = signed_in.run("sync")
    assert done.returncode == 3
    assert "sage-elt connect --connection default" in done.stderr


def test_wiped_working_folder_is_restored_from_the_destination(signed_in: User) -> None:
    signed_in.sync("--resource", "currencies")
    shutil.rmtree(signed_in.folder / "dlt")
    assert signed_in.sync("--resource", "currencies")["status"] == "ok"


def test_signing_in_again_heals_a_lost_token_key(signed_in: User) -> None:
    signed_in.environment[PREFIX + "TOKEN_KEY"] = Fernet.generate_key().decode()
    assert signed_in.run("sync").returncode == 2
    sign_in(signed_in)
    signed_in.ok("businesses", "use", "--all")
    assert signed_in.sync("--resource", "currencies")["status"] == "ok"


def another_users_token(user: User) -> str:
    [business_id, *_] = user.sandbox.state.businesses
    stranger = user.sandbox.control("add_user", businesses=[business_id])["user"]
    return str(user.sandbox.authorise(stranger))


def test_another_user_is_refused_where_nobody_can_be_asked(signed_in: User) -> None:
    done = signed_in.run(
        "connect", "--refresh-token", "-", stdin=another_users_token(signed_in) + "\n"
    )
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert signed_in.sync("--resource", "currencies")["status"] == "ok"


def test_another_user_takes_over_with_yes(signed_in: User) -> None:
    sign_in(signed_in, "--yes", token=another_users_token(signed_in))
    assert len(json.loads(signed_in.ok("businesses", "--json"))) == 1


def test_revoke_forgets_the_tokens_and_keeps_the_selection(signed_in: User) -> None:
    selected = [b["id"] for b in json.loads(signed_in.ok("status", "--json"))["businesses"]]
    signed_in.ok("revoke")
    status = json.loads(signed_in.ok("status", "--json"))
    assert status["token"]["state"] == "missing"
    assert [b["id"] for b in status["businesses"]] == selected
