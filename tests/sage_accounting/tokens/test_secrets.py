"""No token, secret or key in clear: not on disk, in logs, in errors or in what they hold on to."""

import base64
import gzip
import json
import logging
import traceback
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sage_accounting.errors import SageError
from sage_accounting.tokens import authorise
from sage_accounting.tokens.steps import Step


def secrets_of(sage: Any) -> list[str]:
    return [
        *sage.sandbox.state.tokens.issued(),
        sage.settings.client_secret,
        *sage.settings.token_keys,
    ]


def decoded(content: bytes) -> Iterator[bytes]:
    """The content, and what dlt's compression and base64 hide."""
    yield content
    for unpack in (gzip.decompress, zlib.decompress):
        try:
            yield unpack(content)
        except (OSError, zlib.error):
            continue


def assert_none_in(secrets: list[str], content: bytes, place: str) -> None:
    for text in decoded(content):
        found = [secret[:8] for secret in secrets if secret.encode() in text]
        assert not found, f"{place} holds {found}"


@pytest.fixture
def used(sage: Any, destination: Path) -> Any:
    """A connection after sign-in, refreshes, a selection and a failed copy."""
    vault = sage.signed_in()
    vault.refresh_after(vault.bearer())
    vault.select(["b1"])
    vault.refresh_after(vault.bearer())
    return vault


def test_no_file_holds_a_secret(sage: Any, used: Any) -> None:
    secrets = secrets_of(sage)
    files = [file for file in sage.folder.rglob("*") if file.is_file()]
    assert sage.journal in files
    assert sage.copy in files
    for file in files:
        assert_none_in(secrets, file.read_bytes(), file.name)


def test_stored_state_holds_no_secret_when_decoded(sage: Any, used: Any) -> None:
    secrets = secrets_of(sage)
    with duckdb.connect(str(sage.copy)) as connection:
        rows = connection.execute("SELECT state FROM sage_auth._dlt_pipeline_state").fetchall()
    for (state,) in rows:
        content = zlib.decompress(base64.b64decode(state))
        assert json.loads(content)["sources"]["sage_auth"]["generation"] == 3
        assert_none_in(secrets, content, "_dlt_pipeline_state")


def test_no_log_line_holds_a_secret(
    sage: Any, destination: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "sage_accounting"):
        vault = sage.signed_in()
        sage.fault("status", status=500, body="html")
        vault.refresh_after(vault.bearer())
        sage.copy.unlink()
        sage.copy.mkdir()
        vault.refresh_after(vault.bearer())
    assert "not copied to the destination" in caplog.text
    assert_none_in(secrets_of(sage), caplog.text.encode(), "the log")


def test_process_that_asks_sage_shows_no_secret_to_other_users(
    sage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = b""

    def look(step: Step) -> None:
        nonlocal seen
        for process in children_of_this_process() if step == "sent" else ():
            with suppress(FileNotFoundError, ProcessLookupError):  # another test's has just ended
                seen += (process / "environ").read_bytes() + (process / "cmdline").read_bytes()

    sage.signed_in()
    monkeypatch.setenv(
        "DESTINATION__POSTGRES__CREDENTIALS", "postgresql://u:warehouse-password@h/d"
    )
    vault = sage.vault(in_own_process=True, steps=look)
    vault.refresh_after(vault.bearer())
    assert b"exchange.py" in seen
    assert_none_in([*secrets_of(sage), "warehouse-password"], seen, "the process")


def children_of_this_process() -> list[Path]:
    found: list[str] = []
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            found += (task / "children").read_text().split()
    return [Path("/proc", pid) for pid in found]


def failures(sage: Any) -> Iterator[SageError]:
    """One error of each kind that a token call ends in."""
    vault = sage.signed_in()
    rejected = vault.bearer()
    wrong = sage.vault(settings=sage.with_settings(client_secret="wrong-secret"))
    for act, faults in (
        (lambda: wrong.refresh_after(rejected), []),
        (lambda: vault.refresh_after(rejected), [{"kind": "reset", "count": 3}]),
        (lambda: vault.refresh_after(rejected), [{"kind": "status", "status": 502, "count": 3}]),
        (lambda: vault.refresh_after(rejected), [{"kind": "status", "status": 418, "count": 1}]),
        (lambda: vault.refresh_after(rejected), [{"kind": "reset", "moment": "after"}]),
        (lambda: authorise.sign_in_with_code(sage.settings, vault, "code-for-nothing"), []),
        (lambda: authorise.sign_in_with_refresh_token(sage.settings, vault, rejected), []),
    ):
        for fault in faults:
            sage.fault(**fault)
        with pytest.raises(SageError) as caught:
            act()
        sage.sandbox.control("clear_faults")
        yield caught.value


def everything_held_by(error: BaseException) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__  # type: ignore[assignment]


def test_no_error_nor_its_causes_hold_a_secret(sage: Any) -> None:
    seen = 0
    for failure in failures(sage):
        secrets = [*secrets_of(sage), "wrong-secret"]
        for error in everything_held_by(failure):
            seen += 1
            held = [repr(error), *traceback.format_exception(error), repr(error.__dict__)]
            assert not hasattr(error, "request")
            assert_none_in(secrets, "\n".join(held).encode(), type(error).__name__)
    assert seen >= 7


def test_repr_of_the_vault_and_its_parts_shows_no_secret(sage: Any) -> None:
    vault = sage.signed_in()
    shown = repr(vars(vault)) + repr(vault.status()) + repr(sage.settings)
    assert_none_in(secrets_of(sage), shown.encode(), "repr")
