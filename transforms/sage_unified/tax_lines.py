"""Tax lines: what the document, the contact and the kind of supply make of the rate's meaning.

The first that applies decides: a flag of the document, the rate itself, the contact. A zero rate that
says nothing by itself becomes an intra-EU supply or an export only when the contact and the goods or
services type say so. Amounts turn their sign on credit notes, on both sides; the side is ``direction``.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.columns import EXACT, MONEY, PERCENTAGE, require, typed
from sage_unified.rules import rule_table
from sage_unified.vocabulary import EU_INCLUDES_GB_UNTIL, EU_MEMBERS, SALES_TAX_COUNTRIES

_TEXT = pl.String()
_FLAG = pl.Boolean()
_INPUT: Final = {
    "business_country": _TEXT,
    "ni_based": _FLAG,
    "kind": _TEXT,
    "document_date": pl.Date(),
    "contact_country": _TEXT,
    "contact_ni_based": _FLAG,
    "home_tax": _FLAG,
    "eu_tax_registered": _FLAG,
    "eu_not_tax_registered": _FLAG,
    "rest_of_world_tax": _FLAG,
    "is_importer": _FLAG,
    "goods_services_type": _TEXT,
    "rate_category": _TEXT,
    "rate_treatment": _TEXT,
    "rate_percentage": PERCENTAGE,
    "vat_reverse_charge": _FLAG,
    "postponed_accounting": _FLAG,
    "vat_exempt_consignment": _FLAG,
    "trade_of_asset": _FLAG,
    "net_amount": MONEY,
    "tax_amount": MONEY,
    "import": _FLAG,
}
_DEFAULTS: Final = {name: False for name, kind in _INPUT.items() if kind == _FLAG}
CLASSIFIED: Final = (
    "category_code",
    "treatment",
    "direction",
    "sign",
    "signed_net",
    "signed_tax",
    "notional_tax",
    "vat_scope",
)

_CREDIT_NOTES: Final = "credit"
"""Part of the kind of every credit note, quick entries among them."""
_AS_THE_RATE: Final = "as_the_rate"
_CASES: Final = {
    # what a line is, once flags and contact are seen: (category or None = the rate's, treatment)
    "exempt_import": ("E", "import"),
    "postponed_import": ("AE", "import"),
    "import": (None, "import"),
    "reverse_charge": ("AE", "reverse_charge"),
    "intra_eu_supply": ("K", "intra_eu_supply"),
    "intra_eu_acquisition": ("K", "intra_eu_acquisition"),
    "export": ("G", "export"),
    "outside_scope": ("O", "outside_scope"),
    _AS_THE_RATE: (None, None),
}
_POSTPONED: Final = "import (category AE)"
"""How vat_scope.csv calls an import whose tax the buyer accounts for."""

_is_purchase = pl.col("direction") == "purchase"
_is_goods = pl.col("supply") == "GOODS"
_is_services = pl.col("supply") == "SERVICES"


def classify_tax_lines(lines: pl.DataFrame) -> pl.DataFrame:
    """``lines`` with the category and treatment of each; rows and their order are kept.

    Needs the columns of ``_INPUT``: business, document, contact and rate of each line (the rate as
    :func:`classify_tax_rates` gives it for the document's date), and the amounts as the API shows
    them. Adds :data:`CLASSIFIED`: ``direction`` sale or purchase, ``sign`` -1 on credit notes,
    ``signed_net``, ``signed_tax`` (the tax charged on the document), ``notional_tax`` (which the buyer
    owes and may deduct; null when there is none or nothing says how much) and ``vat_scope``, null in no
    box. Amounts are Decimal(19, 4) in the document's currency.

    Raises :class:`InputError` for a missing column.
    """
    require(lines, _INPUT, "classify_tax_lines")
    seen = (
        typed(lines.lazy(), _INPUT, _DEFAULTS)
        .with_columns(pl.col(pl.String).replace("", None))
        .with_row_index("_row")
        .with_columns(*_sides(), pl.col("goods_services_type").str.to_uppercase().alias("supply"))
        .with_columns(*_places())
    )
    categories = {case: category for case, (category, _) in _CASES.items()}
    treatments = {case: treatment for case, (_, treatment) in _CASES.items()}
    treated = seen.with_columns(_case().alias("case")).with_columns(
        pl.coalesce(pl.col("case").replace_strict(categories), "rate_category").alias(
            "category_code"
        ),
        pl.coalesce(pl.col("case").replace_strict(treatments), "rate_treatment")
        .fill_null("unknown")
        .alias("treatment"),
    )
    is_postponed = (pl.col("treatment") == "import") & (pl.col("category_code") == "AE")
    classified = (
        treated.with_columns(is_postponed.fill_null(False).alias("is_postponed"))
        .with_columns(*_amounts())
        .with_columns(
            pl.when("is_postponed")
            .then(pl.lit(_POSTPONED))
            .otherwise("treatment")
            .alias("scope_treatment")
        )
        .join(
            _scopes(),
            on=["scope_treatment", "direction", "counterparty_zone"],
            how="left",
            validate="m:1",
        )
        .sort("_row")
        .select(CLASSIFIED)
    )
    return lines.with_columns(classified.collect().get_columns())


def _sides() -> list[pl.Expr]:
    kind = pl.col("kind").str.to_lowercase()
    direction = (
        pl.when(kind.str.starts_with("sales_") | (kind == "other_receipt"))
        .then(pl.lit("sale"))
        .when(kind.str.starts_with("purchase_") | (kind == "other_payment"))
        .then(pl.lit("purchase"))
    )
    is_credit = kind.str.contains(_CREDIT_NOTES, literal=True)
    sign = pl.when(is_credit).then(-1).otherwise(1).cast(pl.Int8)
    return [direction.alias("direction"), sign.alias("sign")]


def _places() -> list[pl.Expr]:
    """``is_home``, whether both sides are in the EU for goods and for services, and the zone."""
    home = (
        pl.col("contact_country").is_null()
        | (pl.col("contact_country") == pl.col("business_country"))
        | pl.col("home_tax")
    )
    goods = _in_eu("business_country", "ni_based") & _in_eu("contact_country", "contact_ni_based")
    services = _in_eu("business_country") & _in_eu("contact_country")
    in_eu = pl.when(_is_goods).then(goods).otherwise(services)
    zone = (
        pl.when(home).then(pl.lit("home")).when(in_eu).then(pl.lit("eu")).otherwise(pl.lit("world"))
    )
    return [
        home.alias("is_home"),
        goods.alias("both_in_eu_for_goods"),
        services.alias("both_in_eu_for_services"),
        zone.alias("counterparty_zone"),
    ]


def _in_eu(country: str, northern_ireland: str | None = None) -> pl.Expr:
    """Member on the document's date; for goods Northern Ireland still is one."""
    is_gb = pl.col(country) == "GB"
    was_member = (pl.col("document_date") <= EU_INCLUDES_GB_UNTIL).fill_null(False)
    if northern_ireland is not None:
        was_member |= pl.col(northern_ireland)
    return (pl.col(country).is_in(EU_MEMBERS) | (is_gb & was_member)).fill_null(False)


def _case() -> pl.Expr:
    """Which of the cases a line is; the first that applies."""
    registered = pl.col("eu_tax_registered")
    goods_in_eu, services_in_eu = pl.col("both_in_eu_for_goods"), pl.col("both_in_eu_for_services")
    foreign_sales_tax = pl.col("business_country").is_in(SALES_TAX_COUNTRIES)
    zero_sale = (
        (pl.col("direction") == "sale")
        & (pl.col("rate_category") == "Z")
        & (pl.col("tax_amount").fill_null(0) == 0)
    )
    taxable_purchase = _is_purchase & pl.col("rate_category").is_in(["S", "Z"]) & ~foreign_sales_tax
    rate_decides = pl.col("rate_category").is_null() | (
        pl.col("rate_treatment").fill_null("unknown") != "domestic"
    )
    cases: list[tuple[pl.Expr, str]] = [
        (_is_purchase & pl.col("vat_exempt_consignment"), "exempt_import"),
        (pl.col("vat_reverse_charge"), "reverse_charge"),
        (_is_purchase & pl.col("postponed_accounting"), "postponed_import"),
        (_is_purchase & pl.col("import"), "import"),
        (rate_decides, _AS_THE_RATE),
        (pl.col("is_home") | pl.col("eu_not_tax_registered"), _AS_THE_RATE),
        (zero_sale & foreign_sales_tax, "export"),
        (zero_sale & _is_goods & goods_in_eu & registered, "intra_eu_supply"),
        (zero_sale & _is_goods & ~goods_in_eu, "export"),
        (zero_sale & _is_services & services_in_eu & registered, "reverse_charge"),
        (zero_sale & _is_services & ~services_in_eu, "outside_scope"),
        (taxable_purchase & _is_goods & goods_in_eu & registered, "intra_eu_acquisition"),
        (
            taxable_purchase & _is_services & (registered | pl.col("rest_of_world_tax")),
            "reverse_charge",
        ),
        (taxable_purchase & _is_goods & ~goods_in_eu & pl.col("is_importer"), "import"),
    ]
    applying = [pl.when(applies).then(pl.lit(case)) for applies, case in cases]
    return pl.coalesce(*applying, pl.lit(_AS_THE_RATE))


def _amounts() -> list[pl.Expr]:
    """``signed_net``, ``signed_tax``, ``notional_tax``.

    The API may show a notional tax as the tax of the line, or none at all: then it is net times
    percentage, half up to cents.
    """
    shown = pl.col("tax_amount").fill_null(0)
    is_notional = _is_purchase & (
        pl.col("treatment").is_in(["reverse_charge", "intra_eu_acquisition"])
        | pl.col("is_postponed")
    )
    computed = (
        pl.col("net_amount").cast(EXACT) * pl.col("rate_percentage").cast(EXACT) / 100
    ).round(2, mode="half_away_from_zero")
    notional = (
        pl.when(is_notional & (shown != 0))
        .then(shown.cast(EXACT))
        .when(is_notional & (pl.col("rate_percentage") > 0))
        .then(computed)
    )
    charged = pl.when(is_notional.fill_null(False)).then(pl.lit(0, MONEY)).otherwise(shown)
    sign = pl.col("sign").cast(EXACT)
    return [
        (pl.col("net_amount") * sign).cast(MONEY).alias("signed_net"),
        (charged * sign).cast(MONEY).alias("signed_tax"),
        (notional * sign).cast(MONEY).alias("notional_tax"),
    ]


def _scopes() -> pl.LazyFrame:
    """vat_scope.csv with a row for each direction and zone that a ``*`` stands for."""
    every = {"direction": ["sale", "purchase"], "counterparty_zone": ["home", "eu", "world"]}
    scopes = rule_table("vat_scope").lazy().rename({"treatment": "scope_treatment"})
    for column, values in every.items():
        scopes = scopes.with_columns(
            pl.when(pl.col(column) == "*")
            .then(pl.lit(values))
            .otherwise(pl.concat_list(column))
            .alias(column)
        ).explode(column)
    return scopes.select("scope_treatment", *every, "vat_scope")
