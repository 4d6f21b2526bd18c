"""The decision on each tax rate: what its rule, its components or its figure make of it.

Steps, the first that applies: a rule of its id, a rule of its name, no percentage, all components
taxed, 0% (never guessed), a name that says zero against a figure that does not, the figure itself.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.rules import RULES_VERSION, rule_table
from sage_unified.tax_rates.figures import QUESTION, lone_surcharges, look_up
from sage_unified.tax_rates.first_rules import (
    FIGURE_POSITIVE,
    FIGURE_UNKNOWN,
    FIGURE_ZERO,
    first_id_rule,
    first_name_rule,
    first_tax_type_rule,
    taxes_in_names,
    zero_word_rule,
)
from sage_unified.tax_rates.words import ANY_TAX
from sage_unified.vocabulary import (
    COUNTRIES,
    EU_INCLUDES_GB_UNTIL,
    EU_MEMBERS,
    SALES_TAX_COUNTRIES,
)

CLASSIFIED: Final = (
    "percentage_on_date",
    "category_code",
    "rate_class",
    "treatment",
    "tax_type",
    "mapping_method",
    "unmapped_reason",
    "mapping_rule_id",
    "mapping_version",
)
METHODS: Final = ("id", "name", "figure")
"""Of a mapped rate, from the strongest evidence to the weakest."""

_CLASS_WORDS: Final = ("standard", "reduced", "second_reduced", "intermediate", "super_reduced")
_REDUCED_FAMILY: Final = ("second_reduced", "intermediate", "super_reduced", "temporary")
"""Classes that a name may call just "reduced"."""
_CATEGORY_OF_TAX: Final = {"IGIC": "L", "IPSI": "M"}
"""EN 16931 has categories of their own for the taxes of the Canaries and of Ceuta and Melilla."""
_OF_RULE: Final = (
    "pct_condition",
    "category_code",
    "rate_class",
    "treatment",
    "tax_type",
    "unmapped_reason",
    "requires_eu",
)

_by_rule = pl.col("evidence") == "rule"
_by_parts = pl.col("evidence") == "parts"
_by_figure = pl.col("evidence") == "figure"


def decide(cases: pl.DataFrame) -> pl.DataFrame:
    """:data:`CLASSIFIED` of each case, in its order.

    ``cases`` has ``country, ni_based, tax_rate_id, name, retailer, document_date, percentage_on_date``,
    ``percentage_missing`` (why it is null), and of components ``part_names`` and, where all of them
    are taxed, ``parts_method`` and ``parts_class``.
    """
    answered = _with_figures(_with_evidence(_with_rules(cases))).lazy()
    return answered.with_columns(_reason().alias("reason")).select(_outcome()).collect()


def _with_rules(cases: pl.DataFrame) -> pl.DataFrame:
    """Adds ``figure``, the rule that decides or stops (``rule_…``) and ``tax_type_of_names``."""
    percentage = pl.col("percentage_on_date")
    figure = (
        pl.when(percentage.is_null())
        .then(pl.lit(FIGURE_UNKNOWN))
        .when(percentage == 0)
        .then(pl.lit(FIGURE_ZERO))
        .otherwise(pl.lit(FIGURE_POSITIVE))
    )
    seen = cases.with_columns(figure.alias("figure"))
    id_rule = first_id_rule(seen)
    rules = rule_table("tax_rules")
    deciding = rules.select("rule_id", pl.col(_OF_RULE).name.prefix("rule_"))
    tax_types = rules.select(
        pl.col("rule_id").alias("tax_type_rule"), pl.col("tax_type").alias("tax_type_of_names")
    )
    return (
        seen.with_columns(
            pl.coalesce(id_rule, first_name_rule(seen)).alias("rule_id"),
            id_rule.is_not_null().alias("rule_is_of_id"),
            first_tax_type_rule(seen).alias("tax_type_rule"),
            zero_word_rule(seen).is_not_null().alias("names_zero"),
            taxes_in_names(seen).alias("taxes_named"),
        )
        .join(deciding, on="rule_id", how="left", validate="m:1", maintain_order="left")
        .join(tax_types, on="tax_type_rule", how="left", validate="m:1", maintain_order="left")
    )


def _with_evidence(cases: pl.DataFrame) -> pl.DataFrame:
    """Adds what there is to decide by, ``evidence`` (rule, parts, figure), or why there is nothing.

    One of ``evidence`` and ``no_evidence`` is null.
    """
    is_positive = pl.col("figure") == FIGURE_POSITIVE
    has_rule = pl.col("rule_id").is_not_null()
    has_parts = is_positive & pl.col("parts_method").is_not_null()
    nothing = (
        pl.when(~pl.col("country").is_in(COUNTRIES).fill_null(False))
        .then(pl.lit("country_unknown"))
        .when(has_rule)
        .then(None)
        .when(pl.col("percentage_on_date").is_null())
        .then("percentage_missing")
        .when(has_parts)
        .then(None)
        .when(~is_positive)
        .then(pl.lit("zero_rate_ambiguous"))
        .when(pl.col("names_zero"))
        .then(pl.lit("name_figure_conflict"))
    )
    evidence = (
        pl.when(has_rule)
        .then(pl.lit("rule"))
        .when(has_parts)
        .then(pl.lit("parts"))
        .otherwise(pl.lit("figure"))
    )
    return cases.with_columns(nothing.alias("no_evidence")).with_columns(
        pl.when(pl.col("no_evidence").is_null()).then(evidence).alias("evidence")
    )


def _with_figures(cases: pl.DataFrame) -> pl.DataFrame:
    """Adds what the law says of the figure, where the decision needs it: ``figure_…``."""
    named = pl.col("taxes_named")
    of_rule = (
        pl.when(pl.col("rule_tax_type") == "VAT_RE")
        .then(pl.lit("VAT_RE+RE"))
        .when(pl.col("rule_tax_type") != "default")
        .then("rule_tax_type")
        .when(named != ANY_TAX)
        .then(named)
        .otherwise(_usual_tax())
    )
    asked = cases.with_columns(
        pl.when(_by_rule & (pl.col("rule_rate_class") == "by_figure"))
        .then(of_rule)
        .when(_class_is_checked())
        .then(pl.lit("VAT"))
        .when(_by_figure & ~_any_figure_is_taxed())
        .then(named)
        .alias("taxes")
    )
    questions = asked.select(QUESTION).drop_nulls(["taxes", "percentage_on_date"]).unique()
    return asked.join(
        look_up(questions),
        on=QUESTION,
        how="left",
        validate="m:1",
        nulls_equal=True,
        maintain_order="left",
    )


def _usual_tax() -> pl.Expr:
    """The tax type of a country's rate whose name says nothing: that of the rule for any name."""
    rules = rule_table("tax_rules").filter(
        pl.col("match_on") == "tax_type", pl.col("pattern") == ".*"
    )
    return pl.col("country").replace_strict(rules["country"], rules["tax_type"], default=None)


