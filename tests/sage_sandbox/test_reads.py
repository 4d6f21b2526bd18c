"""What lists, records by id and settings answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sandbox_client import Api, codes

from sage_sandbox.collections import load_endpoints

BASE = {"id", "displayed_as", "$path"}
ALL_LISTS = [e.name for e in load_endpoints().values() if e.kind == "list"]
SINGLETONS = [e.name for e in load_endpoints().values() if e.kind == "singleton"]


# --- the envelope and its pages


def test_page_has_sages_envelope(api: Api) -> None:
    page = api.json("/sales_invoices", page=2, items_per_page=10)
    total = len(api.held("sales_invoices"))
    assert list(page) == ["$total", "$page", "$next", "$back", "$itemsPerPage", "$items"]
    assert (page["$total"], page["$page"], page["$itemsPerPage"]) == (total, 2, 10)


def test_links_are_relative_and_without_version_or_filters(api: Api) -> None:
    page = api.json("/sales_invoices", page=2, items_per_page=10, attributes="all")
    assert page["$next"] == "/sales_invoices?page=3&items_per_page=10"
    assert page["$back"] == "/sales_invoices?page=1&items_per_page=10"


def test_last_page_has_no_next(api: Api) -> None:
    assert api.json("/sales_invoices", items_per_page=200)["$next"] is None


def test_pages_hold_twenty_records_unless_told(api: Api) -> None:
    assert len(api.json("/sales_invoices")["$items"]) == 20


@pytest.mark.parametrize("size", ["0", "201", "-1", "ten", "1.5", ""])
def test_page_size_outside_its_bounds_is_refused(api: Api, size: str) -> None:
    refused = api.get("/contacts", items_per_page=size)
    assert codes(refused) == (422, "RecordInvalid", ["items_per_page"])


@pytest.mark.parametrize("page", ["0", "-1", "x"])
def test_page_below_one_is_refused(api: Api, page: str) -> None:
    assert codes(api.get("/contacts", page=page)) == (422, "RecordInvalid", ["page"])


def test_page_beyond_the_end_is_the_last_page_with_its_own_number(api: Api) -> None:
    last = api.json("/transactions", items_per_page=50, page=999)
    assert last["$page"] == -(-last["$total"] // 50)
    assert last == api.json("/transactions", items_per_page=50, page=last["$page"])


def test_page_beyond_an_empty_list_is_page_one(api: Api) -> None:
    page = api.json("/sales_invoices", search="nothing like it", page=7)
    assert (page["$total"], page["$page"], page["$next"], page["$items"]) == (0, 1, None, [])


def test_pages_together_are_the_list(api: Api) -> None:
    found: list[str] = []
    page = 1
    while True:
        answer = api.json("/ledger_entries", page=page, items_per_page=200)
        found += [item["id"] for item in answer["$items"]]
        if answer["$next"] is None:
            break
        page += 1
    assert found == list(api.held("ledger_entries"))


@pytest.mark.parametrize("name", ALL_LISTS)
def test_every_list_is_served_where_it_is_offered(api: Api, spanish: Api, name: str) -> None:
    for client, country in ((api, "GB"), (spanish, "ES")):
        status = 200 if load_endpoints()[name].offered_in(country) else 404
        assert client.get(f"/{name}", attributes="all").status_code == status


@pytest.mark.parametrize(
    "name", [n for n in SINGLETONS if n not in ("datev_settings", "migrations")]
)
def test_every_settings_record_is_one_object(api: Api, name: str) -> None:
    assert "$items" not in api.json(f"/{name}")


# --- attributes


def test_list_shows_the_base_attributes_alone_unless_asked(api: Api) -> None:
    assert {frozenset(item) for item in api.items("/sales_invoices")} == {frozenset(BASE)}


def test_named_attributes_come_beside_the_base_ones(api: Api) -> None:
    (item, *_) = api.items("/sales_invoices", attributes="date,due_date")
    assert set(item) == BASE | {"date", "due_date"}


def test_all_attributes_are_those_of_the_books(api: Api) -> None:
    assert api.items("/products", attributes="all") == list(api.held("products").values())


def test_record_by_id_shows_all_attributes_unless_told(api: Api) -> None:
    key, held = next(iter(api.held("products").items()))
    assert api.json(f"/products/{key}") == held
    assert set(api.json(f"/products/{key}", attributes="description")) == BASE | {"description"}


def test_exchange_rates_have_no_id(api: Api) -> None:
    assert all("id" not in rate for rate in api.items("/exchange_rates", attributes="all"))
    assert api.json("/exchange_rates/EUR")["currency"]["id"] == "EUR"


ON_REQUEST = [
    ("sales_invoices", "show_payments_allocations", "payments_allocations"),
    ("contacts", "show_balance", "balance"),
    ("contacts", "show_unfinished_recurring_invoices_status", "has_unfinished_recurring_invoices"),
]


@pytest.mark.parametrize(("name", "parameter", "attribute"), ON_REQUEST)
def test_attribute_that_needs_its_parameter_is_absent_without(
    api: Api, name: str, parameter: str, attribute: str
) -> None:
    assert not any(attribute in item for item in api.items(f"/{name}", attributes="all"))
    shown = api.items(f"/{name}", attributes="all", **{parameter: "true"})
    assert all(attribute in item for item in shown)


@pytest.mark.parametrize(
    ("parameter", "attribute"),
    [("show_corrections", "corrections"), ("show_recurring_invoice", "recurring_invoice")],
)
def test_attribute_that_only_a_read_by_id_can_show_is_in_no_list(
    api: Api, parameter: str, attribute: str
) -> None:
    (item, *_) = api.items("/sales_invoices", attributes="all")
    path = f"/sales_invoices/{item['id']}"
    assert attribute not in item
    assert attribute not in api.json(path, mark_as_sent="false")
    assert attribute in api.json(path, mark_as_sent="false", **{parameter: "true"})


def test_lines_show_analysis_types_only_when_asked_by_id(api: Api) -> None:
    (item, *_) = api.items("/sales_invoices", attributes="all")
    assert "analysis_type_categories" not in item["invoice_lines"][0]
    path = f"/sales_invoices/{item['id']}"
    shown = api.json(path, mark_as_sent="false", show_analysis_types="true")
    assert "analysis_type_categories" in shown["invoice_lines"][0]


def test_nested_objects_of_a_contact_are_stubs_unless_asked(api: Api) -> None:
    (stubs, *_) = api.items("/contacts", attributes="all")
    (named, *_) = api.items("/contacts", attributes="all", nested_attributes="city")
    (whole, *_) = api.items("/contacts", attributes="all", nested_attributes="all")
    assert set(stubs["main_address"]) == BASE
    assert set(named["main_address"]) == BASE | {"city"}
    assert whole["main_address"]["postal_code"]


def test_tax_rates_show_former_percentages_only_when_asked(api: Api) -> None:
    past = api.items("/tax_rates", attributes="all", include_historical_data="true")
    now = api.items("/tax_rates", attributes="all")
    assert max(len(rate["percentages"]) for rate in past) > 1
    assert max(len(rate["percentages"]) for rate in now) == 1


def test_ledger_accounts_show_balances_of_the_period_asked_for(api: Api) -> None:
    asked = {"show_balance_details": "true", "from_date": "2025-01-01", "to_date": "2025-03-31"}
    shown = api.items("/ledger_accounts", attributes="balance_details", **asked)
    details = api.sandbox.state.books[api.business].balance_details("2025-01-01", "2025-03-31")
    assert {item["id"]: item["balance_details"] for item in shown} == details


def test_ledger_accounts_show_no_balances_unasked(api: Api) -> None:
    listed = api.items("/ledger_accounts", attributes="all")
    assert not any("balance_details" in item for item in listed)


def test_balances_without_a_period_are_refused(api: Api) -> None:
    refused = api.get("/ledger_accounts", show_balance_details="true", to_date="2025-01-01")
    assert codes(refused) == (422, "RecordInvalid", ["from_date"])


def test_hidden_children_are_missing_in_the_list_and_there_by_id(api: Api) -> None:
    api.sandbox.control("hide_children", resources=["journals"])
    (listed, *_) = api.items("/journals", attributes="all")
    assert "journal_lines" not in listed
    assert api.json(f"/journals/{listed['id']}")["journal_lines"]


# --- order


def test_sorted_list_is_in_order(api: Api) -> None:
    up = api.items("/sales_invoices", attributes="due_date", sort="due_date")
    down = api.items("/sales_invoices", attributes="due_date", sort="due_date:desc")
    dates = [item["due_date"] for item in up]
    assert dates == sorted(dates)
    assert [item["due_date"] for item in down] == sorted(dates, reverse=True)


@pytest.mark.parametrize("sort", ["reference", "date:down", "", "created_at:ASC"])
def test_sort_by_what_is_not_offered_is_refused(api: Api, sort: str) -> None:
    assert codes(api.get("/sales_invoices", sort=sort)) == (422, "RecordInvalid", ["sort"])


@pytest.mark.parametrize("name", ["contacts", "ledger_entries", "transactions"])
def test_sort_is_unknown_to_lists_that_cannot(api: Api, name: str) -> None:
    refused = api.get(f"/{name}", sort="created_at")
    assert codes(refused) == (422, "RecordInvalid", ["sort"])


# --- filters


def test_unknown_parameters_are_refused_by_name(api: Api) -> None:
    refused = api.get("/contacts", search="a", date="2025-01-01", foo="1")
    assert codes(refused) == (422, "RecordInvalid", ["date", "foo"])


def test_unknown_parameter_of_a_read_by_id_is_refused(api: Api) -> None:
    key = next(iter(api.held("products")))
    assert codes(api.get(f"/products/{key}", page=1)) == (422, "RecordInvalid", ["page"])


def test_changes_since_a_second_include_that_second(api: Api) -> None:
    held = api.held("sales_invoices").values()
    stamp = sorted(record["updated_at"] for record in held)[-5]
    found = api.ids("/sales_invoices", updated_or_created_since=stamp)
    assert found == [record["id"] for record in held if record["updated_at"] >= stamp]


@pytest.mark.parametrize(
    "written",
    ["2025-06-01T02:00:00+02:00", "2025-06-01T00:00:00.000Z", "2025-06-01"],
)
def test_times_are_understood_with_offset_fraction_or_none(api: Api, written: str) -> None:
    plain = api.ids("/ledger_entries", updated_or_created_since="2025-06-01T00:00:00Z")
    assert plain == api.ids("/ledger_entries", updated_or_created_since=written)


@pytest.mark.parametrize("name", ["updated_or_created_since", "deleted_since", "from_date"])
def test_time_that_is_none_is_refused(api: Api, name: str) -> None:
    refused = api.get("/sales_invoices", **{name: "yesterday"})
    assert codes(refused) == (422, "RecordInvalid", [name])


def deleted(api: Api, name: str) -> dict[str, Any]:
    return api.sandbox.state.businesses[api.business].collections[name].deleted


def test_deletions_are_tombstones_alone(api: Api) -> None:
    found = api.items("/sales_invoices", deleted_since="2020-01-01", attributes="deleted_at")
    assert {item["id"] for item in found} == set(deleted(api, "sales_invoices"))
    assert all(item["deleted_at"] for item in found)


def test_deletions_since_a_second_exclude_that_second(api: Api) -> None:
    stamps = sorted(record["deleted_at"] for record in deleted(api, "contact_payments").values())
    found = api.items("/contact_payments", deleted_since=stamps[0], attributes="deleted_at")
    assert sorted(item["deleted_at"] for item in found) == [s for s in stamps if s > stamps[0]]


def test_deleted_records_are_in_no_other_list(api: Api) -> None:
    assert not set(api.ids("/sales_invoices")) & set(deleted(api, "sales_invoices"))
    key = next(iter(deleted(api, "sales_invoices")))
    assert api.get(f"/sales_invoices/{key}").status_code == 404


def test_changes_and_deletions_in_one_request_are_refused(api: Api) -> None:
    asked = {"updated_or_created_since": "2025-01-01", "deleted_since": "2025-01-01"}
    assert api.get("/contacts", **asked).status_code == 422


def in_2025(record: dict[str, Any]) -> bool:
    return bool("2025-02-01" <= record["date"] <= "2025-02-28")


FILTERED: list[tuple[str, dict[str, str], Callable[[dict[str, Any]], bool]]] = [
    ("ledger_entries", {"from_date": "2025-02-01", "to_date": "2025-02-28"}, in_2025),
    ("contacts", {"contact_type_id": "VENDOR"}, lambda r: "VENDOR" in [t["id"] for t in r["contact_types"]]),
    ("sales_invoices", {"status_id": "PAID"}, lambda r: r["status"]["id"] == "PAID"),
    ("sales_invoices", {"search": "si-1"}, lambda r: "SI-1" in r["invoice_number"]),
    ("ledger_accounts", {"visible_in": "sales"}, lambda r: r["visible_in_sales"]),
    ("ledger_accounts", {"show_control_accounts": "false"}, lambda r: not r["is_control_account"]),
    ("ledger_accounts", {"ledger_account_type_id": "BANK"}, lambda r: r["ledger_account_type"]["id"] == "BANK"),
    ("transactions", {"transaction_type_id": "JOURNAL"}, lambda r: r["transaction_type"]["id"] == "JOURNAL"),
    ("transactions", {"updated_from_date": "2025-03-01", "updated_to_date": "2025-03-31"}, lambda r: r["updated_at"][:7] == "2025-03"),
    ("products", {"active": "true"}, lambda r: r["active"]),
    ("contacts", {"exclude_system": "true"}, lambda r: not r["system"]),
    ("contacts", {"filter_inactive_contacts": "false"}, lambda r: "is_active" in r),
    ("bank_accounts", {"filter_inactive_bank_accounts": "true"}, lambda r: r["is_active"]),
    ("stock_items", {"out_of_stock": "true"}, lambda r: r["quantity_in_stock"] <= 0),
]  # fmt: skip


@pytest.mark.parametrize(("name", "asked", "holds"), FILTERED)
def test_filter_selects_what_it_says(
    api: Api, name: str, asked: dict[str, str], holds: Callable[[dict[str, Any]], bool]
) -> None:
    expected = [key for key, record in api.held(name).items() if holds(record)]
    assert api.ids(f"/{name}", **asked) == expected[:200]


def test_entries_are_found_by_the_type_of_their_transaction(api: Api) -> None:
    found = api.items("/ledger_entries", transaction_type_id="JOURNAL", attributes="transaction")
    types = {
        api.held("transactions")[entry["transaction"]["id"]]["transaction_type"]["id"]
        for entry in found
    }
    assert types == {"JOURNAL"}


def test_documents_with_attachments_are_those_that_attachments_name(api: Api) -> None:
    named = {a["attachment_context"]["id"] for a in api.held("attachments").values()}
    found = set(api.ids("/purchase_invoices", has_attachments="true"))
    assert found
    assert found <= named


def test_flag_that_is_neither_true_nor_false_is_refused(api: Api) -> None:
    assert codes(api.get("/products", active="yes")) == (422, "RecordInvalid", ["active"])


# --- reads with a side effect


def test_read_by_id_marks_a_sales_document_as_sent(api: Api) -> None:
    key = next(key for key, record in api.held("sales_invoices").items() if not record["sent"])
    api.json(f"/sales_invoices/{key}", mark_as_sent="false")
    assert not api.held("sales_invoices")[key]["sent"]
    assert api.json(f"/sales_invoices/{key}")["sent"]
    assert api.held("sales_invoices")[key]["sent"]
    assert [mark.id for mark in api.sandbox.state.marked_as_sent].count(key) == 1


def test_lists_mark_nothing_as_sent(api: Api) -> None:
    before = len(api.sandbox.state.marked_as_sent)
    api.items("/sales_invoices", attributes="all")
    assert len(api.sandbox.state.marked_as_sent) == before
