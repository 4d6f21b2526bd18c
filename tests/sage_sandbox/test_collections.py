"""The table of collections, against the books that every country has."""

from __future__ import annotations

import pytest

from sage_sandbox.books import generate_business
from sage_sandbox.collections import Endpoint, load_endpoints

COUNTRIES = ("CA", "DE", "ES", "FR", "GB", "IE", "US")
WITHOUT_RECORDS = {"migrations", "tax_determinations"}


def endpoints() -> list[Endpoint]:
    return list(load_endpoints().values())


def test_table_has_every_collection_of_the_specification() -> None:
    assert len(endpoints()) == 87
    assert [e.name for e in endpoints()] == sorted(e.name for e in endpoints())


@pytest.mark.parametrize("country", COUNTRIES)
def test_books_hold_exactly_what_their_country_is_offered(country: str) -> None:
    offered = {e.name for e in endpoints() if e.kind != "account" and e.offered_in(country)}
    held = generate_business(country, invoices=5, seed=1).business.collections
    assert set(held) == offered - WITHOUT_RECORDS


def test_only_lists_that_know_sort_have_attributes_to_sort_by() -> None:
    assert [e.name for e in endpoints() if bool(e.sort) != ("sort" in e.list_parameters)] == []


def test_fourteen_lists_can_be_sorted() -> None:
    assert sum(bool(e.sort) for e in endpoints()) == 14


def test_no_singleton_knows_a_parameter() -> None:
    singletons = [e for e in endpoints() if e.kind == "singleton"]
    assert [e.name for e in singletons if e.list_parameters or e.item_parameters] == []


def test_delete_means_void_for_sales_documents_alone() -> None:
    void = {e.name for e in endpoints() if e.deletion == "void"}
    assert void == {"sales_invoices", "sales_credit_notes", "sales_corrective_invoices"}


def test_required_fields_need_a_namespace() -> None:
    assert [e.name for e in endpoints() if e.required and not e.post_namespace] == []
