"""What a write sends, what can be told wrong of it before, and how it arrives exactly once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from one_request import client_of

from sage_accounting.catalogue import load_catalogue, load_write_fields
from sage_accounting.client import SageClient
from sage_accounting.outbox import WINDOW_S, Outbox
from sage_accounting.outbox_rows import Entry
from sage_accounting.outbox_stores import SqliteStore
from sage_accounting.writes import send
from sage_accounting.writes.checks import find_faults
from sage_accounting.writes.look_up import shows
from sage_accounting.writes.push import push
from sage_accounting.writes.write import Json, Write, canonical, json_text
from sage_sandbox.server import Sandbox, running_sandbox

KEY = Fernet.generate_key().decode()


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    with running_sandbox(countries=("GB",), invoices=12, seed=2) as running:
        yield running


@pytest.fixture
def sandbox(server: Sandbox) -> Iterator[Sandbox]:
    server.control("clear_requests")
    yield server
    server.control("clear_faults")
    server.control("subscription", business=next(iter(server.state.businesses)), active=True)


@pytest.fixture
def business_id(sandbox: Sandbox) -> str:
    return next(iter(sandbox.state.businesses))


@pytest.fixture
def client(sandbox: Sandbox, tmp_path: Path) -> Iterator[SageClient]:
    with client_of(sandbox, tmp_path) as client:
        yield client


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC).timestamp()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outbox(tmp_path: Path, clock: Clock) -> Iterator[Outbox]:
    store = SqliteStore(tmp_path / "outbox.sqlite")
    with Outbox(store, "acme", (KEY,), clock=clock) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _no_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send, "QUIET_S", 0.0)


def write_of(business_id: str, key: str, body: dict[str, Json], **more: Any) -> Write:
    resource = more.pop("resource", "service_rate_types")
    return Write(key, business_id, resource, body, canonical({"b": body}), **more)


def pushed(client: SageClient, outbox: Outbox, write: Write) -> Entry:
    outbox.store([write])
    (entry,) = push(client, outbox, [write.key], concurrency=4)
    return entry


def held(sandbox: Sandbox, resource: str) -> dict[str, dict[str, Any]]:
    (business,) = sandbox.state.businesses.values()
    return business.collections[resource].live


def named(sandbox: Sandbox, resource: str, name: str) -> list[str]:
    return [key for key, record in held(sandbox, resource).items() if record.get("name") == name]


def asked(sandbox: Sandbox, method: str) -> int:
    return sum(1 for entry in sandbox.state.request_log if entry.method == method)


# --- exact bytes

AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, places=10)
VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | AMOUNTS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_json_keeps_every_value(value: Json) -> None:
    assert json.loads(json_text(value), parse_float=Decimal) == value


def test_amounts_are_written_digit_by_digit() -> None:
    amount = Decimal("1234567890123456789.0123456789")
    assert json_text({"amount": amount}) == '{"amount": 1234567890123456789.0123456789}'


@given(st.dictionaries(st.text(), VALUES))
def test_content_does_not_depend_on_the_order_of_its_fields(value: dict[str, Json]) -> None:
    assert canonical(dict(reversed(value.items()))) == canonical(value)


def test_content_does_not_depend_on_the_spelling_of_numbers() -> None:
    spelled = [json.loads(t, parse_float=Decimal) for t in ('{"a": 10}', '{"a": 10.00}')]
    assert canonical(spelled[0]) == canonical(spelled[1])


# --- checks


def faults(resource: str, body: dict[str, Json], **more: Any) -> list[str]:
    locked_until = more.pop("locked_until", None)
    write = Write("k", "b", resource, body, "", **more)
    return [str(fault) for fault in find_faults(write, locked_until)]


LINE: dict[str, Json] = {
    "description": "Chair",
    "ledger_account_id": "a",
    "quantity": 1,
    "unit_price": Decimal("10.00"),
}
INVOICE: dict[str, Json] = {"contact_id": "c", "date": "2026-07-01", "invoice_lines": [LINE]}
DEBIT: dict[str, Json] = {"ledger_account_id": "a", "debit": 10, "credit": 0}
CREDIT: dict[str, Json] = {"ledger_account_id": "b", "debit": 0, "credit": 10}
JOURNAL: dict[str, Json] = {
    "date": "2026-07-01",
    "reference": "J",
    "journal_lines": [DEBIT, CREDIT],
}


def test_right_bodies_have_no_faults() -> None:
    assert faults("sales_invoices", INVOICE) == faults("journals", JOURNAL) == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({**INVOICE, "contact_id": ""}, "contact_id: required"),
        ({**INVOICE, "invoice_lines": []}, "invoice_lines: required"),
        ({**INVOICE, "colour": "red"}, "colour: Sage knows no such field here"),
        ({**INVOICE, "idempotency_id": "x"}, "idempotency_id: Sage knows no such field here"),
        ({**INVOICE, "date": "1 July"}, "date: must be a date, YYYY-MM-DD"),
        (
            {**INVOICE, "invoice_lines": [{**LINE, "price": 1}]},
            "invoice_lines[0].price: Sage knows no such field here",
        ),
        (
            {**INVOICE, "invoice_lines": [LINE, {**LINE, "description": None}]},
            "invoice_lines[1].description: required",
        ),
        (
            {**INVOICE, "invoice_lines": [{**LINE, "quantity": "many"}]},
            "invoice_lines[0].quantity: must be a number",
        ),
        ({**INVOICE, "invoice_lines": "one"}, "invoice_lines: must be a list"),
        ({**INVOICE, "main_address": "here"}, "main_address: must be an object"),
        ({**INVOICE, "sent": "perhaps"}, "sent: must be a boolean"),
        ({**INVOICE, "contact_id": {"id": "c"}}, "contact_id: must be text"),
    ],
)
def test_mistake_in_a_field_is_found_at_its_place(body: dict[str, Json], fault: str) -> None:
    assert faults("sales_invoices", body) == [fault]


@pytest.mark.parametrize(
    ("line", "is_right"),
    [
        ({"net_amount": Decimal("10.50")}, True),
        ({"net_amount": Decimal("10.51")}, False),
        ({"unit_price": Decimal("10.5")}, True),
        ({"unit_price": Decimal("10.6")}, False),
        ({"unit_price": 12, "unit_price_includes_tax": True}, True),
    ],
)
def test_totals_must_be_the_sum_of_the_lines(line: dict[str, Json], is_right: bool) -> None:
    lines: list[Json] = [{**LINE, **line}, {**LINE, **line}]
    found = faults("sales_invoices", {**INVOICE, "invoice_lines": lines, "net_amount": 21})
    assert [fault.split(":")[0] for fault in found] == ([] if is_right else ["net_amount"])


def test_journal_must_balance() -> None:
    body: dict[str, Json] = {**JOURNAL, "journal_lines": [DEBIT, {**CREDIT, "credit": 9}]}
    assert faults("journals", body) == ["journal_lines: debits and credits differ by 1"]


def test_journal_line_is_debit_or_credit() -> None:
    body: dict[str, Json] = {**JOURNAL, "journal_lines": [{**DEBIT, "credit": 10}]}
    found = faults("journals", body)
    assert found == ["journal_lines[0]: has one of debit and credit, not below zero"]


def test_payment_settles_at_most_what_it_is() -> None:
    body: dict[str, Json] = {
        "transaction_type_id": "CUSTOMER_RECEIPT",
        "contact_id": "c",
        "bank_account_id": "b",
        "date": "2026-07-01",
        "total_amount": 10,
        "allocated_artefacts": [{"artefact_id": "i", "amount": 11}],
    }
    assert faults("contact_payments", body) == ["allocated_artefacts: settle 11, the payment is 10"]


@pytest.mark.parametrize(("day", "is_locked"), [("2026-06-30", True), ("2026-07-01", False)])
def test_date_up_to_the_lock_is_refused(day: str, is_locked: bool) -> None:
    found = faults("sales_invoices", {**INVOICE, "date": day}, locked_until=date(2026, 6, 30))
    assert bool(found) == is_locked


@pytest.mark.parametrize(
    ("resource", "more"),
    [
        ("nothing", {}),
        ("currencies", {}),
        ("journals", {"method": "PUT", "record_id": "1", "updated_at": "2026"}),
        ("contacts", {"method": "PUT", "record_id": "1"}),
        ("contacts", {"method": "PUT", "updated_at": "2026"}),
        ("contacts", {"method": "PUT", "record_id": "../x", "updated_at": "2026"}),
        ("contacts", {"record_id": "1"}),
    ],
)
def test_line_that_can_not_be_sent_at_all_has_one_fault(
    resource: str, more: dict[str, Any]
) -> None:
    assert len(faults(resource, {}, **more)) == 1


def test_put_may_leave_out_what_it_does_not_change() -> None:
    more = {"method": "PUT", "record_id": "1", "updated_at": "2026-07-01T00:00:00Z"}
    assert faults("contacts", {"notes": "pays late"}, **more) == []


def test_every_required_field_of_the_catalogue_is_a_field_of_the_body() -> None:
    fields = load_write_fields()
    for name, collection in load_catalogue().items():
        for required in collection.post_required:
            assert fields[name, "POST"][required].is_required


# --- once


class Recorder(BaseHTTPRequestHandler):
    """Refuses the first request for a while and takes the second."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked: list[tuple[str | None, str | None, bytes]] = self.server.asked  # type: ignore[attr-defined]
        asked.append((self.headers["Idempotency-Key"], self.headers["X-Business"], body))
        self.send_response(503 if len(asked) == 1 else 201)
        self.end_headers()
        self.wfile.write(b'{"id": "1"}')

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def recorder() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Recorder) as server:
        server.asked = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_every_attempt_has_the_same_header_and_body(
    sandbox: Sandbox, outbox: Outbox, recorder: ThreadingHTTPServer, tmp_path: Path
) -> None:
    address = f"http://127.0.0.1:{recorder.server_port}/v3.1"
    write = write_of("acme-business", "ids", {"name": "Ids", "active": True})
    with client_of(sandbox, tmp_path, base_url=address) as client:
        assert pushed(client, outbox, write).state == "replayed"
    first, second = recorder.asked  # type: ignore[attr-defined]
    assert first == second
    key, business, body = first
    assert business == "acme-business"
    assert json.loads(body)["service_rate_type"]["idempotency_id"] == key
    assert len(key) == 32


