"""POST, PUT and DELETE over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
from sandbox_client import Api, codes, signed_in

from sage_sandbox.audit import audit

GUID = "0123456789abcdef0123456789abcdef"


def rate_type(**fields: Any) -> dict[str, Any]:
    return {"service_rate_type": {"name": "Evening", "active": True, **fields}}


def invoice(api: Api, **fields: Any) -> dict[str, Any]:
    contacts = api.held("contacts").values()
    customer = next(c for c in contacts if c["tax_treatment"]["home_tax"])
    account = next(a for a in api.held("ledger_accounts").values() if a["visible_in_sales"])
    line = {
        "description": "Chairs",
        "ledger_account_id": account["id"],
        "tax_rate_id": "GB_STANDARD",
        "quantity": 3,
        "unit_price": "19.99",
    }
    body = {"contact_id": customer["id"], "date": "2026-07-01", "invoice_lines": [line]}
    return {"sales_invoice": {**body, **fields}}


# --- POST


def test_posted_record_is_answered_and_in_the_list(api: Api) -> None:
    answer = api.http.post("/service_rate_types", json=rate_type())
    assert answer.status_code == 201
    assert answer.json()["name"] == "Evening"
    assert answer.json() in api.items("/service_rate_types", attributes="all")


def test_references_are_shown_as_the_records_they_name(api: Api) -> None:
    account = next(iter(api.held("ledger_accounts").values()))
    body = {"service": {"description": "Repair", "sales_ledger_account_id": account["id"]}}
    record = api.http.post("/services", json=body).json()
    assert record["sales_ledger_account"]["displayed_as"] == account["displayed_as"]


def test_reference_to_nothing_is_refused(api: Api) -> None:
    body = {"service": {"description": "Repair", "sales_ledger_account_id": "nothing"}}
    refused = api.http.post("/services", json=body)
    assert codes(refused) == (422, "RecordInvalid", ["sales_ledger_account_id"])


def test_posted_invoice_is_booked(api: Api) -> None:
    record = api.http.post("/sales_invoices", json=invoice(api)).json()
    assert (record["net_amount"], record["tax_amount"]) == (59.97, 11.99)
    assert api.ids("/ledger_entries", transaction_id=record["transaction"]["id"])
    assert audit(api.sandbox.state.businesses[api.business]) == []


def test_invoice_that_cannot_be_booked_names_its_field(api: Api) -> None:
    refused = api.http.post("/sales_invoices", json=invoice(api, contact_id="nobody"))
    assert codes(refused) == (422, "RecordInvalid", ["contact_id"])


def test_missing_fields_are_all_named(api: Api) -> None:
    refused = api.http.post("/contacts", json={"contact": {"reference": "R"}})
    assert codes(refused) == (422, "RecordInvalid", ["contact_type_ids", "name"])


def test_body_without_its_namespace_is_refused(api: Api) -> None:
    refused = api.http.post("/contacts", json={"name": "Somebody"})
    assert codes(refused) == (422, "RecordInvalid", ["contact"])


def test_body_that_is_no_json_is_refused(api: Api) -> None:
    assert codes(api.http.post("/contacts", content=b"{"))[0] == 422


def test_reference_of_a_wrong_type_is_refused(api: Api) -> None:
    body = {"service": {"description": "Repair", "sales_ledger_account_id": ["x"]}}
    assert codes(api.http.post("/services", json=body))[:2] == (422, "RecordInvalid")


def test_exchange_rate_replaces_that_of_its_currency(api: Api) -> None:
    before = len(api.held("business_exchange_rates"))
    body = {"business_exchange_rate": {"currency_id": "EUR", "rate": "1.25"}}
    record = api.http.post("/business_exchange_rates", json=body).json()
    assert (record["rate"], "id" in record) == (1.25, False)
    assert len(api.held("business_exchange_rates")) == before


# --- idempotency


def test_repeat_with_the_same_id_creates_nothing_and_is_answered_alike(api: Api) -> None:
    body = rate_type(idempotency_id=GUID + "1")
    answers = [api.http.post("/service_rate_types", json=body) for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert [a.status_code for a in answers] == [201, 201]
    created = answers[0].json()["id"]
    assert api.ids("/service_rate_types").count(created) == 1


def test_id_is_no_field_of_the_record(api: Api) -> None:
    answer = api.http.post("/service_rate_types", json=rate_type(idempotency_id=GUID + "2"))
    assert "idempotency_id" not in answer.json()


def test_id_cannot_be_used_for_another_resource_or_body(api: Api) -> None:
    api.http.post("/service_rate_types", json=rate_type(idempotency_id=GUID + "3"))
    others = [
        ("/service_rate_types", rate_type(idempotency_id=GUID + "3", name="Morning")),
        ("/sales_invoices", invoice(api, idempotency_id=GUID + "3")),
    ]
    for path, body in others:
        refused = api.http.post(path, json=body)
        assert codes(refused) == (422, "RecordInvalid", ["idempotency_id"])


def test_id_of_another_business_is_another_id(api: Api) -> None:
    body = rate_type(idempotency_id=GUID + "4")
    french = signed_in(api.sandbox, "FR")
    with french.http:
        first = api.http.post("/service_rate_types", json=body).json()
        second = french.http.post("/service_rate_types", json=body).json()
    assert first["id"] != second["id"]


def test_id_of_a_refused_write_can_be_used_again(api: Api) -> None:
    bad = rate_type(idempotency_id=GUID + "5", name="")
    good = rate_type(idempotency_id=GUID + "5")
    assert api.http.post("/service_rate_types", json=bad).status_code == 422
    assert api.http.post("/service_rate_types", json=good).status_code == 201


def test_id_is_forgotten_after_seven_days(api: Api) -> None:
    replays = api.sandbox.state.replays
    body = rate_type(idempotency_id=GUID + "6")
    first = api.http.post("/service_rate_types", json=body).json()
    then = replays.clock() + 7 * 86_400
    clock, replays.clock = replays.clock, lambda: then
    second = api.http.post("/service_rate_types", json=body).json()
    replays.clock = clock
    assert first["id"] != second["id"]


def test_resource_without_idempotency_creates_twice(api: Api) -> None:
    body = {"tax_rate": {"name": "Own", "idempotency_id": GUID}}
    first, second = (api.http.post("/tax_rates", json=body).json()["id"] for _ in range(2))
    assert first != second


# --- PUT and DELETE


def test_put_changes_its_fields_and_the_time(api: Api) -> None:
    key, held = next(iter(api.held("services").items()))
    answer = api.http.put(f"/services/{key}", json={"service": {"description": "Care"}})
    assert answer.status_code == 200
    assert answer.json()["description"] == "Care"
    assert answer.json()["updated_at"] > held["updated_at"]


def test_put_of_lines_is_refused_rather_than_leave_the_books_incoherent(api: Api) -> None:
    key = next(iter(api.held("sales_invoices")))
    answer = api.http.put(f"/sales_invoices/{key}", json={"sales_invoice": {"invoice_lines": []}})
    assert codes(answer) == (422, "RecordInvalid", ["invoice_lines"])


def test_put_of_settings_needs_no_id(api: Api) -> None:
    body = {"financial_settings": {"year_end_date": "2027-03-31"}}
    assert api.http.put("/financial_settings", json=body).status_code == 200
    assert api.json("/financial_settings")["year_end_date"] == "2027-03-31"


def test_put_of_what_does_not_exist_is_not_found(api: Api) -> None:
    assert codes(api.http.put("/services/x", json={"service": {}}))[0] == 404


def test_delete_of_a_sales_document_voids_it(api: Api) -> None:
    key = api.http.post("/sales_invoices", json=invoice(api)).json()["id"]
    answer = api.http.delete(f"/sales_invoices/{key}", params={"void_reason": "Twice"})
    assert answer.status_code == 200
    assert (answer.json()["status"]["id"], answer.json()["void_reason"]) == ("VOID", "Twice")
    assert key in api.held("sales_invoices")


def test_delete_of_another_record_answers_nothing_and_leaves_a_tombstone(api: Api) -> None:
    key = next(iter(api.held("bank_transfers")))
    answer = api.http.delete(f"/bank_transfers/{key}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert key in api.ids("/bank_transfers", deleted_since="2020-01-01")
    assert again(api, key).status_code == 404


def again(api: Api, key: str) -> httpx.Response:
    return api.http.delete(f"/bank_transfers/{key}")


def test_delete_that_the_books_refuse_is_an_array(api: Api) -> None:
    paid = next(k for k, r in api.held("sales_invoices").items() if r["status"]["id"] == "PAID")
    assert codes(api.http.delete(f"/sales_invoices/{paid}"))[:2] == (422, "RecordInvalid")
