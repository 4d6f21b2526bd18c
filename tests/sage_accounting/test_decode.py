"""Page bytes to records: exact numbers, Sage's spellings, fields that come and go."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_accounting.catalogue import load_catalogue
from sage_accounting.client import Answer, MalformedBodyError
from sage_accounting.decode import Decoder, Page
from sage_accounting.errors import Place
from sage_accounting.flatten import Tables, flatten

INVOICES = load_catalogue()["sales_invoices"]
NOW = datetime(2026, 5, 1, 9, 30, tzinfo=UTC)


def answer(body: bytes) -> Answer:
    return Answer(body, Place("sales_invoices", "b1"), NOW)


def envelope(*items: dict[str, Any]) -> bytes:
    return json.dumps({"$total": len(items), "$page": 1, "$next": None, "$items": items}).encode()


def decoded(*bodies: bytes, name: str = "sales_invoices") -> Tables:
    collection = load_catalogue()[name]
    decoder = Decoder(collection)
    pages = [decoder.read_page(answer(body)) for body in bodies]
    return flatten(collection, "b1", decoder.shape, [page.items for page in pages])


def row(item: dict[str, Any], name: str = "sales_invoices") -> dict[str, Any]:
    return decoded(envelope({"id": "1", **item}), name=name).root.to_pylist()[0]


@pytest.mark.parametrize("amount", ["110.0", "0.1", "-3.005", "12345678901234567890.12", "1e2"])
def test_amount_is_exact_as_number_and_as_text(amount: str) -> None:
    number = b'{"$items":[{"id":"1","total_amount":%s}]}' % amount.encode()
    text = b'{"$items":[{"id":"1","total_amount":"%s"}]}' % amount.encode()
    for body in (number, text):
        assert decoded(body).root.to_pylist()[0]["total_amount"] == Decimal(amount)


@given(st.decimals(min_value=-(10**20), max_value=10**20, places=12, allow_nan=False))
def test_any_amount_survives_the_decoder(amount: Decimal) -> None:
    body = b'{"$items":[{"id":"1","total_amount":%s}]}' % format(amount, "f").encode()
    assert decoded(body).root.to_pylist()[0]["total_amount"] == amount


def test_empty_text_is_null_in_amounts_dates_times_and_flags() -> None:
    found = row({"total_amount": "", "date": "", "created_at": "", "sent": "", "notes": ""})
    assert found["notes"] == ""
    assert [found[f] for f in ("total_amount", "date", "created_at", "sent")] == [None] * 4


def test_dates_and_times_have_their_types() -> None:
    found = row({"date": "2026-05-01T00:00:00", "created_at": "2026-05-01T09:30:00+02:00"})
    assert found["date"] == date(2026, 5, 1)
    assert found["created_at"] == datetime(2026, 5, 1, 7, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [("2026-05-01", datetime(2026, 5, 1, tzinfo=UTC)), ("2026-05-01T09:30:00", NOW)],
)
def test_time_without_zone_is_taken_as_utc(text: str, moment: datetime) -> None:
    assert row({"created_at": text})["created_at"] == moment


def test_number_where_text_is_declared_is_kept_as_text() -> None:
    assert row({"reference": 4711})["reference"] == "4711"


def test_flag_as_text_is_a_flag() -> None:
    assert row({"sent": "true"})["sent"] is True


def test_null_field_has_its_declared_type() -> None:
    schema = decoded(envelope({"id": "1", "deleted_at": None, "total_amount": None})).root.schema
    assert schema.field("deleted_at").type == pa.timestamp("us", "UTC")
    assert pa.types.is_decimal(schema.field("total_amount").type)


def test_unknown_field_becomes_a_column_without_a_float() -> None:
    found = row({"green_levy": 0.1, "approved_at": "2026-05-01T09:30:00Z", "levy_name": "x"})
    assert found["green_levy"] == Decimal("0.1")
    assert found["levy_name"] == "x"
    assert found["approved_at"] == NOW


def test_field_that_starts_on_a_later_page_is_kept() -> None:
    tables = decoded(envelope({"id": "1"}), envelope({"id": "2", "levy": 5}))
    assert tables.root.column("levy").to_pylist() == [None, Decimal(5)]


@pytest.mark.parametrize("later", [{"a": 1}, [{"a": 1}], "2026-05-01", 1.5, True])
def test_field_that_was_null_until_a_later_page_is_kept(later: object) -> None:
    tables = decoded(
        envelope({"id": "1", "levy_date": None}), envelope({"id": "2", "levy_date": later})
    )
    assert tables.root.num_rows == 2
    assert {"levy_date", "levy_date__a"} & {*tables.root.column_names, *tables.children}


def test_exchange_rate_keeps_seventeen_digits() -> None:
    assert row({"exchange_rate": 0.8547008547008547})["exchange_rate"] == Decimal(
        "0.8547008547008547"
    )


def test_nested_object_flattens_and_dollar_names_lose_the_dollar() -> None:
    found = row({"$path": "/p", "contact": {"id": "c", "$path": "/contacts/c"}})
    assert found["path"] == "/p"
    assert found["contact__id"] == "c"
    assert found["contact__path"] == "/contacts/c"


def test_children_and_grandchildren_carry_their_keys() -> None:
    lines = [
        {"id": "l0", "net_amount": 1, "tax_breakdown": [{"amount": 1}, {"amount": 2}]},
        {"id": "l1", "net_amount": 2, "tax_breakdown": []},
        {"id": "l2", "net_amount": 3, "tax_breakdown": [{"amount": 3}]},
    ]
    tables = decoded(
        envelope({"id": "1", "invoice_lines": []}, {"id": "2", "invoice_lines": lines})
    )
    rows = tables.children["invoice_lines"].to_pylist()
    assert [(r["_root_id"], r["_list_idx"], r["id"]) for r in rows] == [
        ("2", 0, "l0"),
        ("2", 1, "l1"),
        ("2", 2, "l2"),
    ]
    taxes = tables.children["invoice_lines__tax_breakdown"].to_pylist()
    assert [(t["_root_id"], t["_parent_list_idx"], t["_list_idx"]) for t in taxes] == [
        ("2", 0, 0),
        ("2", 0, 1),
        ("2", 2, 0),
    ]


def test_list_of_scalars_has_a_value_column() -> None:
    tables = decoded(envelope({"id": "1", "visible_scopes": ["sales"]}), name="ledger_accounts")
    assert tables.children["visible_scopes"].to_pylist() == [
        {"business_id": "b1", "_root_id": "1", "_list_idx": 0, "value": "sales"}
    ]


def test_singleton_is_one_record_keyed_by_its_business() -> None:
    tables = decoded(b'{"tax_number":"1","year_end_date":"2026-12-31"}', name="financial_settings")
    assert tables.record_ids.to_pylist() == ["b1"]
    assert tables.root.to_pylist()[0]["year_end_date"] == date(2026, 12, 31)


def test_exchange_rate_record_is_keyed_by_its_currencies() -> None:
    pair = {"currency": {"id": "EUR"}, "base_currency": {"id": "GBP"}, "rate": 1.17}
    assert decoded(envelope(pair), name="exchange_rates").record_ids.to_pylist() == ["EUR/GBP"]


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b'{"$items":[{"id":"1"}', b'{"$items":[{"id":"1}]}', b'{"$items":["\xff"]}',
     b'{"$items":[{"id":"1"}]}{"a":1}', b'{"error":"x"}', b'"text"'],
)  # fmt: skip
def test_cut_off_or_foreign_body_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedBodyError):
        Decoder(INVOICES).read_page(answer(body))


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("total_amount", "twelve", "twelve"),
        ("sent", "perhaps", "perhaps"),
        ("date", "soon", "soon"),
        ("created_at", "2026-02-30T00:00:00Z", "2026-02-30T00:00:00Z"),
        ("total_amount", {"value": 12}, '{"value": 12}'),
        ("contact", "Smith", "Smith"),
    ],
)
def test_value_that_does_not_fit_its_type_is_kept_as_text_beside_it(
    field: str, value: Any, text: str
) -> None:
    sound = {"id": "1", "total_amount": 12.5, "sent": True, "date": "2026-05-01"}
    rows = decoded(envelope(sound, {"id": "2", field: value})).root.to_pylist()
    assert rows[1][f"{field}__v_text"] == text
    assert rows[1].get(field) is None
    assert (rows[0]["total_amount"], rows[0]["date"]) == (Decimal("12.5"), date(2026, 5, 1))


def test_misfit_in_a_line_stays_with_its_line() -> None:
    lines = [{"id": "l1", "quantity": 1}, {"id": "l2", "quantity": "two"}]
    tables = decoded(envelope({"id": "1", "invoice_lines": lines}))
    found = tables.children["invoice_lines"].to_pylist()
    assert [row["quantity__v_text"] for row in found] == [None, "two"]


def test_bare_array_is_a_list() -> None:
    assert decoded(b'[{"id":"1"},{"id":"2"}]').root.num_rows == 2


def test_pretty_printed_page_is_read() -> None:
    body = json.dumps({"$items": [{"id": "1", "notes": "a\nb"}]}, indent=2).encode()
    assert decoded(body).root.to_pylist()[0]["notes"] == "a\nb"


scalars = st.one_of(st.none(), st.text(max_size=8), st.booleans(), st.integers(-9, 9))


@given(st.lists(st.fixed_dictionaries({}, optional={
    "notes": st.one_of(st.none(), st.text(max_size=8)),
    "sent": st.one_of(st.none(), st.booleans(), st.sampled_from(["true", "false", ""])),
    "total_amount": st.one_of(st.none(), st.just(""), st.decimals(-99, 99, places=2).map(str)),
    "contact": st.one_of(st.none(), st.fixed_dictionaries({"id": st.text(max_size=3)})),
    "mystery": scalars,
    "invoice_lines": st.lists(st.fixed_dictionaries({"net_amount": st.integers(0, 9)}), max_size=3),
}), max_size=6))  # fmt: skip
def test_fast_and_forgiving_way_agree(records: list[dict[str, Any]]) -> None:
    """Whatever mix of spellings, the decoder neither drops a record nor a child."""
    items = [{"id": str(i), **record} for i, record in enumerate(records)]
    page: Page
    decoder = Decoder(INVOICES)
    page = decoder.read_page(answer(envelope(*items)))
    tables = flatten(INVOICES, "b1", decoder.shape, [page.items])
    assert tables.root.num_rows == len(items)
    for item, found in zip(items, tables.root.to_pylist(), strict=True):
        amount = item.get("total_amount")
        assert found.get("total_amount") == (Decimal(amount) if amount else None)
        assert found.get("notes") == item.get("notes")
        assert found.get("contact__id") == (item.get("contact") or {}).get("id")
    lines = sum(len(item.get("invoice_lines", ())) for item in items)
    found_lines = tables.children.get("invoice_lines")
    assert (found_lines.num_rows if found_lines is not None else 0) == lines