def test_write_is_created_and_known_by_its_id(
    client: SageClient, outbox: Outbox, sandbox: Sandbox, business_id: str
) -> None:
    entry = pushed(client, outbox, write_of(business_id, "new", {"name": "New", "active": True}))
    assert (entry.state, entry.attempts) == ("created", 1)
    assert named(sandbox, "service_rate_types", "New") == [entry.sage_id]


LOST: list[dict[str, Any]] = [
    {"kind": "reset", "moment": "after"},
    {"kind": "reset", "moment": "before"},
    {"kind": "truncate"},
    {"kind": "malform"},
    {"kind": "status", "status": 502, "moment": "after", "body": "html"},
    {"kind": "status", "status": 503, "moment": "before"},
    {"kind": "status", "status": 429, "retry_after": "seconds", "retry_after_s": 0},
]


@pytest.mark.parametrize("resource", ["service_rate_types", "tax_rates"])
@pytest.mark.parametrize("lost", LOST, ids=lambda lost: "-".join(map(str, lost.values())))
def test_write_whose_answer_is_lost_exists_once(
    client: SageClient,
    outbox: Outbox,
    sandbox: Sandbox,
    business_id: str,
    lost: dict[str, Any],
    resource: str,
) -> None:
    name = f"{resource} {lost}"
    sandbox.control("fault", method="POST", path=f"/{resource}", **lost)
    write = write_of(business_id, name, {"name": name}, resource=resource)
    if resource == "service_rate_types":
        write = write_of(business_id, name, {"name": name, "active": True})
    entry = pushed(client, outbox, write)
    assert entry.state == "replayed"
    assert named(sandbox, resource, name) == [entry.sage_id]


