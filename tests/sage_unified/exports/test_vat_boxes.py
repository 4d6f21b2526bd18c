"""VAT returns as files: HMRC's body, the boxes of other countries, the lines behind them."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from dataclasses import replace
from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_unified.exports import vat_boxes
from sage_unified.exports.json_text import json_text
from sage_unified.exports.refusals import Business, ExportRefusedError, Period

QUARTER = Period(date(2025, 1, 1), date(2025, 3, 31))
HMRC_FIELDS = [
    "periodKey", "vatDueSales", "vatDueAcquisitions", "totalVatDue", "vatReclaimedCurrPeriod", "netVatDue",
    "totalValueSalesExVAT", "totalValuePurchasesExVAT", "totalValueGoodsSuppliedExVAT",
    "totalAcquisitionsExVAT", "finalised",
]  # fmt: skip
SUMS = {
    "direction": pl.String, "doc": pl.String, "vat_scope": pl.String, "supply": pl.String,
    "rate": pl.Decimal(9, 4), "rate_class": pl.String, "tax_type": pl.String, "agency": pl.String,
    "recoverable_share": pl.Decimal(9, 6), "net": pl.Decimal(38, 4), "tax": pl.Decimal(38, 4),
    "notional_tax": pl.Decimal(38, 4),
}  # fmt: skip


@pytest.fixture(scope="module")
def british(french: Business) -> Business:
    return replace(french, country="GB", base_currency="GBP")


def sums(*rows: tuple[str, int, int], agency: str | None = None) -> pl.DataFrame:
    """Lines of direction, net and tax in pennies."""
    return pl.DataFrame(
        [
            {
                "direction": direction, "doc": "invoice", "vat_scope": "domestic", "supply": "goods",
                "rate": Decimal(20), "rate_class": "standard", "tax_type": "VAT", "agency": agency,
                "recoverable_share": Decimal(1), "net": Decimal(net) / 100, "tax": Decimal(tax) / 100,
                "notional_tax": Decimal(0),
            }
            for direction, net, tax in rows
        ],
        schema=SUMS,
    )  # fmt: skip


@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["sale", "purchase"]), st.integers(-10**9, 10**9), st.integers(-10**8, 10**8)),
        max_size=8,
    )
)  # fmt: skip
def test_hmrc_takes_every_body_but_for_its_declaration(
    british: Business, rows: list[tuple[str, int, int]]
) -> None:
    body = vat_boxes.hmrc_body(vat_boxes.boxes(british, sums(*rows)), "18A1")
    read = json.loads(json_text(body), parse_float=Decimal)
    assert list(read) == HMRC_FIELDS
    assert read["finalised"] is False
    assert read["totalVatDue"] == read["vatDueSales"] + read["vatDueAcquisitions"]
    assert read["netVatDue"] == abs(read["totalVatDue"] - read["vatReclaimedCurrPeriod"])
    assert all(isinstance(read[name], int) for name in HMRC_FIELDS[6:10])
    assert all(-read[name].as_tuple().exponent == 2 for name in HMRC_FIELDS[1:6])


def test_pounds_are_cut_and_not_rounded(british: Business) -> None:
    body = vat_boxes.hmrc_body(vat_boxes.boxes(british, sums(("sale", 19999, 4000))), None)
    assert body["totalValueSalesExVAT"] == 199
    assert body["periodKey"] is None


def test_period_key_that_hmrc_never_gave_is_refused(british: Business) -> None:
    with pytest.raises(ExportRefusedError, match="4 characters"):
        vat_boxes.hmrc_body(vat_boxes.boxes(british, sums()), "2025Q1")


def test_agencies_of_the_states_have_a_return_each(british: Business) -> None:
    lines = pl.concat(
        [sums(("sale", 100, 8), agency="Texas"), sums(("sale", 300, 21), agency="Ohio")]
    )
    found = vat_boxes.boxes(replace(british, country="US"), lines)
    collected = found.filter(box="tax_collected").select("agency", "amount").rows()
    assert collected == [("Ohio", Decimal("0.21")), ("Texas", Decimal("0.08"))]


@pytest.mark.parametrize("country", ["IE", "US", "CA", "FR", "ES", "DE"])
def test_every_country_has_a_document_that_names_its_rules(british: Business, country: str) -> None:
    business = replace(british, country=country)
    found = vat_boxes.boxes(business, sums(("sale", 10000, 2000)))
    read = json.loads(json_text(vat_boxes.document(business, QUARTER, found)))
    assert read["rules_version"] == "2026.1"
    assert read["country"] == country
    assert len(read["boxes"]) == found.height


def test_line_stands_in_each_of_its_boxes_and_once_without(british: Business) -> None:
    text = {"box": "1", "amount": "20.0000"}, {"box": "6", "amount": "100.0000"}
    lines = pl.DataFrame(
        {
            **{name: [None, None] for name in vat_boxes.DETAIL_COLUMNS},
            "document_number": ['A,"1"\nB', "ñ"],
            "boxes": [json.dumps(list(text)), "[]"],
        },
        schema_overrides={"document_number": pl.String},
    )
    content = vat_boxes.detail_header() + vat_boxes.detail(lines)
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    by_box: dict[str, str] = defaultdict(str)
    for row in rows:
        by_box[row["box"]] = row["amount"]
    assert by_box == {"1": "20.0000", "6": "100.0000", "": ""}
    assert [row["document_number"] for row in rows] == ['A,"1" B', 'A,"1" B', "ñ"]
    assert {row["rules_version"] for row in rows} == {"2026.1"}
