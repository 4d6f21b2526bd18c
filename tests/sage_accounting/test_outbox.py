"""The outbox: a key once for ever, one sender at a time, in SQLite and in PostgreSQL."""

from __future__ import annotations

import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.fernet import Fernet
from postgres_server import postgres_or_skip

from sage_accounting.errors import OutboxError, OutboxKeyError
from sage_accounting.outbox import WINDOW_S, Outbox
from sage_accounting.outbox_rows import Claim
from sage_accounting.outbox_stores import POSTGRES_SCHEMA, PostgresStore, SqliteStore
from sage_accounting.writes.write import Json, Write, canonical, idempotency_id

KEY = Fernet.generate_key().decode()
Opener = Callable[..., Outbox]


def write(key: str = "k", business: str = "b", **changes: Any) -> Write:
    body: dict[str, Json] = {"name": "Somebody", **changes.pop("body", {})}
    resource = changes.pop("resource", "journals")
    own: dict[str, Any] = {"resource": resource, "body": body, **changes}
    content_hash = canonical({"business": business, **own})
    return Write(key=key, business_id=business, content_hash=content_hash, **own)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with postgres_or_skip() as server:
        yield server


def connect(address: str) -> Any:
    psycopg2 = pytest.importorskip("psycopg2")
    parts = urlsplit(address)
    query = dict(pair.split("=", 1) for pair in parts.query.split("&") if pair)
    return psycopg2.connect(
        host=query.get("host", parts.hostname),
        port=parts.port,
        user=parts.username,
        password=parts.password,
        dbname=parts.path.strip("/"),
    )


