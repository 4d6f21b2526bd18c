"""The formula language of VAT boxes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sage_unified.formulas import Box, Call, Condition, Term, parse_calculation, parse_sum

BOXES = {"1", "2", "08", "T1"}


def test_terms_have_amount_sign_and_conditions() -> None:
    assert parse_sum("net where direction=sale & rate!=19,5.5 + -itc where doc=invoice") == (
        Term(
            "net",
            False,
            (
                Condition("direction", ("sale",), False),
                Condition("rate", ("19", "5.5"), True),
            ),
        ),
        Term("itc", True, (Condition("doc", ("invoice",), False),)),
    )


@pytest.mark.parametrize(
    "formula", ["net", "gross where doc=invoice", "net where colour=red", "net where doc", ""]
)
def test_what_is_no_term_is_refused(formula: str) -> None:
    with pytest.raises(ValueError, match="is no"):
        parse_sum(formula)


@pytest.mark.parametrize(
    ("formula", "calculation"),
    [
        ("=08", Box("08")),
        ("=1+2", Call("sum", ((1, Box("1")), (1, Box("2"))))),
        ("=1-2+T1", Call("sum", ((1, Box("1")), (-1, Box("2")), (1, Box("T1"))))),
        ("=abs(1-2)", Call("abs", ((1, Call("sum", ((1, Box("1")), (-1, Box("2"))))),))),
        ("=max(T1, 0)", Call("max", ((1, Box("T1")), (1, Decimal(0))))),
    ],
)
def test_calculation_in_parts(formula: str, calculation: object) -> None:
    assert parse_calculation(formula, BOXES) == calculation


@pytest.mark.parametrize(
    "formula", ["1+2", "=", "=1+", "=1 2", "=99", "=abs(1", "=abs 1)", "=max(1,,2)", "=1*2", "=)"]
)
def test_what_is_no_calculation_is_refused(formula: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each has its own words
        parse_calculation(formula, BOXES)
