"""After a sync the raw schema equals what the server holds, whatever happened in between."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from shell import User, new_user

from sage_accounting.catalogue import load_catalogue
from sage_sandbox.server import running_sandbox

if TYPE_CHECKING:
    from sage_sandbox.state import LoggedRequest
    from sage_sandbox.store import Collection


def business_ids(user: User) -> list[str]:
    return list(user.sandbox.state.businesses)


@dataclass(frozen=True)
class First:
    """A first sync: whose, its report, and what the server was asked for it."""

    user: User
    report: dict[str, Any]
    requests: list[LoggedRequest]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[First]:
    with running_sandbox(countries=("GB", "ES"), invoices=30, seed=3) as running:
        somebody = new_user(tmp_path_factory.mktemp("first") / "user", running)
        somebody.connect()
        report = somebody.sync()
        yield First(somebody, report, list(running.state.request_log))


def test_every_table_equals_the_server_record_by_record(first: First) -> None:
    assert first.report["status"] == "ok"
    assert first.user.differences(business_ids(first.user)) == []


def test_second_sync_after_edits_and_deletions_equals_the_server_again(signed_in: User) -> None:
    signed_in.sync()
    for business_id in business_ids(signed_in):
        live_edits(signed_in, business_id)
    signed_in.sync()
    assert signed_in.differences(business_ids(signed_in)) == []


def live_edits(user: User, business_id: str) -> None:
    """Adds, changes and deletions over the control path."""
    books = user.sandbox.state.businesses[business_id].collections
    sales, purchases = unpaid(books["sales_invoices"]), unpaid(books["purchase_invoices"])
    for edit in (
        {"op": "add_invoice"},
        {"op": "add_payment"},
        {"op": "change_document", "resource": "sales_invoices", "id": sales[0]},
        {"op": "delete", "resource": "purchase_invoices", "id": purchases[0]},
        {"op": "void", "resource": "sales_invoices", "id": sales[1]},
        {"op": "delete", "resource": "attachments", "id": next(iter(books["attachments"].live))},
    ):
        user.sandbox.control("edit", business=business_id, **edit)


def unpaid(invoices: Collection) -> list[str]:
    """Ids of invoices that nothing was paid on, so that they can be voided or deleted."""
    return [key for key, record in invoices.live.items() if record["status"]["id"] == "UNPAID"]


def test_second_sync_without_changes_loads_nothing(first: First) -> None:
    report = first.user.sync()
    loaded = {
        (business_id, name): resource["rows"]
        for business_id, business in report["businesses"].items()
        for name, resource in business["resources"].items()
        if resource["rows"]
    }
    assert loaded == {}


def test_sync_asks_once_which_businesses_there_are(first: First) -> None:
    first.user.sync()
    before = len(first.user.sandbox.state.request_log)
    first.user.sync()
    asked = first.user.sandbox.state.request_log[before:]
    assert [entry.path for entry in asked].count("/v3.1/businesses") == 1


def test_no_request_lacks_its_business(first: First) -> None:
    account_level = ("/businesses", "/user")
    for entry in first.requests:
        if entry.path.startswith("/v3.1") and not entry.path.startswith(
            tuple(f"/v3.1{path}" for path in account_level)
        ):
            assert entry.business, entry


def test_full_sync_costs_hardly_more_than_one_request_a_page(first: First) -> None:
    least = 1  # the list of businesses
    for business in first.user.sandbox.state.businesses.values():
        for collection in load_catalogue().values():
            if collection.kind in ("list", "singleton") and collection.read == "default":
                held = business.collections.get(collection.name)
                if held is not None:
                    least += max(1, math.ceil(len(held) / 200))
    assert first.report["requests"] <= 1.05 * least


def test_lead_business_that_changes_in_mid_air_mixes_nothing(signed_in: User) -> None:
    first, second = business_ids(signed_in)
    signed_in.sync("--business", first)
    signed_in.sandbox.control("lead", business=second)
    signed_in.sync("--business", first)
    assert signed_in.differences([first]) == []


def test_added_field_that_changes_its_kind_is_kept_beside_the_old_one(signed_in: User) -> None:
    business_id = business_ids(signed_in)[0]
    contact = next(
        iter(signed_in.sandbox.state.businesses[business_id].collections["contacts"].live)
    )
    for value in (12.5, "soon", True):
        signed_in.sandbox.control(
            "edit",
            business=business_id,
            op="change",
            resource="contacts",
            id=contact,
            fields={"levy_class": value},
        )
        signed_in.sync("--resource", "contacts")
    with duckdb.connect(str(signed_in.warehouse), read_only=True) as connection:
        row = connection.execute(
            "SELECT levy_class, levy_class__v_text, levy_class__v_bool FROM sage.sage.contacts "
            "WHERE id = ?",
            [contact],
        ).fetchone()
    assert row == (None, None, True)


def test_children_that_lists_leave_out_are_read_by_id(signed_in: User) -> None:
    hidden = ["sales_invoices", "contact_payments", "journals"]
    signed_in.sandbox.control("hide_children", resources=hidden)
    for name in hidden:
        signed_in.sync("--resource", name)
    signed_in.sandbox.control("hide_children", resources=[])
    found = signed_in.differences(business_ids(signed_in))
    assert [line for line in found if line.startswith(tuple(hidden))] == []
    assert signed_in.sandbox.state.marked_as_sent == []