def test_write_without_any_answer_stays_pending_and_is_sent_by_the_next_push(
    client: SageClient, outbox: Outbox, sandbox: Sandbox, business_id: str
) -> None:
    sandbox.control("fault", kind="reset", method="POST", moment="after", count=3)
    write = write_of(business_id, "later", {"name": "Later", "active": True})
    assert pushed(client, outbox, write).state == "pending"
    assert pushed(client, outbox, write).state == "replayed"
    assert len(named(sandbox, "service_rate_types", "Later")) == 1


def test_after_seven_days_the_record_is_looked_for_first(
    client: SageClient, outbox: Outbox, sandbox: Sandbox, business_id: str, clock: Clock
) -> None:
    sandbox.control("fault", kind="reset", method="POST", moment="after", count=3)
    write = write_of(business_id, "old", {"name": "Old", "active": True})
    pushed(client, outbox, write)
    clock.now += WINDOW_S
    sandbox.control("clear_requests")
    assert pushed(client, outbox, write).state == "replayed"
    assert asked(sandbox, "POST") == 0


def test_after_seven_days_what_is_not_there_is_sent(
    client: SageClient, outbox: Outbox, sandbox: Sandbox, business_id: str, clock: Clock
) -> None:
    sandbox.control("fault", kind="reset", method="POST", moment="before", count=3)
    write = write_of(business_id, "absent", {"name": "Absent", "active": True})
    pushed(client, outbox, write)
    clock.now += WINDOW_S
    assert pushed(client, outbox, write).state == "replayed"
    assert len(named(sandbox, "service_rate_types", "Absent")) == 1