def _any_figure_is_taxed() -> pl.Expr:
    """Countries with one kind of tax and rates that their users make: the figure is not looked up."""
    rules = rule_table("tax_rules").filter(
        pl.col("match_on") == "figure", pl.col("pattern") == "any"
    )
    return pl.col("country").is_in(rules["country"].implode())


def _class_is_checked() -> pl.Expr:
    """A class word of a value added tax can be held against the law; sales taxes have one class."""
    return (
        _by_rule
        & ~pl.col("rule_is_of_id")
        & pl.col("rule_rate_class").is_in(_CLASS_WORDS)
        & ~pl.col("country").is_in(SALES_TAX_COUNTRIES)
    ).fill_null(False)


def _class_is_refined() -> pl.Expr:
    """Reduced is said of every lower rate; the law tells which."""
    return (
        _class_is_checked()
        & (pl.col("rule_rate_class") == "reduced")
        & pl.col("figure_class").is_in(_REDUCED_FAMILY)
    ).fill_null(False)


def _class_conflicts() -> pl.Expr:
    """Another class than the name's is in force; a figure that is not in force contradicts nothing."""
    said = pl.col("figure_classes").list.contains(pl.col("rule_rate_class"))
    return (_class_is_checked() & ~said & ~_class_is_refined()).fill_null(False)


