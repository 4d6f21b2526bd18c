"""VAT returns: the vectors, rounding, and what is in no box."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sage_unified import InputError, vat_return
from sage_unified.rules import rule_table

VECTORS = Path(__file__).parents[2] / "vectors" / "vat_returns.json"
CASES = json.loads(VECTORS.read_text(encoding="utf-8"), parse_float=Decimal)
BOX_TABLE = rule_table("vat_boxes")


def boxes(lines: pl.DataFrame, country: str, agency: str | None = None) -> dict[str, Decimal]:
    return dict(vat_return(lines, country, agency).iter_rows())


def frame(*lines: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(lines, infer_schema_length=None, strict=False)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["id"]))
def test_vector(case: dict[str, Any]) -> None:
    found = boxes(frame(*case["lines"]), case["country"], case.get("agency"))
    assert {box: found[box] for box in case["expected"]} == {
        box: Decimal(amount) for box, amount in case["expected"].items()
    }, case["description"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["id"]))
def test_boxes_that_a_vector_does_not_name_are_empty(case: dict[str, Any]) -> None:
    found = boxes(frame(*case["lines"]), case["country"], case.get("agency"))
    assert not {box for box, amount in found.items() if amount and box not in case["expected"]}


@pytest.mark.parametrize("country", BOX_TABLE["country"].unique().sort().to_list())
def test_every_box_but_the_users_own_is_given_in_order(country: str) -> None:
    listed = BOX_TABLE.filter(pl.col("country") == country, pl.col("kind") != "manual")
    assert vat_return(pl.DataFrame(), country)["box"].to_list() == listed["box"].to_list()


def test_return_without_lines_is_zero() -> None:
    assert set(vat_return(pl.DataFrame(), "GB")["amount"]) == {Decimal(0)}


SALE = {"direction": "sale", "rate": "20", "net": "100.50", "tax": "20.10"}


def test_absent_columns_are_a_plain_domestic_line() -> None:
    found = boxes(frame(SALE), "GB")
    assert (found["1"], found["6"]) == (Decimal("20.10"), Decimal(100))


def test_line_of_unknown_scope_is_in_no_box() -> None:
    assert set(boxes(frame({**SALE, "vat_scope": None}), "GB").values()) == {Decimal(0)}


def test_whole_down_goes_towards_zero_on_both_signs() -> None:
    credit = {**SALE, "net": "-100.99", "tax": "-20.20", "doc": "credit_note"}
    assert boxes(frame(credit), "GB")["6"] == Decimal(-100)


def test_half_a_cent_goes_away_from_zero() -> None:
    line = {"direction": "purchase", "rate": "20", "net": "1", "tax": "0.01"}
    half = {**line, "recoverable_share": "0.5"}
    assert boxes(frame(half), "GB")["4"] == Decimal("0.01")


def test_calculated_box_uses_rounded_boxes() -> None:
    lines = [
        {"direction": "sale", "rate": rate, "net": "10", "tax": "0.50"} for rate in ("20", "10")
    ]
    found = boxes(frame(*lines), "FR")
    assert (found["08"], found["9B"], found["16"]) == (Decimal(1), Decimal(1), Decimal(2))


def test_spanish_credit_note_does_not_reduce_the_boxes_of_invoices() -> None:
    credit = {
        "direction": "sale",
        "rate": "21",
        "net": "-10",
        "tax": "-2.1",
        "doc": "credit_note",
    }
    found = boxes(frame(credit), "ES")
    assert (found["07"], found["14"], found["15"]) == (Decimal(0), Decimal(-10), Decimal("-2.1"))


def test_agency_takes_only_its_lines() -> None:
    lines = [{**SALE, "agency": agency} for agency in ("STATE", "CITY", None)]
    assert boxes(frame(*lines), "US", "STATE")["gross_sales"] == Decimal("100.50")


def test_country_without_a_return_is_an_error() -> None:
    with pytest.raises(InputError, match="'XX'"):
        vat_return(frame(SALE), "XX")


cents = st.decimals(-(10**6), 10**6, places=2)
scopes = st.sampled_from(["domestic", "domestic_rc", "eu", "row", "import", "import_pva"])


@settings(max_examples=30)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "direction": st.sampled_from(["sale", "purchase"]),
                "vat_scope": scopes,
                "supply": st.sampled_from(["goods", "services", "capital"]),
                "rate": st.sampled_from(["20", "5", "0"]),
                "net": cents.map(str),
                "tax": cents.map(str),
            }
        ),
        min_size=1,
        max_size=20,
    )
)
def test_british_net_tax_is_output_less_input(lines: list[dict[str, Any]]) -> None:
    found = boxes(frame(*lines), "GB")
    charged = {"sale": Decimal(0), "purchase": Decimal(0)}
    for line in lines:
        charged[line["direction"]] += Decimal(line["tax"])
    assert found["5"] == abs(charged["sale"] - charged["purchase"])