def test_what_can_not_be_told_apart_is_not_sent_again(
    client: SageClient, outbox: Outbox, sandbox: Sandbox, business_id: str
) -> None:
    twins = [
        write_of(business_id, key, {"name": "Twin"}, resource="tax_rates") for key in ("t1", "t2")
    ]
    pushed(client, outbox, twins[0])
    sandbox.control("fault", kind="reset", method="POST", moment="after")
    entry = pushed(client, outbox, twins[1])
    assert (entry.state, len(named(sandbox, "tax_rates", "Twin"))) == ("pending", 2)
    assert all(twin in str(entry.error) for twin in named(sandbox, "tax_rates", "Twin"))


def test_what_has_no_name_is_not_sent_again(
    client: SageClient, outbox: Outbox, sandbox: Sandbox, business_id: str
) -> None:
    before = len(held(sandbox, "analysis_type_categories"))
    sandbox.control("fault", kind="reset", method="POST", moment="after")
    entry = pushed(
        client, outbox, write_of(business_id, "n", {}, resource="analysis_type_categories")
    )
    assert entry.state == "pending"
    assert len(held(sandbox, "analysis_type_categories")) == before + 1


@pytest.mark.parametrize(
    ("moment", "state", "count"), [("after", "replayed", 1), ("before", "rejected", 0)]
)
def test_refusal_of_a_repeat_does_not_hide_that_the_first_attempt_was_taken(
    client: SageClient,
    outbox: Outbox,
    sandbox: Sandbox,
    business_id: str,
    moment: str,
    state: str,
    count: int,
) -> None:
    name = f"Refused {moment}"
    sandbox.control("fault", kind="reset", method="POST", moment=moment)
    sandbox.control("fault", kind="status", method="POST", status=422)
    entry = pushed(client, outbox, write_of(business_id, name, {"name": name, "active": True}))
    assert (entry.state, len(named(sandbox, "service_rate_types", name))) == (state, count)


def test_look_that_is_refused_leaves_the_line_pending(
    client: SageClient, outbox: Outbox, sandbox: Sandbox, business_id: str
) -> None:
    sandbox.control("fault", kind="reset", method="POST", moment="after")
    sandbox.control("fault", kind="status", method="GET", status=403)
    entry = pushed(
        client, outbox, write_of(business_id, "unseen", {"name": "U"}, resource="tax_rates")
    )
    assert entry.state == "pending"


def test_refusal_of_sage_names_the_field_and_not_the_customer(
    client: SageClient, outbox: Outbox, sandbox: Sandbox, business_id: str
) -> None:
    body: dict[str, Json] = {**INVOICE, "contact_id": "Mrs-Confidential"}
    entry = pushed(client, outbox, write_of(business_id, "bad", body, resource="sales_invoices"))
    assert entry.state == "rejected"
    assert "contact_id: RecordInvalid" in str(entry.error)
    assert "Confidential" not in str(entry.error)


def test_conflict_stays_pending(
    client: SageClient, outbox: Outbox, sandbox: Sandbox, business_id: str
) -> None:
    sandbox.control("fault", kind="status", status=409, method="POST")
    write = write_of(business_id, "409", {"name": "409", "active": True})
    assert pushed(client, outbox, write).state == "pending"