def _reason() -> pl.Expr:
    """Why a case is unmapped; null when it is mapped."""
    of_id = _by_rule & pl.col("rule_is_of_id")
    condition, figure = pl.col("rule_pct_condition"), pl.col("figure")
    misses = (condition != "any") & (condition != figure) & (figure != FIGURE_UNKNOWN)
    gb_in_eu = pl.col("ni_based") | (pl.col("document_date") <= EU_INCLUDES_GB_UNTIL)
    in_eu = pl.col("country").is_in(EU_MEMBERS) | (
        (pl.col("country") == "GB") & gb_in_eu.fill_null(False)
    )
    return (
        pl.when(pl.col("no_evidence").is_not_null())
        .then("no_evidence")
        .when(_by_rule & misses)
        .then(
            pl.when(of_id)
            .then(pl.lit("id_figure_conflict"))
            .otherwise(pl.lit("name_figure_conflict"))
        )
        .when(_by_rule & pl.col("rule_unmapped_reason").is_not_null())
        .then("rule_unmapped_reason")
        .when(_class_conflicts())
        .then(pl.lit("name_figure_conflict"))
        .when(_by_rule & pl.col("rule_requires_eu") & ~in_eu)
        .then(pl.lit("eu_treatment_not_available"))
        .when(_by_figure)
        .then("figure_reason")
    )


def _outcome() -> list[pl.Expr]:
    reason = pl.col("reason")
    is_mapped = reason.is_null()
    return [
        pl.col("percentage_on_date"),
        pl.when(is_mapped).then(_category()).alias("category_code"),
        pl.when(is_mapped).then(_rate_class()).otherwise(pl.lit("unknown")).alias("rate_class"),
        pl.when(is_mapped & _by_rule)
        .then("rule_treatment")
        .when(is_mapped)
        .then(pl.lit("domestic"))
        .otherwise(pl.lit("unknown"))
        .alias("treatment"),
        _tax_type().alias("tax_type"),
        pl.when(is_mapped).then(_method()).otherwise(pl.lit("unmapped")).alias("mapping_method"),
        reason.alias("unmapped_reason"),
        pl.when(_by_rule).then("rule_id").alias("mapping_rule_id"),
        pl.lit(RULES_VERSION).alias("mapping_version"),
    ]


def _category() -> pl.Expr:
    of_tax = pl.col("figure_tax_type").replace_strict(_CATEGORY_OF_TAX, default="S")
    return pl.when(_by_rule).then("rule_category_code").otherwise(of_tax)


def _rate_class() -> pl.Expr:
    lawful = (
        pl.when(pl.col("figure") == FIGURE_ZERO)
        .then(pl.lit("none"))
        .otherwise(pl.col("figure_class").fill_null("unknown"))
    )
    return (
        pl.when(_by_rule & (pl.col("rule_rate_class") == "by_figure"))
        .then(lawful)
        .when(_class_is_refined())
        .then("figure_class")
        .when(_by_rule)
        .then("rule_rate_class")
        .when(_by_parts)
        .then("parts_class")
        .otherwise(pl.col("figure_class").fill_null("standard"))
    )


def _method() -> pl.Expr:
    return (
        pl.when(_by_rule & pl.col("rule_is_of_id"))
        .then(pl.lit("id"))
        .when(_by_rule)
        .then(pl.lit("name"))
        .when(_by_parts)
        .then("parts_method")
        .otherwise(pl.lit("figure"))
    )


def _tax_type() -> pl.Expr:
    """Of the rule, of the figure, of the names; the recargo alone is told by its figure."""
    told = (
        pl.when(_by_rule & (pl.col("rule_tax_type") != "default"))
        .then("rule_tax_type")
        .when(_by_figure & pl.col("figure_tax_type").is_not_null())
        .then("figure_tax_type")
        .otherwise("tax_type_of_names")
    )
    is_lone = pl.col("percentage_on_date").is_in(lone_surcharges().implode())
    return pl.when((told == "VAT_RE") & is_lone).then(pl.lit("RE")).otherwise(told)
