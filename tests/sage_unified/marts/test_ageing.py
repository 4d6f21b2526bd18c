"""Ageing: the vectors, and what is open on a day."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sage_unified import InputError, aged_items

VECTORS = Path(__file__).parents[2] / "vectors" / "aged_items.json"
CASES = json.loads(VECTORS.read_text(encoding="utf-8"), parse_float=Decimal)
AS_OF = date(2024, 6, 30)


def frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, infer_schema_length=None)


def aged(
    documents: list[dict[str, Any]], *allocations: dict[str, Any], **options: Any
) -> dict[str, tuple[Decimal, int, str]]:
    found = aged_items(frame(documents), frame(list(allocations)), AS_OF, **options)
    return {row[0]: row[1:] for row in found.rows()}


def document(document_id: str, total: str, **columns: Any) -> dict[str, Any]:
    return {
        "id": document_id,
        "kind": "invoice",
        "date": date(2024, 5, 1),
        "due_date": date(2024, 5, 31),
        "total": total,
        **columns,
    }


def allocation(source: str, target: str, amount: str, **columns: Any) -> dict[str, Any]:
    return {"from": source, "to": target, "amount": amount, "date": date(2024, 6, 1), **columns}


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["id"]))
def test_vector(case: dict[str, Any]) -> None:
    found = aged_items(
        frame(case["documents"]),
        frame(case["allocations"]),
        case["as_of"],
        case.get("basis", "due_date"),
    )
    buckets: dict[str, Decimal] = {"total": Decimal(0)}
    for amount, bucket in found.select("base_outstanding", "bucket").iter_rows():
        buckets[bucket] = buckets.get(bucket, Decimal(0)) + amount
        buckets["total"] += amount
    assert buckets == {name: Decimal(amount) for name, amount in case["expected"].items()}, case[
        "description"
    ]


def test_item_shows_days_since_it_was_due() -> None:
    assert aged([document("i", "100")]) == {"i": (Decimal(100), 30, "d1_30")}


def test_item_not_yet_due_has_negative_days() -> None:
    later = document("i", "100", due_date=date(2024, 7, 10))
    assert aged([later])["i"] == (Decimal(100), -10, "current")


def test_discount_reduces_the_invoice_and_not_the_payment() -> None:
    documents = [document("i", "100"), document("p", "95", kind="payment")]
    assert aged(documents, allocation("p", "i", "90", discount="10")) == {
        "p": (Decimal(-5), 60, "d31_60")
    }


def test_foreign_item_is_open_pro_rata_of_its_base_total() -> None:
    foreign = document("i", "300", base_total="250")
    assert aged([foreign], allocation("p", "i", "200"))["i"][0] == Decimal("83.33")


def test_untouched_foreign_item_is_open_by_its_base_total() -> None:
    assert aged([document("i", "300", base_total="250.0050")])["i"][0] == Decimal("250.0050")


def test_overpaid_document_of_nothing_is_a_credit() -> None:
    nothing = document("i", "0", base_total="0")
    assert aged([nothing], allocation("p", "i", "5"))["i"][0] == Decimal(-5)


def test_credit_note_ages_by_its_own_date() -> None:
    credit = document("c", "10", kind="credit_note", due_date=date(2024, 6, 30))
    assert aged([credit])["c"] == (Decimal(-10), 60, "d31_60")


def test_voided_payment_pays_nothing() -> None:
    documents = [document("i", "100"), document("p", "100", kind="payment", status="VOID")]
    assert list(aged(documents, allocation("p", "i", "100"))) == ["i"]


def test_payment_that_is_not_listed_still_pays() -> None:
    assert aged([document("i", "100")], allocation("elsewhere", "i", "100")) == {}


def test_items_keep_the_order_of_the_documents() -> None:
    documents = [document(name, "1") for name in ("c", "a", "b")]
    assert list(aged(documents)) == ["c", "a", "b"]


def test_unknown_basis_is_an_error() -> None:
    with pytest.raises(InputError, match="paid_date"):
        aged([document("i", "1")], basis="paid_date")


def test_no_documents_give_no_items() -> None:
    assert aged_items(pl.DataFrame(), pl.DataFrame(), AS_OF).is_empty()


@settings(max_examples=40)
@given(
    totals=st.lists(st.integers(1, 10**8), min_size=1, max_size=6),
    allocated=st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(1, 10**6), st.integers(-9, 9)),
        max_size=8,
    ),
)
def test_allocation_moves_nothing_in_the_sum_of_all_items(
    totals: list[int], allocated: list[tuple[int, int, int, int]]
) -> None:
    def euro(cents: int) -> str:
        return str(Decimal(cents) / 100)

    invoices = [document(f"i{n}", euro(total)) for n, total in enumerate(totals)]
    payments = [document(f"p{n}", euro(t), kind="payment") for n, t in enumerate(totals)]
    allocations = [
        allocation(
            f"p{source % len(totals)}",
            f"i{target % len(totals)}",
            euro(cents),
            date=AS_OF + timedelta(days=days),
        )
        for source, target, cents, days in allocated
    ]
    assert sum(item[0] for item in aged(invoices + payments, *allocations).values()) == 0