@pytest.fixture(params=["sqlite", "postgres"])
def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens the same outbox, each time as another process does."""
    address = request.getfixturevalue("address") if request.param == "postgres" else None
    if address:
        connection = connect(address)
        connection.autocommit = True
        connection.cursor().execute(f"DROP SCHEMA IF EXISTS {POSTGRES_SCHEMA} CASCADE")
        connection.close()
    with ExitStack() as opened:

        def opener(keys: tuple[str, ...] = (KEY,), connection: str = "acme", **more: Any) -> Outbox:
            store = (
                PostgresStore(lambda: connect(address))
                if address
                else SqliteStore(tmp_path / "outbox.sqlite")
            )
            return opened.enter_context(Outbox(store, connection, keys, **more))

        yield opener


def claimed(outbox: Outbox, key: str = "k") -> Claim:
    """A claim that must come: PostgreSQL notices within milliseconds that a process is gone."""
    deadline = time.monotonic() + 10
    while (claim := outbox.claim(key)) == "held" and time.monotonic() < deadline:
        pass
    assert isinstance(claim, Claim)
    return claim


# --- keys


def test_same_line_again_changes_nothing(outbox: Opener) -> None:
    held = outbox()
    held.store([write()])
    held.settle(claimed(held), "created", sage_id="1")
    held.store([write()])
    assert [(e.state, e.sage_id) for e in held.entries()] == [("created", "1")]


def test_key_of_another_line_is_an_error_and_nothing_is_stored(outbox: Opener) -> None:
    held = outbox()
    held.store([write()])
    with pytest.raises(OutboxKeyError):
        held.store([write("new"), write(body={"name": "Another"})])
    assert [e.key for e in held.entries()] == ["k"]


def test_key_of_a_line_that_sage_rejected_is_used_up(outbox: Opener) -> None:
    held = outbox()
    held.store([write()])
    claim = claimed(held)
    held.note_attempt(claim)
    held.settle(claim, "rejected", error="no")
    assert set(held.used(["k"])) == {"k"}


def test_key_of_a_line_that_was_never_sent_is_free(outbox: Opener) -> None:
    held = outbox()
    held.refuse([(write(), "a mistake")])
    assert [(e.state, e.error) for e in held.entries()] == [("rejected", "a mistake")]
    held.store([write(body={"name": "Corrected"})])
    assert [e.state for e in held.entries()] == ["pending"]


def test_key_of_another_connection_is_another_key(outbox: Opener) -> None:
    one, other = outbox(), outbox(connection="other")
    one.store([write()])
    other.store([write(body={"name": "Another"})])
    assert len(one.entries()) == len(other.entries()) == 1


def test_many_keys_are_found(outbox: Opener) -> None:
    held = outbox()
    keys = [f"k{number}" for number in range(1200)]
    held.store([write(key) for key in keys])
    assert set(held.used(keys)) == set(keys)


# --- claims


def test_two_processes_do_not_send_the_same_line(outbox: Opener) -> None:
    one, other = outbox(), outbox()
    one.store([write()])
    assert isinstance(one.claim("k"), Claim)
    assert other.claim("k") == "held"


def test_line_of_a_process_that_ended_is_taken_over(outbox: Opener) -> None:
    one, other = outbox(), outbox()
    one.store([write()])
    one.note_attempt(claimed(one))
    one.__exit__()
    assert claimed(other).attempts == 1


def test_settled_line_is_not_sent(outbox: Opener) -> None:
    held = outbox()
    held.store([write()])
    held.settle(claimed(held), "created", sage_id="1")
    assert held.claim("k") == "settled"


def test_line_that_stays_pending_can_be_claimed_again(outbox: Opener) -> None:
    held = outbox()
    held.store([write()])
    held.settle(claimed(held), "pending", error="unreachable")
    assert claimed(held).attempts == 0


def test_numbered_records_of_one_business_are_created_one_after_the_other(outbox: Opener) -> None:
    one, other = outbox(), outbox()
    one.store([write("a", resource="contacts"), write("b", resource="sales_invoices")])
    first = claimed(one, "a")
    assert other.claim("b") == "held"
    one.settle(first, "created", sage_id="1")
    assert isinstance(other.claim("b"), Claim)


def test_numbered_records_of_two_businesses_are_created_together(outbox: Opener) -> None:
    one, other = outbox(), outbox()
    one.store([write("a", resource="contacts"), write("b", "elsewhere", resource="contacts")])
    assert isinstance(one.claim("a"), Claim)
    assert isinstance(other.claim("b"), Claim)


def test_other_records_of_one_business_are_created_together(outbox: Opener) -> None:
    one, other = outbox(), outbox()
    one.store([write("a"), write("b")])
    assert isinstance(one.claim("a"), Claim)
    assert isinstance(other.claim("b"), Claim)


def test_process_that_was_taken_for_dead_settles_nothing(outbox: Opener) -> None:
    one, other = outbox(), outbox()
    one.store([write()])
    lost = claimed(one)
    one.__exit__()
    held = claimed(other)
    again = outbox()
    again.settle(lost, "rejected", error="late")
    other.settle(held, "created", sage_id="1")
    assert [e.state for e in other.entries()] == ["created"]


def test_each_line_is_claimed_once_by_many_threads(outbox: Opener) -> None:
    keys = [f"k{number}" for number in range(20)]
    boxes = [outbox() for _ in range(3)]
    boxes[0].store([write(key) for key in keys])
    won: list[str] = []

    def take(box: Outbox) -> None:
        won.extend(key for key in keys if isinstance(box.claim(key), Claim))

    threads = [threading.Thread(target=take, args=[box]) for box in boxes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == sorted(keys)


# --- what is sent


def test_same_bytes_are_sent_on_every_attempt(outbox: Opener) -> None:
    held = outbox()
    held.store([write()])
    first = claimed(held)
    held.settle(first, "pending")
    second = claimed(outbox())
    assert (first.content, first.idempotency_id) == (second.content, second.idempotency_id)


def test_worker_that_lost_its_outbox_derives_the_same_id() -> None:
    assert idempotency_id(write()) == idempotency_id(write())
    assert idempotency_id(write()) != idempotency_id(write("other"))
    assert idempotency_id(write()) != idempotency_id(write(business="other"))


def test_window_of_seven_days_is_known_to_be_over(outbox: Opener) -> None:
    now = [1_000_000.0]
    held = outbox(clock=lambda: now[0])
    held.store([write()])
    claim = claimed(held)
    held.note_attempt(claim)
    held.settle(claim, "pending")
    now[0] += WINDOW_S - 1
    within = claimed(held)
    held.settle(within, "pending")
    now[0] += 1
    beyond = claimed(held)
    assert (within.window_is_over, beyond.window_is_over) == (False, True)


def test_window_begins_anew_when_the_record_was_found_absent(outbox: Opener) -> None:
    now = [1_000_000.0]
    held = outbox(clock=lambda: now[0])
    held.store([write()])
    claim = claimed(held)
    held.note_attempt(claim)
    now[0] += WINDOW_S
    held.note_absent(claim)
    held.note_attempt(claim)
    held.settle(claim, "pending")
    assert not claimed(held).window_is_over


# --- what is stored


def test_body_is_stored_encrypted(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    with Outbox(SqliteStore(path), "acme", (KEY,)) as held:
        held.store([write(body={"name": "Mrs Confidential"})])
        stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"Confidential" not in stored


def test_files_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    with Outbox(SqliteStore(tmp_path / "outbox.sqlite"), "acme", (KEY,)) as held:
        held.store([write()])
        modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert modes == {0o600}


def test_former_key_opens_what_it_encrypted(outbox: Opener) -> None:
    held = outbox()
    held.store([write()])
    rotated = outbox(keys=(Fernet.generate_key().decode(), KEY))
    assert claimed(rotated).content


def test_other_key_is_an_error_that_says_so(outbox: Opener) -> None:
    held = outbox()
    held.store([write()])
    with pytest.raises(OutboxError, match="token_key"):
        outbox(keys=(Fernet.generate_key().decode(),)).claim("k")


def test_folder_that_can_not_be_written_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutboxError, match="can not be used"):
        SqliteStore(tmp_path / "file" / "outbox.sqlite")


def test_nothing_is_left_of_a_process_that_ended_well(tmp_path: Path) -> None:
    with Outbox(SqliteStore(tmp_path / "outbox.sqlite"), "acme", (KEY,)):
        pass
    assert [file.name for file in tmp_path.iterdir()] == ["outbox.sqlite"]
