"""What tax_rules.csv finds in a rate: the first rule met by its id, its name, for its tax type.

A rule is met when its country fits and its pattern is found; a name rule also needs the figure it asks
for, unless a wrong figure is a conflict that stops the search. What follows from the rule is
``classify.py``'s matter. Each function answers once for each distinct key and gives a Series in the
order of ``cases``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final

import polars as pl

from sage_unified.rules import rule_table
from sage_unified.tax_rates.words import normalised, normalised_id, taxes_named, unless_guid

FIGURE_UNKNOWN: Final = "unknown"
FIGURE_ZERO: Final = "zero"
FIGURE_POSITIVE: Final = "nonzero"
"""The column ``figure``, in the words of the rules' ``pct_condition``."""

_TEXT = pl.col("_text")


@dataclass(frozen=True)
class Rule:
    """What of a rule decides whether it is met; fields as in tax_rules.csv."""

    rule_id: str
    country: str
    pattern: str
    pct_condition: str
    on_pct_mismatch: str
    category_code: str | None
    tax_type: str
    unmapped_reason: str | None


def first_id_rule(cases: pl.DataFrame) -> pl.Series:
    """``rule_id`` of the id rule that each case meets, or null. Needs ``country, tax_rate_id``.

    The rule for prefixes of other countries is met only by an id with such a prefix.
    """

    def met(rule: Rule) -> pl.Expr:
        if rule.unmapped_reason == "foreign_country_id":
            return _TEXT.str.extract(rule.pattern, 1) != pl.col("country")
        return _found(rule)

    own_country_first = sorted(_rules("id"), key=lambda rule: rule.country == "*")
    text = normalised_id(pl.col("tax_rate_id"))
    return _first(cases, ["country", "tax_rate_id"], text, own_country_first, met)


def first_name_rule(cases: pl.DataFrame) -> pl.Series:
    """``rule_id`` of the name rule that decides or stops each case, or null.

    Needs ``country, name, figure, retailer``. Where the figure is unknown, a rule that asks for one is
    passed over.
    """

    def met(rule: Rule) -> pl.Expr:
        if rule.pct_condition == "any":
            return _found(rule)
        if rule.on_pct_mismatch == "conflict":
            return _found(rule) & (pl.col("figure") != FIGURE_UNKNOWN)
        return _found(rule) & (pl.col("figure") == rule.pct_condition)

    keys = ["country", "name", "figure", "retailer"]
    return _first(cases, keys, normalised(pl.col("name")), _rules("name"), met)


def first_tax_type_rule(cases: pl.DataFrame) -> pl.Series:
    """``rule_id`` of the rule that says each case's tax type, or null in an unknown country.

    Needs ``country, tax_rate_id, name, part_names, retailer``; id (unless a GUID), name and components'
    names are searched as one text.
    """
    columns = (unless_guid(pl.col("tax_rate_id")), pl.col("name"), pl.col("part_names"))
    text = pl.concat_str([normalised(column) for column in columns], separator=" ")
    keys = ["country", "tax_rate_id", "name", "part_names", "retailer"]
    return _first(cases, keys, text, _rules("tax_type"), _found)


def zero_word_rule(cases: pl.DataFrame) -> pl.Series:
    """``rule_id`` of a rule for zero-rated (category Z) whose words each name holds, or null.

    Needs ``country, name``; asks for no figure.
    """
    rules = [rule for rule in _rules("name") if rule.category_code == "Z"]
    return _first(cases, ["country", "name"], normalised(pl.col("name")), rules, _in_text)


def taxes_in_names(cases: pl.DataFrame) -> pl.Series:
    """The tax types that each name may mean (see :func:`taxes_named`). Needs ``name``."""
    return _once(cases, ["name"], normalised(pl.col("name")), taxes_named(_TEXT))


def _rules(match_on: str) -> list[Rule]:
    """The rules of a kind in the order in which they are tried."""
    table = rule_table("tax_rules").filter(pl.col("match_on") == match_on)
    columns = [field.name for field in fields(Rule)]
    return [Rule(**row) for row in table.sort("priority", "rule_id").select(columns).to_dicts()]


def _in_text(rule: Rule) -> pl.Expr:
    return _TEXT.str.contains(rule.pattern)


def _found(rule: Rule) -> pl.Expr:
    """In the text; the recargo rules also by the flag of a Spanish rate for retailers."""
    return _in_text(rule) | pl.col("retailer") if rule.tax_type == "VAT_RE" else _in_text(rule)


def _first(
    cases: pl.DataFrame,
    keys: list[str],
    text: pl.Expr,
    rules: list[Rule],
    met: Callable[[Rule], pl.Expr],
) -> pl.Series:
    tried = [pl.when(_applies(rule) & met(rule)).then(pl.lit(rule.rule_id)) for rule in rules]
    return _once(cases, keys, text, pl.coalesce(tried))


def _once(cases: pl.DataFrame, keys: list[str], text: pl.Expr, answer: pl.Expr) -> pl.Series:
    """``answer``, which may use the keys and ``text``, computed once for each distinct key."""
    if cases.is_empty():  # as components mostly are: the rules' patterns need not be compiled
        return pl.Series("_answer", dtype=pl.String)
    asked = cases.select(keys)
    answers = asked.unique().lazy().with_columns(text.alias("_text"))
    return asked.join(
        answers.select(*keys, answer.alias("_answer")).collect(),
        on=keys,
        how="left",
        validate="m:1",
        nulls_equal=True,
        maintain_order="left",
    )["_answer"]


def _applies(rule: Rule) -> pl.Expr:
    return pl.lit(True) if rule.country == "*" else pl.col("country") == rule.country