def test_line_of_a_business_without_subscription_stays_pending(
    client: SageClient, outbox: Outbox, sandbox: Sandbox, business_id: str
) -> None:
    sandbox.control("subscription", business=business_id, active=False)
    write = write_of(business_id, "ended", {"name": "Ended", "active": True})
    entry = pushed(client, outbox, write)
    assert entry.state == "pending"
    assert "subscription" in str(entry.error)


# --- PUT


def change(
    sandbox: Sandbox, business_id: str, key: str, body: dict[str, Json], **more: Any
) -> Write:
    record_id, record = next(iter(held(sandbox, "services").items()))
    seen = more.pop("updated_at", record["updated_at"])
    return write_of(
        business_id, key, body, resource="services", method="PUT", record_id=record_id,
        updated_at=seen,
    )  # fmt: skip


def test_change_is_sent_when_nobody_changed_the_record_since(
    client: SageClient, outbox: Outbox, sandbox: Sandbox, business_id: str
) -> None:
    entry = pushed(client, outbox, change(sandbox, business_id, "p1", {"description": "Care"}))
    assert entry.state == "updated"
    assert next(iter(held(sandbox, "services").values()))["description"] == "Care"


def test_change_of_a_record_that_somebody_changed_is_refused(
    client: SageClient, outbox: Outbox, sandbox: Sandbox, business_id: str
) -> None:
    write = change(
        sandbox, business_id, "p2", {"description": "Mine"}, updated_at="2020-01-01T00:00:00Z"
    )
    entry = pushed(client, outbox, write)
    assert (entry.state, asked(sandbox, "PUT")) == ("rejected", 0)
    assert next(iter(held(sandbox, "services").values()))["description"] != "Mine"


def test_change_whose_answer_is_lost_is_known_by_its_values(
    client: SageClient, outbox: Outbox, sandbox: Sandbox, business_id: str
) -> None:
    sandbox.control("fault", kind="reset", method="PUT", moment="after")
    entry = pushed(client, outbox, change(sandbox, business_id, "p3", {"description": "Lost"}))
    assert (entry.state, asked(sandbox, "PUT")) == ("replayed", 1)


@pytest.mark.parametrize(
    ("body", "is_shown"),
    [
        ({"name": "N", "country_id": "GB"}, True),
        ({"address": {"city": "Cork"}}, True),
        ({"address": {"city": "Kerry"}}, False),
        ({"name": "Other"}, False),
        ({"rate": Decimal("1.50")}, True),
        ({"notes": None}, True),
        ({"tags": ["a"]}, False),
        ({}, False),
    ],
)
def test_record_shows_a_change_only_when_it_certainly_has_its_values(
    body: dict[str, Json], is_shown: bool
) -> None:
    record = {
        "name": "N",
        "country": {"id": "GB"},
        "address": {"city": "Cork", "id": "1"},
        "rate": Decimal("1.5"),
        "notes": "",
        "tags": ["a"],
    }
    assert shows(record, body) == is_shown


def test_change_of_settings_needs_no_id(
    client: SageClient, outbox: Outbox, sandbox: Sandbox, business_id: str
) -> None:
    record = held(sandbox, "financial_settings")["singleton"]
    write = write_of(
        business_id, "p4", {"year_end_date": "2027-03-31"}, resource="financial_settings",
        method="PUT", updated_at=record["updated_at"],
    )  # fmt: skip
    assert pushed(client, outbox, write).state == "updated"


# --- many


def test_numbered_records_of_a_business_are_never_created_at_the_same_time(
    client: SageClient, outbox: Outbox, sandbox: Sandbox, business_id: str
) -> None:
    sandbox.control("fault", kind="slow", method="POST", path="/contacts", delay_ms=20, count=None)
    writes = [
        write_of(
            business_id, f"c{n}", {"name": f"C{n}", "contact_type_ids": ["CUSTOMER"]},
            resource="contacts",
        )
        for n in range(5)
    ]  # fmt: skip
    outbox.store(writes)
    entries = push(client, outbox, [w.key for w in writes], concurrency=8)
    references = [held(sandbox, "contacts")[str(e.sage_id)]["reference"] for e in entries]
    assert references == sorted(references)
    times = [e.at for e in sandbox.state.request_log if e.path.endswith("/contacts")]
    gaps = [(b - a).total_seconds() for a, b in pairwise(times)]
    assert min(gaps) >= 0.02
