"""Switches and edits, in process and over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
from sandbox_client import NO_CERTIFICATES, Api

from sage_sandbox.audit import audit
from sage_sandbox.control import OPERATIONS, ControlError
from sage_sandbox.server import Sandbox


def over_http(sandbox: Sandbox, operation: str, arguments: Any = None) -> httpx.Response:
    url = f"{sandbox.urls['control_url']}/{operation}"
    return httpx.post(url, json=arguments or {}, verify=NO_CERTIFICATES)


def test_operations_are_the_same_over_http_and_in_process(sandbox: Sandbox) -> None:
    assert over_http(sandbox, "businesses").json() == sandbox.control("businesses")


def test_sign_in_over_http_gives_a_refresh_token(sandbox: Sandbox) -> None:
    token = over_http(sandbox, "authorise").json()["refresh_token"]
    assert token in sandbox.state.tokens.refresh_tokens


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("nothing", {}),
        ("lead", {"business": "nobody"}),
        ("lead", {"colour": "red"}),
        ("edit", {"op": "burn"}),
        ("edit", {"op": "add_invoice", "business": "nobody"}),
        ("decimals", {"style": "float"}),
        ("hide_children", {"resources": ["nothing"]}),
        ("page_size", {"largest": 0}),
        ("change_business", {"business": "nobody", "fields": {}}),
        ("sign_in", {"user": "nobody"}),
        ("limit", {"retry_after": "soon"}),
    ],
)
def test_what_cannot_be_done_is_refused_and_said(
    sandbox: Sandbox, operation: str, arguments: dict[str, Any]
) -> None:
    refused = over_http(sandbox, operation, arguments)
    assert refused.status_code == 400
    assert refused.json()["error"]
    with pytest.raises(ControlError):
        sandbox.control(operation, **arguments)


def test_every_operation_says_what_it_does() -> None:
    assert [name for name, function in OPERATIONS.items() if not function.__doc__] == []


# --- edits


def edit(api: Api, op: str, **arguments: Any) -> str:
    return str(api.sandbox.control("edit", business=api.business, op=op, **arguments)["id"])


def test_added_invoice_is_in_the_list(api: Api) -> None:
    since = api.items("/sales_invoices", attributes="updated_at")[-1]["updated_at"]
    key = edit(api, "add_invoice")
    assert key in api.ids("/sales_invoices", updated_or_created_since=since)


def test_edits_are_stamped_now_unless_told(api: Api) -> None:
    key = edit(api, "add_invoice", at="2026-08-01T00:00:00Z")
    path = f"/sales_invoices/{key}"
    assert api.json(path, mark_as_sent="false")["created_at"] == "2026-08-01T00:00:00Z"
    edit(api, "change_document", resource="sales_invoices", id=key)
    assert api.json(path, mark_as_sent="false")["updated_at"] > "2026-08-01T00:00:00Z"


def test_deleted_record_becomes_a_tombstone(api: Api) -> None:
    key = next(iter(api.held("bank_transfers")))
    edit(api, "delete", resource="bank_transfers", id=key, at="2026-08-02T00:00:00Z")
    assert key not in api.ids("/bank_transfers")
    assert api.ids("/bank_transfers", deleted_since="2026-08-01T23:59:59Z") == [key]


def test_voided_invoice_stays_with_its_reason(api: Api) -> None:
    key = edit(api, "add_invoice")
    edit(api, "void", resource="sales_invoices", id=key, reason="Twice")
    record = api.json(f"/sales_invoices/{key}", mark_as_sent="false")
    assert (record["status"]["id"], record["void_reason"]) == ("VOID", "Twice")


def test_new_field_is_served(api: Api) -> None:
    key = next(iter(api.held("services")))
    edit(api, "change", resource="services", id=key, fields={"colour": "red"})
    assert api.json(f"/services/{key}")["colour"] == "red"


def test_field_called_like_an_argument_can_change(api: Api) -> None:
    key = next(iter(api.held("services")))
    fields = {"name": "Waxing", "at": "home", "record_id": "7"}
    edit(api, "change", resource="services", id=key, fields=fields)
    assert fields.items() <= api.json(f"/services/{key}").items()


def test_retired_field_is_served_no_more(api: Api) -> None:
    key = next(iter(api.held("services")))
    edit(api, "drop_fields", resource="services", id=key, names=["notes", "nothing"])
    assert "notes" not in api.json(f"/services/{key}")


def test_undeleted_record_is_listed_and_no_tombstone(api: Api) -> None:
    key = next(iter(api.held("bank_deposits")))
    edit(api, "delete", resource="bank_deposits", id=key, at="2026-08-02T00:00:00Z")
    edit(api, "undelete", resource="bank_deposits", id=key, at="2026-08-03T00:00:00Z")
    assert key in api.ids("/bank_deposits", updated_or_created_since="2026-08-03T00:00:00Z")
    assert api.ids("/bank_deposits", deleted_since="2026-08-01T00:00:00Z") == []


def test_attempt_that_the_books_refuse_says_so_and_does_nothing(api: Api) -> None:
    settled = next(k for k, r in api.held("sales_invoices").items() if r["status"]["id"] == "PAID")
    told = api.sandbox.control(
        "attempt", business=api.business, op="void", resource="sales_invoices", id=settled
    )
    assert (told["id"], "paid" in told["refused"]) == (None, True)
    assert api.held("sales_invoices")[settled]["status"]["id"] == "PAID"


def test_changed_business_is_listed_as_it_is_now(api: Api) -> None:
    api.sandbox.control("change_business", business=api.business, fields={"website": "now.example"})
    (record, *_) = api.json("/businesses", attributes="all")["$items"]
    assert record["website"] == "now.example"


def test_clock_ahead_dates_answers_and_edits(api: Api) -> None:
    api.sandbox.control("clock", ahead_s=86_400 * 400)
    key = edit(api, "add_invoice")
    dated = parsedate_to_datetime(api.get("/services").headers["Date"])
    assert (dated - datetime.now(UTC)).days in (399, 400)
    created = api.held("sales_invoices")[key]["created_at"]
    assert abs(datetime.fromisoformat(created) - dated).total_seconds() < 60


def test_several_edits_are_carried_out_in_order(api: Api) -> None:
    operations = [{"op": "add_invoice", "business": api.business}] * 2
    operations.append({"op": "add_payment", "business": api.business})
    ids = over_http(api.sandbox, "edits", {"operations": operations}).json()["ids"]
    assert set(ids[:2]) <= set(api.held("sales_invoices"))
    assert ids[2] in api.held("contact_payments")


def test_edit_that_the_books_refuse_is_said(api: Api) -> None:
    settled = next(k for k, r in api.held("sales_invoices").items() if r["status"]["id"] == "PAID")
    with pytest.raises(ControlError, match="paid"):
        edit(api, "void", resource="sales_invoices", id=settled)


def test_books_are_coherent_after_all_edits(api: Api) -> None:
    for op in ("add_invoice", "add_payment", "add_invoice"):
        edit(api, op)
    assert audit(api.sandbox.state.businesses[api.business]) == []


# --- the look of answers


def test_decimals_are_text_when_told(api: Api) -> None:
    api.sandbox.control("decimals", style="text")
    items = api.items("/ledger_entries", attributes="debit")
    assert {type(item["debit"]) for item in items} == {str}
    assert any(item["debit"].endswith(".0") for item in items)


def test_decimals_are_both_when_told(api: Api) -> None:
    api.sandbox.control("decimals", style="mixed")
    (entry, *_) = api.items("/ledger_entries", attributes="debit,credit")
    assert {isinstance(entry["debit"], str), isinstance(entry["credit"], str)} == {True, False}


def test_null_dates_are_empty_when_told(api: Api) -> None:
    api.sandbox.control("blank_nulls")
    assert api.items("/sales_invoices", attributes="deleted_at")[0]["deleted_at"] == ""


def test_page_holds_no_more_than_told(api: Api) -> None:
    api.sandbox.control("page_size", largest=7)
    page = api.json("/ledger_entries", items_per_page=200, page=2)
    assert (len(page["$items"]), page["$itemsPerPage"], page["$page"]) == (7, 7, 2)


def test_edit_shows_in_the_next_answer_although_bytes_are_kept(api: Api) -> None:
    key = next(iter(api.held("services")))
    before = api.items("/services", attributes="all")
    edit(api, "change", resource="services", id=key, fields={"description": "Polishing"})
    after = api.items("/services", attributes="all")
    assert [item["id"] for item in after] == [item["id"] for item in before]
    assert after[0]["description"] == "Polishing"


# --- what was asked


def test_log_tells_each_request(api: Api) -> None:
    api.get("/contacts", page=3)
    api.http.headers["User-Agent"] = "somebody/1"
    del api.http.headers["X-Business"]
    api.get("/nothing")
    first, second = over_http(api.sandbox, "requests").json()["requests"][-2:]
    assert (first["method"], first["path"], first["query"]) == ("GET", "/v3.1/contacts", "page=3")
    assert (first["business"], first["status"]) == (api.business, 200)
    assert (second["user_agent"], second["status"]) == ("somebody/1", 404)
    assert (first["answered_for_lead"], second["answered_for_lead"]) == (False, True)


def test_log_can_be_cleared(api: Api) -> None:
    api.get("/contacts")
    assert api.sandbox.control("clear_requests")["forgotten"] > 0
    assert api.sandbox.state.request_log == []


def test_log_holds_no_token(api: Api) -> None:
    api.get("/contacts")
    log = str(api.sandbox.control("requests"))
    assert not [token for token in api.sandbox.state.issued_tokens if token in log]


def test_stats_count_by_status(api: Api) -> None:
    api.sandbox.control("clear_requests")
    for path in ("/contacts", "/contacts", "/nothing"):
        api.get(path)
    assert api.sandbox.control("stats")["by_status"] == {"200": 2, "404": 1}


def test_reuse_report_names_no_token(sandbox: Sandbox) -> None:
    token = sandbox.authorise()
    sandbox.state.tokens.refresh(token)
    httpx.post(
        sandbox.urls["token_url"],
        data={
            "grant_type": "refresh_token",
            "refresh_token": token,
            "client_id": sandbox.urls["client_id"],
            "client_secret": sandbox.urls["client_secret"],
        },
        headers={"User-Agent": "somebody/1"},
        verify=NO_CERTIFICATES,
    )
    reported = over_http(sandbox, "reused_refresh_tokens")
    assert reported.json()["reused"][-1]["user_agent"] == "somebody/1"
    assert token not in reported.text
