"""``dim_tax_rate``: a document finds its row by its date, and the row says what the date says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from sage_unified import build, classify_tax_rates

LOAD_DATE = date(2024, 7, 1)
Books = Callable[..., dict[str, pl.LazyFrame]]
Row = dict[str, Any]


def rate(rate_id: str, **columns: Any) -> Row:
    return {"business_id": "b1", "id": rate_id, "name": "VAT", "percentage": Decimal(20), **columns}


def child(rate_id: str, index: int, **columns: Any) -> Row:
    return {"business_id": "b1", "_root_id": rate_id, "_list_idx": index, **columns}


def spans(rate_id: str, *periods: tuple[str, date | None, date | None]) -> list[Row]:
    return [
        child(rate_id, index, percentage=Decimal(percentage), from_date=start, to_date=end)
        for index, (percentage, start, end) in enumerate(periods)
    ]


def dimension(
    books: Books, rates: Sequence[Row], periods: Sequence[Row] = (), **tables: Any
) -> pl.DataFrame:
    tables = {"tax_rates__percentages": periods, **tables}
    return build(books(tax_rates=rates, **tables), LOAD_DATE)["unified", "dim_tax_rate"]


def days(frame: pl.DataFrame) -> list[tuple[Any, ...]]:
    return frame.select("percentage", "valid_from", "valid_to").rows()


def test_each_period_is_a_row(raw_books: Books) -> None:
    periods = spans(
        "GB_STANDARD",
        ("17.5", date(2010, 1, 1), date(2011, 1, 3)),
        ("20", date(2011, 1, 4), None),
    )
    assert days(dimension(raw_books, [rate("GB_STANDARD")], periods)) == [
        (Decimal("17.5"), date(2010, 1, 1), date(2011, 1, 3)),
        (Decimal(20), date(2011, 1, 4), date(9999, 12, 31)),
    ]


def test_overlap_is_cut_where_the_later_period_begins(raw_books: Books) -> None:
    periods = spans("GB_STANDARD", ("17.5", date(2010, 1, 1), None), ("20", date(2011, 1, 4), None))
    found = days(dimension(raw_books, [rate("GB_STANDARD")], periods))
    assert found[0] == (Decimal("17.5"), date(2010, 1, 1), date(2011, 1, 3))


def test_earlier_period_goes_on_after_a_shorter_one(raw_books: Books) -> None:
    periods = spans(
        "GB_STANDARD",
        ("20", date(2000, 1, 1), None),
        ("15", date(2008, 12, 1), date(2009, 12, 31)),
    )
    assert days(dimension(raw_books, [rate("GB_STANDARD")], periods)) == [
        (Decimal(20), date(2000, 1, 1), date(2008, 11, 30)),
        (Decimal(15), date(2008, 12, 1), date(2009, 12, 31)),
        (Decimal(20), date(2010, 1, 1), date(9999, 12, 31)),
    ]


def test_gap_between_periods_has_no_row(raw_books: Books) -> None:
    periods = spans(
        "GB_STANDARD", ("20", date(2020, 1, 1), date(2020, 12, 31)), ("20", date(2022, 1, 1), None)
    )
    assert days(dimension(raw_books, [rate("GB_STANDARD")], periods)) == [
        (Decimal(20), date(2020, 1, 1), date(2020, 12, 31)),
        (Decimal(20), date(2022, 1, 1), date(9999, 12, 31)),
    ]


def test_rate_without_periods_is_open_at_both_ends(raw_books: Books) -> None:
    found = dimension(raw_books, [rate("GB_STANDARD")])
    assert days(found) == [(Decimal(20), date(1, 1, 1), date(9999, 12, 31))]
    assert found["percentage_source"].to_list() == ["current"]


def test_period_is_parted_where_the_law_changes_its_meaning(raw_books: Books) -> None:
    found = dimension(raw_books, [rate("own")], spans("own", ("20", date(1900, 1, 1), None)))
    columns = found.select("valid_from", "rate_class", "unmapped_reason").rows()
    assert columns == [
        (date(1900, 1, 1), "unknown", "figure_not_in_force"),
        (date(2011, 1, 4), "standard", None),
    ]


def test_member_of_the_union_until_the_end_of_2020(raw_books: Books) -> None:
    sale = rate("own", name="EC Sales", percentage=Decimal(0))
    found = dimension(raw_books, [sale])
    assert found.select("valid_from", "category_code").rows() == [
        (date(1, 1, 1), "K"),
        (date(2021, 1, 1), None),
    ]


def test_northern_ireland_stays_a_member_for_goods(raw_books: Books) -> None:
    sale = rate("own", name="EC Sales", percentage=Decimal(0))
    registered = [{"business_id": "b1", "country_of_registration__id": "NORTHERN_IRELAND"}]
    found = dimension(raw_books, [sale], business_settings=registered)
    assert found.select("ni_based", "category_code").rows() == [(True, "K")]


def test_combined_rate_has_a_row_for_each_sum_of_its_parts(raw_books: Books) -> None:
    canadian = [{"business_id": "b1", "id": "b1", "name": "Maple", "country__id": "CA"}]
    parts = [
        child("c", 0, id="CA_GST", name="GST", percentage=Decimal(5)),
        child("c", 1, id="CA_PST_SK", name="PST SK", percentage=Decimal(6)),
    ]
    periods = [
        row | {"_parent_list_idx": 1}
        for row in spans(
            "c", ("5", date(2006, 10, 28), date(2017, 3, 22)), ("6", date(2017, 3, 23), None)
        )
    ]
    found = dimension(
        raw_books,
        [rate("c", name="Sask", is_combined_rate=True)],
        businesses=canadian,
        tax_rates__component_tax_rates=parts,
        tax_rates__component_tax_rates__percentages=periods,
    )
    assert days(found) == [
        (Decimal(10), date(2006, 10, 28), date(2017, 3, 22)),
        (Decimal(11), date(2017, 3, 23), date(9999, 12, 31)),
    ]
    assert found.select("percentage_source", "tax_type").unique().rows() == [
        ("components", "GST_PST")
    ]


def test_only_the_period_of_the_load_date_is_current(raw_books: Books) -> None:
    periods = spans(
        "GB_STANDARD",
        ("17.5", date(2010, 1, 1), date(2024, 7, 1)),
        ("20", date(2024, 7, 2), None),
    )
    found = dimension(raw_books, [rate("GB_STANDARD")], periods)
    assert found["is_current"].to_list() == [True, False]


def test_rate_of_a_business_not_loaded_is_kept_unmapped(raw_books: Books) -> None:
    found = dimension(raw_books, [rate("GB_STANDARD")], businesses=[])
    assert found.select("country", "unmapped_reason", "tax_type").rows() == [
        ("ZZ", "country_unknown", "unknown")
    ]


dates = st.dates(date(2006, 1, 1), date(2026, 12, 31))
any_periods = st.lists(
    st.tuples(
        st.sampled_from(["20", "17.5", "15", "5", "0"]),
        st.none() | dates,
        st.none() | dates,
    ),
    max_size=4,
)
names = st.sampled_from(["VAT", "Standard", "Reduced", "EC sales", "Zero"])
any_rates = st.lists(st.tuples(names, any_periods), min_size=1, max_size=25)
"""Name and periods of own rates: many at once, for a build has a price and a rate hardly any."""


def dimension_of(books: Books, rates: Any) -> pl.DataFrame:
    numbered = [(f"r{number:02}", name, periods) for number, (name, periods) in enumerate(rates)]
    return dimension(
        books,
        [rate(rate_id, name=name) for rate_id, name, _ in numbered],
        [row for rate_id, _, periods in numbered for row in spans(rate_id, *periods)],
    )


@settings(max_examples=10)
@given(rates=any_rates, day=dates)
def test_row_of_a_date_says_what_the_classifier_says_of_it(
    raw_books: Books, rates: Any, day: date
) -> None:
    direct = classify_tax_rates(
        pl.DataFrame(
            [
                {
                    "country": "GB",
                    "ni_based": False,
                    "tax_rate_id": f"r{number:02}",
                    "name": name,
                    "percentage": "20",
                    "percentages": [
                        {"percentage": percentage, "from_date": start, "to_date": end}
                        for percentage, start, end in periods
                    ],
                    "is_combined_rate": False,
                    "component_tax_rates": None,
                    "retailer": False,
                    "document_date": day,
                }
                for number, (name, periods) in enumerate(rates)
            ],
            infer_schema_length=None,
        )
    ).filter(pl.col("unmapped_reason").ne_missing("no_percentage_on_date"))
    on_day = dimension_of(raw_books, rates).filter(
        pl.lit(day).is_between("valid_from", "valid_to"),
        pl.col("unmapped_reason").ne_missing("no_percentage_on_date"),
    )
    columns = ["category_code", "rate_class", "treatment", "tax_type", "unmapped_reason"]
    assert (
        on_day.select("tax_rate_id", "percentage", *columns).rows()
        == direct.select("tax_rate_id", "percentage_on_date", *columns).rows()
    )


@settings(max_examples=8)
@given(rates=any_rates)
def test_rows_of_a_rate_do_not_overlap(raw_books: Books, rates: Any) -> None:
    found = dimension_of(raw_books, rates).with_columns(
        pl.col("valid_to").shift().over("tax_rate_id").alias("before")
    )
    assert found.filter(pl.col("valid_from") <= pl.col("before")).is_empty()
    assert found.filter(pl.col("valid_to") < pl.col("valid_from")).is_empty()


def test_key_depends_on_nothing_but_rate_period_and_version(raw_books: Books) -> None:
    first = dimension(raw_books, [rate("GB_STANDARD")])["tax_rate_key"]
    renamed = dimension(raw_books, [rate("GB_STANDARD", name="Renamed")])["tax_rate_key"]
    assert first.to_list() == renamed.to_list()
