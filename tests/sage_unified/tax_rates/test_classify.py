"""What tax rates mean: the vectors, and what holds of any rate."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sage_unified import InputError, classify_tax_rates
from sage_unified.rules import RULES_VERSION, rule_table
from sage_unified.vocabulary import CATEGORIES, COUNTRIES, RATE_CLASSES, TAX_TYPES, TREATMENTS

VECTORS = Path(__file__).parents[2] / "vectors" / "tax_rates.csv"
CASES = list(csv.DictReader(VECTORS.read_text(encoding="utf-8").splitlines()))
EXPECTED = (
    "percentage_on_date",
    "category_code",
    "rate_class",
    "treatment",
    "tax_type",
    "mapping_method",
    "unmapped_reason",
)
Rates = Callable[..., pl.DataFrame]


def given_rates() -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "country": case["country"],
                "ni_based": case["ni_based"] == "1",
                "tax_rate_id": case["tax_rate_id"],
                "name": None if case["name_is_null"] == "1" else case["tax_rate_name"],
                "percentage": case["percentage"] or None,
                "percentages": json.loads(case["percentages_json"]),
                "is_combined_rate": case["is_combined_rate"] == "1",
                "component_tax_rates": json.loads(case["components_json"]),
                "retailer": case["retailer"] == "1",
                "document_date": date.fromisoformat(case["document_date"]),
            }
            for case in CASES
        ],
        infer_schema_length=None,
    )


@cache
def classified() -> pl.DataFrame:
    return classify_tax_rates(given_rates())


@pytest.mark.parametrize("index", range(len(CASES)), ids=[case["vector_id"] for case in CASES])
def test_vector(index: int) -> None:
    case = CASES[index]
    wanted: dict[str, Any] = {column: case[column] or None for column in EXPECTED}
    if wanted["percentage_on_date"] is not None:
        wanted["percentage_on_date"] = Decimal(wanted["percentage_on_date"])
    found = classified().row(index, named=True)
    assert {column: found[column] for column in EXPECTED} == wanted, case["why"]


SAGE_IDS = rule_table("sage_tax_ids")


@pytest.fixture(scope="module")
def classified_ids(rates: Rates) -> pl.DataFrame:
    """Sage's own rates under their usual names, on a day on which their percentages are in force."""
    return classify_tax_rates(
        rates(
            *(
                {
                    "country": row["country"],
                    "tax_rate_id": row["tax_rate_id"],
                    "name": row["default_name"],
                    "percentage": str(row["percentage"]),
                    "document_date": date(2026, 1, 1),
                }
                for row in SAGE_IDS.to_dicts()
            )
        )
    )


@pytest.mark.parametrize("index", range(len(SAGE_IDS)), ids=SAGE_IDS["tax_rate_id"].to_list())
def test_sage_own_id_means_what_the_list_of_ids_says(
    classified_ids: pl.DataFrame, index: int
) -> None:
    columns = ["category_code", "rate_class", "treatment", "tax_type"]
    found = classified_ids.row(index, named=True)
    assert {c: found[c] for c in columns} == SAGE_IDS.select(columns).row(index, named=True)
    assert found["mapping_method"] == "id"


def test_rows_keep_their_order() -> None:
    order = [*range(1, len(CASES), 2), *range(0, len(CASES), 2)]
    assert classify_tax_rates(given_rates()[order]).equals(classified()[order])


def test_each_row_is_classified_by_itself() -> None:
    some = range(0, len(CASES), 25)
    alone = [classify_tax_rates(given_rates()[index : index + 1]) for index in some]
    assert pl.concat(alone).equals(classified()[list(some)])


def test_equal_rows_get_equal_answers() -> None:
    twice = given_rates()[[index for index in range(len(CASES)) for _ in range(2)]]
    answers = classify_tax_rates(twice)
    assert answers[::2].equals(answers[1::2])


def test_classifying_again_changes_nothing() -> None:
    assert classify_tax_rates(classified()).equals(classified())


def test_other_columns_are_kept() -> None:
    marked = given_rates().with_row_index("case").with_columns(pl.lit("x").alias("_row"))
    kept = classify_tax_rates(marked)
    assert kept.select("case", "_row").equals(marked.select("case", "_row"))


def test_decimal_percentages_mean_what_the_same_text_means() -> None:
    frame = given_rates()
    plain = frame.filter(pl.col("percentage").str.contains(r"^[\d.]+$"))
    as_decimal = plain.with_columns(pl.col("percentage").cast(pl.Decimal(38, 12)))
    columns = list(EXPECTED)
    assert classify_tax_rates(as_decimal)[columns].equals(classify_tax_rates(plain)[columns])


def test_lists_without_any_element_need_no_type(rates: Rates) -> None:
    plain = rates({}, {"percentage": None})
    untyped = plain.with_columns(
        pl.Series("percentages", [[], None]), pl.lit(None).alias("component_tax_rates")
    )
    assert classify_tax_rates(untyped)[list(EXPECTED)].equals(
        classify_tax_rates(plain)[list(EXPECTED)]
    )


def test_no_rates_give_no_rows_with_all_columns(rates: Rates) -> None:
    empty = classify_tax_rates(rates())
    assert empty.is_empty()
    assert empty.columns[-9:] == classified().columns[-9:]


def test_missing_column_is_named(rates: Rates) -> None:
    with pytest.raises(InputError, match="retailer"):
        classify_tax_rates(rates({}).drop("retailer"))


def test_percentage_is_exact_to_four_places() -> None:
    assert classified().schema["percentage_on_date"] == pl.Decimal(9, 4)


