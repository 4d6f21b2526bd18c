"""Aged receivables and payables: the vectors again, through the tables, and every month end."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sage_unified.marts.aged_balances import aged_balances
from sage_unified.marts.ageing import UNPOSTED

Table = Callable[..., pl.LazyFrame]

VECTORS = Path(__file__).parents[2] / "vectors" / "aged_items.json"
CASES = [
    case
    for case in json.loads(VECTORS.read_text(encoding="utf-8"), parse_float=Decimal)
    if case.get("basis", "due_date") == "due_date"
]
LOAD_DATE = date(2024, 4, 10)


def is_payment(document: dict[str, Any]) -> bool:
    return "payment" in document["kind"] or "receipt" in document["kind"]


def as_document(document: dict[str, Any]) -> dict[str, Any]:
    sign = -1 if "credit" in document["kind"] else 1
    total, base = document["total"], document.get("base_total", document["total"])
    return {
        "document_id": document["id"],
        "date": date.fromisoformat(document["date"]),
        "due_date": document.get("due_date") and date.fromisoformat(document["due_date"]),
        "total_amount": sign * Decimal(total),
        "base_total_amount": sign * Decimal(base),
        "is_posted": document.get("status", "").lower() not in UNPOSTED,
    }


def as_payment(document: dict[str, Any]) -> dict[str, Any]:
    total = Decimal(document["total"])
    return {
        "payment_id": f"of {document['id']}",
        "payment_on_account_id": document["id"],
        "date": date.fromisoformat(document["date"]),
        "amount": total,
        "base_amount": Decimal(document.get("base_total", total)),
    }


def as_allocations(allocation: dict[str, Any]) -> list[dict[str, Any]]:
    usual = {
        "source_kind": "allocation",
        "date": date.fromisoformat(allocation["date"]),
        "amount": allocation["amount"],
    }
    discount = allocation.get("discount", 0)
    return [
        {**usual, "document_id": allocation["to"], "discount": discount},
        {**usual, "document_id": allocation["from"]},
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["id"]))
def test_vector(unified: Table, case: dict[str, Any]) -> None:
    unposted = {d["id"] for d in case["documents"] if d.get("status", "").lower() in UNPOSTED}
    day = date.fromisoformat(case["as_of"])
    found = aged_balances(
        unified("fct_document", *(as_document(d) for d in case["documents"] if not is_payment(d))),
        unified(
            "fct_payment",
            *(
                as_payment(d)
                for d in case["documents"]
                if is_payment(d) and d["id"] not in unposted
            ),
        ),
        unified(
            "fct_payment_allocation",
            *(
                row
                for allocation in case["allocations"]
                if not {allocation["from"], allocation["to"]} & unposted
                for row in as_allocations(allocation)
            ),
        ),
        "sale",
        day,
    ).collect()
    today = found.filter(pl.col("as_of") == day)
    sums = dict(today.group_by("bucket").agg(pl.col("base_outstanding").sum()).iter_rows())
    sums["total"] = today["base_outstanding"].sum()
    assert {name: sums.get(name, 0) for name in case["expected"]} == {
        name: Decimal(amount) for name, amount in case["expected"].items()
    }, case["description"]


def open_on(
    unified: Table,
    documents: list[dict[str, Any]],
    allocations: list[dict[str, Any]] | None = None,
    payments: list[dict[str, Any]] | None = None,
    direction: Any = "sale",
) -> list[tuple[Any, ...]]:
    found = aged_balances(
        unified("fct_document", *documents),
        unified("fct_payment", *(payments or [])),
        unified("fct_payment_allocation", *(allocations or [])),
        direction,
        LOAD_DATE,
    ).collect()
    return found.select("as_of", "document_id", "base_outstanding").rows()


INVOICE = {"document_id": "inv", "date": date(2024, 1, 10), "total_amount": "100"}
MONTHS = [date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 31), LOAD_DATE]


def test_open_item_stands_in_every_month_end_and_today(unified: Table) -> None:
    assert [row[0] for row in open_on(unified, [INVOICE])] == MONTHS


def test_paid_item_stands_in_no_later_month(unified: Table) -> None:
    paid = {"document_id": "inv", "date": date(2024, 2, 29), "amount": "100"}
    assert [row[0] for row in open_on(unified, [INVOICE], [paid])] == MONTHS[:1]


def test_item_is_open_by_what_was_paid_until_then(unified: Table) -> None:
    part = {"document_id": "inv", "date": date(2024, 3, 1), "amount": "30"}
    assert [row[2] for row in open_on(unified, [INVOICE], [part])] == [100, 100, 70, 70]


def test_deleted_payment_pays_nothing(unified: Table) -> None:
    gone = {"document_id": "inv", "date": date(2024, 1, 20), "amount": "100"}
    gone["deleted_at"] = pl.Series([LOAD_DATE]).cast(pl.Datetime("us", "UTC")).item()
    assert [row[2] for row in open_on(unified, [INVOICE], [gone])] == [100] * 4


def test_today_a_foreign_item_is_open_by_what_sage_says(unified: Table) -> None:
    part = {"document_id": "inv", "date": date(2024, 3, 1), "amount": "30"}
    foreign = {
        **INVOICE,
        "base_total_amount": "85.55",
        "outstanding_amount": "70",
        "base_outstanding_amount": "59.88",
    }
    assert open_on(unified, [foreign], [part])[-2:] == [
        (date(2024, 3, 31), "inv", Decimal("59.89")),
        (LOAD_DATE, "inv", Decimal("59.88")),
    ]


def test_payment_leaves_on_account_what_it_does_not_allocate(unified: Table) -> None:
    payment = {
        "payment_id": "p",
        "payment_on_account_id": "acc",
        "date": date(2024, 4, 1),
        "amount": "50",
        "base_amount": "50",
    }
    spent = {"document_id": "inv", "source_id": "p", "date": date(2024, 4, 1), "amount": "20"}
    assert open_on(unified, [INVOICE], [spent], [payment])[-2:] == [
        (LOAD_DATE, "acc", Decimal(-30)),
        (LOAD_DATE, "inv", Decimal(80)),
    ]


def test_what_is_owed_to_a_supplier_is_positive(unified: Table) -> None:
    bill = {**INVOICE, "direction": "purchase"}
    payment = {
        "payment_id": "p",
        "payment_kind": "vendor_payment",
        "payment_on_account_id": "acc",
        "date": date(2024, 4, 1),
        "amount": "-5",
        "base_amount": "-5",
    }
    assert open_on(unified, [bill], None, [payment], "purchase")[-2:] == [
        (LOAD_DATE, "acc", Decimal(-5)),
        (LOAD_DATE, "inv", Decimal(100)),
    ]


def test_other_side_is_left_out(unified: Table) -> None:
    assert open_on(unified, [{**INVOICE, "direction": "purchase"}]) == []


def test_corrective_invoice_that_takes_away_shrinks_to_nothing(unified: Table) -> None:
    corrective = {**INVOICE, "document_id": "cor", "total_amount": "-40"}
    used = {"document_id": "cor", "date": date(2024, 2, 1), "amount": "40"}
    assert open_on(unified, [corrective], [used]) == [(date(2024, 1, 31), "cor", Decimal(-40))]
