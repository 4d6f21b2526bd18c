"""The catalogue's surprising rows, so that a regeneration can not lose them unseen."""

from __future__ import annotations

import pytest

from sage_accounting.catalogue import Collection, load_catalogue, load_fields

CATALOGUE = load_catalogue()


def test_at_least_85_collections_are_listed() -> None:
    assert len(CATALOGUE) >= 85


def test_calculator_and_migration_tool_are_never_read() -> None:
    assert {c.name for c in CATALOGUE.values() if c.read == "never"} == {
        "tax_determinations",
        "migrations",
        "user",
    }


def test_changes_are_listed_by_38_collections_and_deletions_by_23() -> None:
    assert sum(c.updated_since for c in CATALOGUE.values()) == 38
    assert sum(c.deleted_since for c in CATALOGUE.values()) == 23


def test_14_collections_can_be_sorted_by_creation() -> None:
    assert sum("created_at" in c.sort for c in CATALOGUE.values()) == 14


@pytest.mark.parametrize("name", ["ledger_entries", "transactions"])
def test_deleted_ledger_rows_stay_flagged(name: str) -> None:
    assert CATALOGUE[name].soft_delete == "deleted"
    assert not CATALOGUE[name].deleted_since
    assert CATALOGUE[name].dated


@pytest.mark.parametrize(
    "name", ["sales_invoices", "sales_credit_notes", "sales_corrective_invoices"]
)
def test_reading_a_sales_document_by_id_never_marks_it_as_sent(name: str) -> None:
    assert CATALOGUE[name].item_parameters["mark_as_sent"] == "false"
    assert CATALOGUE[name].delete == "void"


def test_only_three_collections_mark_as_sent() -> None:
    assert sum("mark_as_sent" in c.item_parameters for c in CATALOGUE.values()) == 3


@pytest.mark.parametrize(
    ("name", "offered", "refused"),
    [
        ("journal_codes", "FR", "GB"),
        ("sales_corrective_invoices", "ES", "FR"),
        ("sales_credit_notes", "DE", "ES"),
        ("cis_settings", "GB", "IE"),
        ("migration_tax_returns", "IE", "US"),
        ("datev_settings", "DE", "GB"),
        ("tax_schemes", "DE", "US"),
    ],
)
def test_country_gates(name: str, offered: str, refused: str) -> None:
    assert CATALOGUE[name].offered_in(offered)
    assert not CATALOGUE[name].offered_in(refused)


def test_invoices_are_offered_everywhere() -> None:
    assert all(
        CATALOGUE["sales_invoices"].offered_in(c)
        for c in ("GB", "IE", "US", "CA", "FR", "ES", "DE")
    )


def test_tax_rates_come_with_their_history() -> None:
    assert CATALOGUE["tax_rates"].complete["include_historical_data"] == "true"
    assert set(CATALOGUE["tax_rates"].children) == {"percentages", "component_tax_rates"}


def test_nested_attributes_on_lists_exist_for_contacts_and_bank_accounts_only() -> None:
    assert {c.name for c in CATALOGUE.values() if "nested_attributes" in c.complete} == {
        "contacts",
        "bank_accounts",
    }


@pytest.mark.parametrize(
    "name", ["exchange_rates", "business_exchange_rates", "live_exchange_rates"]
)
def test_exchange_rates_are_keyed_by_their_currencies(name: str) -> None:
    assert CATALOGUE[name].key == ("currency__id", "base_currency__id")


def test_settings_are_singletons_without_a_key() -> None:
    singletons = {c.name for c in CATALOGUE.values() if c.kind == "singleton"}
    assert singletons >= {"business_settings", "financial_settings", "email_settings"}
    assert all(CATALOGUE[name].key == () for name in singletons)


def test_five_posted_collections_are_not_idempotent() -> None:
    posted = [c for c in CATALOGUE.values() if c.post_namespace]
    assert sum(c.idempotent for c in posted) == 34
    assert {c.name for c in posted if not c.idempotent} == {
        "attachments",
        "purchase_corrective_invoices",
        "sales_corrective_invoices",
        "analysis_type_categories",
        "tax_rates",
    }


@pytest.mark.parametrize("collection", CATALOGUE.values(), ids=lambda c: c.name)
def test_parameters_that_complete_a_record_are_known_to_the_list(collection: Collection) -> None:
    assert set(collection.complete) <= collection.parameters


@pytest.mark.parametrize("collection", CATALOGUE.values(), ids=lambda c: c.name)
def test_every_model_has_fields(collection: Collection) -> None:
    assert collection.name == "trial_balance" or load_fields()[collection.model]


def test_every_field_has_a_known_type() -> None:
    models, scalars = load_fields(), {"text", "decimal", "rate", "integer", "boolean", "date"}
    for fields in models.values():
        for kind in fields.values():
            assert kind.removesuffix("[]") in {*scalars, "timestamp", *models}
