"""Somebody pushes documents: each is in Sage once, and the next sync brings it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import duckdb
import pytest
from postgres_server import postgres_or_skip
from push_crowd import FAULTS, Nursery, nursery, push_crowd
from shell import Done, User, new_user

from sage_accounting.outbox_rows import State
from sage_sandbox.server import running_sandbox
from sage_sandbox.store import Business
from sage_unified.mapping import RESOURCES


@pytest.fixture(scope="module")
def anybody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    """Signed in; for tests that use keys of their own."""
    with running_sandbox(countries=("GB",), invoices=10, seed=4) as running:
        user = new_user(tmp_path_factory.mktemp("push") / "user", running)
        user.connect()
        yield user


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with postgres_or_skip() as address:
        yield address


@pytest.fixture(scope="module")
def forks() -> Iterator[Nursery]:
    with nursery() as opened:
        yield opened


def business_of(user: User) -> Business:
    return next(iter(user.sandbox.state.businesses.values()))


def invoice(user: User, key: str, **changes: Any) -> dict[str, Any]:
    business = business_of(user)
    held = business.collections
    customer = next(c for c in held["contacts"] if c["contact_types"][0]["id"] == "CUSTOMER")
    account = next(a for a in held["ledger_accounts"] if a["visible_in_sales"])
    line = {
        "description": "Chairs",
        "ledger_account_id": account["id"],
        "quantity": 3,
        "unit_price": 19.99,
        "tax_rate_id": "GB_STANDARD",
        "tax_amount": 11.99,
    }
    body = {
        "contact_id": customer["id"],
        "date": "2026-07-01",
        "reference": key,
        "invoice_lines": [line],
        **changes,
    }
    return {"key": key, "business_id": business.id, "resource": "sales_invoices", "body": body}


def push(user: User, *lines: dict[str, Any] | str, options: tuple[str, ...] = ()) -> Done:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    return user.run("push", "-", *options, stdin="\n".join(texts))


def pushed(user: User, *lines: dict[str, Any] | str, options: tuple[str, ...] = ()) -> Any:
    """The report of a push."""
    done = push(user, *lines, options=("--json", *options))
    return json.loads(done.stdout)


def outbox(user: User) -> dict[str, dict[str, Any]]:
    return {line["key"]: line for line in json.loads(user.ok("outbox", "--json"))}


def with_reference(user: User, reference: str) -> list[str]:
    held = business_of(user).collections["sales_invoices"]
    return [record["id"] for record in held if record["reference"] == reference]


# --- once


def test_line_is_in_sage_and_in_the_outbox(anybody: User) -> None:
    assert push(anybody, invoice(anybody, "one")).returncode == 0
    (sage_id,) = with_reference(anybody, "one")
    line = outbox(anybody)["one"]
    assert (line["state"], line["sage_id"], line["error"]) == ("created", sage_id, None)


def test_same_line_again_is_a_no_op(anybody: User) -> None:
    push(anybody, invoice(anybody, "again"))
    anybody.sandbox.control("clear_requests")
    report = pushed(anybody, invoice(anybody, "again"))
    assert (report["status"], report["unchanged"]) == ("ok", 1)
    assert [r for r in anybody.sandbox.state.request_log if r.method == "POST"] == []
    assert len(with_reference(anybody, "again")) == 1


def test_same_key_with_another_content_is_an_error(anybody: User) -> None:
    push(anybody, invoice(anybody, "used"))
    done = push(anybody, invoice(anybody, "used", notes="another"), invoice(anybody, "unsent"))
    assert done.returncode == 2
    assert "line 1 (used): key: used before" in done.stderr
    assert with_reference(anybody, "unsent") == []


def test_key_twice_in_a_file_with_another_content_is_an_error(anybody: User) -> None:
    done = push(anybody, invoice(anybody, "twice"), invoice(anybody, "twice", notes="another"))
    assert done.returncode == 2
    assert with_reference(anybody, "twice") == []


def test_line_twice_in_a_file_is_pushed_once(anybody: User) -> None:
    assert push(anybody, *[invoice(anybody, "copied")] * 2).returncode == 0
    assert len(with_reference(anybody, "copied")) == 1


def test_line_that_could_not_be_sent_is_pending_until_it_is_pushed_again(anybody: User) -> None:
    business_id, control = business_of(anybody).id, anybody.sandbox.control
    control("subscription", business=business_id, active=False)
    ended = push(anybody, invoice(anybody, "later"))
    control("subscription", business=business_id, active=True)
    assert (ended.returncode, outbox(anybody)["later"]["state"]) == (1, "pending")
    assert push(anybody, invoice(anybody, "later")).returncode == 0
    assert len(with_reference(anybody, "later")) == 1


def test_documents_of_a_crowd_that_is_killed_and_cut_off_exist_once(
    tmp_path: Path, forks: Nursery
) -> None:
    with running_sandbox(countries=("GB", "FR"), invoices=5, seed=1) as sandbox:
        user = new_user(tmp_path / "user", sandbox)
        user.connect()
        outcome = push_crowd(user, forks, 16, seed=7, faults=FAULTS[:4])
    assert outcome.is_well, outcome


def test_outbox_is_in_the_warehouse_when_that_is_a_postgresql(user: User, postgres: str) -> None:
    user.environment["DESTINATION__POSTGRES__CREDENTIALS"] = postgres
    user.ok(
        "connect", "--destination", "postgres", "--refresh-token", "-",
        stdin=user.sandbox.authorise() + "\n",
    )  # fmt: skip
    line = invoice(user, "shared")
    line["body"]["invoice_lines"][0].pop("tax_rate_id")
    for _ in range(2):
        assert push(user, line, options=("--destination", "postgres")).returncode == 0
    assert len(with_reference(user, "shared")) == 1
    assert not list(user.folder.rglob("sage_outbox*"))


# --- mistakes


def test_file_with_a_mistake_is_not_sent_at_all(anybody: User) -> None:
    wrong = invoice(anybody, "wrong", colour="red")
    done = push(anybody, invoice(anybody, "good"), wrong, "{")
    assert done.returncode == 2
    assert "line 2 (wrong): body.colour: Sage knows no such field here" in done.stderr
    assert "line 3: is no JSON" in done.stderr
    assert with_reference(anybody, "good") == []


def test_good_lines_are_sent_with_keep_going(anybody: User) -> None:
    wrong = invoice(anybody, "kept-wrong", colour="red")
    done = push(anybody, invoice(anybody, "kept"), wrong, options=("--keep-going",))
    assert done.returncode == 4
    assert len(with_reference(anybody, "kept")) == 1
    assert outbox(anybody)["kept-wrong"]["state"] == "rejected"


def test_corrected_line_may_keep_its_key_when_it_was_never_sent(anybody: User) -> None:
    push(anybody, invoice(anybody, "mended", colour="red"), options=("--keep-going",))
    assert push(anybody, invoice(anybody, "mended")).returncode == 0
    assert outbox(anybody)["mended"]["state"] == "created"


def test_refusal_of_sage_is_shown_at_its_line_and_field(anybody: User) -> None:
    done = push(anybody, invoice(anybody, "fine"), invoice(anybody, "refused", contact_id="x"))
    assert done.returncode == 4
    assert "line 2 (refused): Sage refuses contact_id: RecordInvalid" in done.stderr


def test_push_of_nothing_but_refused_lines_failed(anybody: User) -> None:
    assert push(anybody, invoice(anybody, "all-refused", contact_id="x")).returncode == 1


def test_file_that_is_not_there_is_a_usage_error(anybody: User) -> None:
    done = anybody.run("push", "nowhere.jsonl")
    assert done.returncode == 2
    assert "nowhere.jsonl" in done.stderr


def test_push_without_a_sign_in_asks_for_one(user: User) -> None:
    done = push(user, invoice(user, "stranger"))
    assert done.returncode == 3
    assert outbox(user)["stranger"]["state"] == "pending"


@pytest.mark.parametrize(
    "line",
    [
        '{"key": 1}',
        '{"key": "k", "business_id": "b", "resource": "journals"}',
        '{"key": "k", "business_id": "b", "resource": "journals", "body": {}, "extra": 1}',
        '{"key": "k", "business_id": "b", "type": "nothing", "data": {}}',
        '{"key": "k", "business_id": "", "resource": "journals", "body": {}}',
        '{"key": "k", "business_id": "b", "resource": "journals", "body": {"total": NaN}}',
        '{"key": "k", "business_id": "b", "resource": "journals", "body": {"a": 1, "a": 2}}',
        "[]",
    ],
)
def test_line_of_a_wrong_shape_is_a_usage_error(anybody: User, line: str) -> None:
    assert push(anybody, line).returncode == 2


# --- what is shown


def test_every_type_and_state_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "push.md").read_text(encoding="utf-8")
    words = {*RESOURCES, *get_args(State)}
    assert {word for word in words if f"`{word}`" not in page} == set()


def test_dry_run_prints_bodies_and_sends_and_stores_nothing(anybody: User) -> None:
    done = push(anybody, invoice(anybody, "dry"), options=("--dry-run",))
    (printed,) = map(json.loads, done.stdout.splitlines())
    assert (done.returncode, printed["path"]) == (0, "/sales_invoices")
    assert printed["body"]["sales_invoice"]["reference"] == "dry"
    assert with_reference(anybody, "dry") == []
    assert "dry" not in outbox(anybody)


def test_report_has_one_entry_a_line_in_its_order(anybody: User) -> None:
    report = pushed(anybody, *(invoice(anybody, f"shape-{n}") for n in range(3)))
    assert [each["line"] for each in report["lines"]] == [1, 2, 3]
    keys = {"line", "key", "business_id", "resource", "state", "new", "sage_id", "error"}
    assert all(set(each) == keys for each in report["lines"])


def test_nothing_of_a_body_is_shown_or_stored_in_clear(anybody: User) -> None:
    done = push(
        anybody,
        invoice(anybody, "secret", notes="Mrs Confidential"),
        invoice(anybody, "secret-2", notes="Mrs Confidential", contact_id="x"),
        options=("--json",),
    )
    stored = b"".join(p.read_bytes() for p in anybody.folder.rglob("sage_outbox*"))
    assert "Confidential" not in done.stdout + done.stderr + anybody.ok("outbox", "--json")
    assert b"Confidential" not in stored


def test_change_of_a_record_is_a_line_with_put(anybody: User) -> None:
    business = business_of(anybody)
    contact = next(iter(business.collections["contacts"]))
    line = {
        "key": "change",
        "business_id": business.id,
        "resource": "contacts",
        "method": "PUT",
        "id": contact["id"],
        "updated_at": contact["updated_at"],
        "body": {"notes": "Pays late"},
    }
    report = pushed(anybody, line)
    assert (report["status"], report["updated"]) == ("ok", 1)
    assert business.collections["contacts"].live[contact["id"]]["notes"] == "Pays late"


# --- read after write


def test_sync_right_after_push_holds_the_new_records_once(signed_in: User) -> None:
    signed_in.sync("--resource", "sales_invoices")
    lines = [invoice(signed_in, f"read-{n}") for n in range(5)]
    for line in lines:
        line["body"]["invoice_lines"][0].pop("tax_rate_id")
    assert push(signed_in, *lines).returncode == 0
    signed_in.sync("--resource", "sales_invoices")
    signed_in.sync("--resource", "sales_invoices")
    with duckdb.connect(str(signed_in.warehouse), read_only=True) as warehouse:
        found = warehouse.execute(
            "SELECT id FROM sage.sage.sales_invoices WHERE reference LIKE 'read-%' ORDER BY id"
        ).fetchall()
    assert [row[0] for row in found] == sorted(
        each["sage_id"] for key, each in outbox(signed_in).items() if key.startswith("read-")
    )