def test_every_row_carries_the_version_of_the_rules() -> None:
    assert classified()["mapping_version"].unique().to_list() == [RULES_VERSION]


def test_deciding_and_stopping_rules_are_named(rates: Rates) -> None:
    answers = classify_tax_rates(
        rates({"tax_rate_id": "GB_ZERO", "percentage": "0"}, {"name": "Exempt"}, {})
    )
    assert answers["mapping_rule_id"].to_list() == ["R016", "R060", None]


def test_rate_of_an_unknown_country_is_not_guessed(rates: Rates) -> None:
    answers = classify_tax_rates(rates({"country": "AU", "name": "Exempt"}, {"country": None}))
    assert answers["unmapped_reason"].to_list() == ["country_unknown"] * 2


def test_canary_tax_told_by_its_figure_has_its_own_category(rates: Rates) -> None:
    answer = classify_tax_rates(rates({"country": "ES", "name": "Canarias", "percentage": "9.5"}))
    assert answer.row(0, named=True)["category_code"] == "L"


def part(part_id: str, name: str, percentage: str, *periods: dict[str, Any]) -> dict[str, Any]:
    return {"id": part_id, "name": name, "percentage": percentage, "percentages": list(periods)}


def combined(*parts: dict[str, Any], **row: Any) -> dict[str, Any]:
    return {
        "country": "CA",
        "name": "Taxes",
        "is_combined_rate": True,
        "component_tax_rates": list(parts),
        **row,
    }


def test_method_of_a_combined_rate_is_that_of_its_weakest_part(rates: Rates) -> None:
    answer = classify_tax_rates(
        rates(combined(part("CA_GST", "a", "5"), part("f" * 32, "PST", "7")))
    )
    assert answer["mapping_method"].to_list() == ["name"]


def test_combined_rate_with_an_untaxed_part_is_told_by_its_figure(rates: Rates) -> None:
    answer = classify_tax_rates(
        rates(combined(part("CA_GST", "GST", "5"), part("CA_ZERO", "Zero", "0")))
    )
    assert answer["mapping_method"].to_list() == ["figure"]


def test_combined_rate_with_a_part_not_yet_begun_has_no_percentage(rates: Rates) -> None:
    begun_later = {"percentage": "7", "from_date": "2030-01-01", "to_date": None}
    answer = classify_tax_rates(
        rates(combined(part("CA_GST", "GST", "5"), part("x", "PST", "7", begun_later)))
    )
    assert answer["percentage_on_date"].to_list() == [None]
    assert answer["unmapped_reason"].to_list() == ["no_percentage_on_date"]


texts = st.one_of(
    st.none(),
    st.text(max_size=12),
    st.sampled_from(
        [
            "Exempt",
            "Zero rated",
            "Standard",
            "Reduced",
            "Reverse charge",
            "IGIC",
            "EC Sales",
            "§13b",
        ]
    ),
)
figures = st.one_of(
    st.none(),
    st.sampled_from(["", "0", "0,00", "20", "17.5", "4", "14,975", "-5", "101", "x", "20 %"]),
)
days = st.one_of(st.none(), st.sampled_from(["", "2010-01-01", "2024-12-31T00:00:00", "soon"]))
periods = st.lists(
    st.one_of(
        st.none(),
        st.fixed_dictionaries({"percentage": figures, "from_date": days, "to_date": days}),
    ),
    max_size=3,
)
flags = st.sampled_from([None, True, False])
any_rate = st.fixed_dictionaries(
    {
        "country": st.sampled_from(COUNTRIES),
        "ni_based": flags,
        "tax_rate_id": st.one_of(texts, st.sampled_from(["GB_ZERO", " es_lower", "CA_GST"])),
        "name": texts,
        "percentage": figures,
        "percentages": st.one_of(st.none(), periods),
        "is_combined_rate": flags,
        "component_tax_rates": st.one_of(
            st.none(),
            st.lists(
                st.fixed_dictionaries(
                    {"id": texts, "name": texts, "percentage": figures, "percentages": periods}
                ),
                max_size=2,
            ),
        ),
        "retailer": flags,
        "document_date": st.one_of(st.none(), st.dates(date(1990, 1, 1), date(2030, 1, 1))),
    }
)


any_rates = st.lists(any_rate, min_size=1, max_size=40)
"""Many at once: a call has a price, a row hardly any."""


@settings(max_examples=8)
@given(any_rates)
def test_any_rate_has_a_category_or_a_reason(rates: Rates, rows: list[dict[str, Any]]) -> None:
    for row in classify_tax_rates(rates(*rows)).to_dicts():
        assert (row["category_code"] is None) == (row["unmapped_reason"] is not None)
        assert (row["mapping_method"] == "unmapped") == (row["category_code"] is None)


@settings(max_examples=8)
@given(any_rates)
def test_answers_keep_to_their_vocabularies(rates: Rates, rows: list[dict[str, Any]]) -> None:
    for row in classify_tax_rates(rates(*rows)).to_dicts():
        assert row["category_code"] in (*CATEGORIES, None)
        assert row["rate_class"] in RATE_CLASSES
        assert row["treatment"] in TREATMENTS
        assert row["tax_type"] in TAX_TYPES


@settings(max_examples=8)
@given(any_rates)
def test_zero_is_never_mapped_by_its_figure(rates: Rates, rows: list[dict[str, Any]]) -> None:
    answers = classify_tax_rates(rates(*rows))
    assert answers.filter(
        pl.col("percentage_on_date") == 0, pl.col("mapping_method") == "figure"
    ).is_empty()
