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
INPUT: Final = {
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
_DEFAULTS: Final = {name: False for name, kind in INPUT.items() if kind == _FLAG}
_TEXTS: Final = [name for name, kind in INPUT.items() if kind == _TEXT]
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
    # what a line is, once flags and contact are seen:
    # (category or None = the rate's, treatment or None = the rate's, what decided)
    "exempt_import": ("E", "import", "document_flag"),
    "flagged_reverse_charge": ("AE", "reverse_charge", "document_flag"),
    "postponed_import": ("AE", "import", "document_flag"),
    "flagged_import": (None, "import", "document_flag"),
    "intra_eu_supply": ("K", "intra_eu_supply", "contact"),
    "intra_eu_acquisition": ("K", "intra_eu_acquisition", "contact"),
    "reverse_charge": ("AE", "reverse_charge", "contact"),
    "export": ("G", "export", "contact"),
    "outside_scope": ("O", "outside_scope", "contact"),
    "import": (None, "import", "contact"),
    _AS_THE_RATE: (None, None, "rate"),
}
_CODES: Final = {name: place for place, name in enumerate(_CASES)}
"""Of many lines numbers are chosen sooner than words."""
_POSTPONED: Final = "import (category AE)"
"""How vat_scope.csv calls an import whose tax the buyer accounts for."""

_is_purchase = pl.col("direction") == "purchase"
_is_goods = pl.col("_supply") == "GOODS"
_is_services = pl.col("_supply") == "SERVICES"


def classify_tax_lines(lines: pl.DataFrame) -> pl.DataFrame:
    """``lines`` with the category and treatment of each; rows and their order are kept.

    Needs the columns of :data:`INPUT`: business, document, contact and rate of each line (the rate as
    :func:`classify_tax_rates` gives it for the document's date), and the amounts as the API shows
    them. Adds :data:`CLASSIFIED`: ``direction`` sale or purchase, ``sign`` -1 on credit notes,
    ``signed_net``, ``signed_tax`` (the tax charged on the document), ``notional_tax`` (which the buyer
    owes and may deduct; null when there is none or nothing says how much) and ``vat_scope``, null in no
    box. Amounts are Decimal(19, 4) in the document's currency.

    Raises :class:`InputError` for a missing column.
    """
    require(lines, INPUT, "classify_tax_lines")
    given = typed(lines.lazy(), INPUT, _DEFAULTS).with_row_index("_row")
    decided = classified(given).sort("_row").select(CLASSIFIED)
    return lines.with_columns(decided.collect().get_columns())


def classified(lines: pl.LazyFrame) -> pl.LazyFrame:
    """``lines`` with :data:`CLASSIFIED`, ``treatment_source`` and ``is_notional``, in no order.

    Has the columns of :data:`INPUT` in their types, flags without nulls, and any others.
    ``treatment_source`` is document_flag, contact, rate, or none where the rate says nothing.
    """
    seen = (
        lines.with_columns(pl.col(*_TEXTS).replace("", None))
        .with_columns(*_sides(), pl.col("goods_services_type").str.to_uppercase().alias("_supply"))
        .with_columns(*_places())
        .with_columns(_case().alias("_case"))
        .with_columns(*_meaning())
    )
    is_postponed = (pl.col("treatment") == "import") & (pl.col("category_code") == "AE")
    treated = seen.with_columns(is_postponed.fill_null(False).alias("_is_postponed")).with_columns(
        _is_notional().alias("is_notional")
    )
    return treated.with_columns(
        *_amounts(),
        pl.when("_is_postponed")
        .then(pl.lit(_POSTPONED))
        .otherwise("treatment")
        .alias("_scope_treatment"),
    ).join(
        _scopes(),
        on=["_scope_treatment", "direction", "_counterparty_zone"],
        how="left",
        validate="m:1",
    )


def with_defaults(lines: pl.LazyFrame) -> pl.LazyFrame:
    """``lines`` with false for a flag that is null, as :func:`classified` wants it."""
    return lines.with_columns(pl.col(*_DEFAULTS).fill_null(False))


def _meaning() -> list[pl.Expr]:
    """``category_code, treatment, treatment_source`` of the case that a line is."""
    case = pl.col("_case")
    categories, treatments, sources = (
        dict(enumerate(values)) for values in zip(*_CASES.values(), strict=True)
    )
    says_nothing = (case == _CODES[_AS_THE_RATE]) & pl.col("rate_category").is_null()
    return [
        pl.coalesce(case.replace_strict(categories), "rate_category").alias("category_code"),
        pl.coalesce(case.replace_strict(treatments), "rate_treatment")
        .fill_null("unknown")
        .alias("treatment"),
        pl.when(says_nothing)
        .then(pl.lit("none"))
        .otherwise(case.replace_strict(sources))
        .alias("treatment_source"),
    ]


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
    """``_is_home``, whether both sides are in the EU for goods and for services, and the zone."""
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
        home.alias("_is_home"),
        goods.alias("_both_in_eu_for_goods"),
        services.alias("_both_in_eu_for_services"),
        zone.alias("_counterparty_zone"),
    ]


def _in_eu(country: str, northern_ireland: str | None = None) -> pl.Expr:
    """Member on the document's date; for goods Northern Ireland still is one."""
    is_gb = pl.col(country) == "GB"
    was_member = (pl.col("document_date") <= EU_INCLUDES_GB_UNTIL).fill_null(False)
    if northern_ireland is not None:
        was_member |= pl.col(northern_ireland)
    return (pl.col(country).is_in(EU_MEMBERS) | (is_gb & was_member)).fill_null(False)


def _case() -> pl.Expr:
    """Which of the cases a line is, by its place in :data:`_CASES`; the first that applies."""
    registered = pl.col("eu_tax_registered")
    goods_in_eu, services_in_eu = (
        pl.col("_both_in_eu_for_goods"),
        pl.col("_both_in_eu_for_services"),
    )
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
        (pl.col("vat_reverse_charge"), "flagged_reverse_charge"),
        (_is_purchase & pl.col("postponed_accounting"), "postponed_import"),
        (_is_purchase & pl.col("import"), "flagged_import"),
        (rate_decides, _AS_THE_RATE),
        (pl.col("_is_home") | pl.col("eu_not_tax_registered"), _AS_THE_RATE),
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
    applying = [pl.when(applies).then(_code(case)) for applies, case in cases]
    return pl.coalesce(*applying, _code(_AS_THE_RATE))


def _code(case: str) -> pl.Expr:
    return pl.lit(_CODES[case], pl.UInt8)


def _is_notional() -> pl.Expr:
    """Whether the buyer owes the tax, and may deduct it."""
    owed = pl.col("treatment").is_in(["reverse_charge", "intra_eu_acquisition"])
    return (_is_purchase & (owed | pl.col("_is_postponed"))).fill_null(False)


def _amounts() -> list[pl.Expr]:
    """``signed_net``, ``signed_tax``, ``notional_tax``.

    The API may show a notional tax as the tax of the line, or none at all: then it is net times
    percentage, half up to cents.
    """
    shown = pl.col("tax_amount").fill_null(0)
    is_notional = pl.col("is_notional")
    computed = (
        pl.col("net_amount").cast(EXACT) * pl.col("rate_percentage").cast(EXACT) / 100
    ).round(2, mode="half_away_from_zero")
    notional = (
        pl.when(is_notional & (shown != 0))
        .then(shown.cast(EXACT))
        .when(is_notional & (pl.col("rate_percentage") > 0))
        .then(computed)
    )
    charged = pl.when(is_notional).then(pl.lit(0, MONEY)).otherwise(shown)
    return [
        _signed(pl.col("net_amount")).alias("signed_net"),
        _signed(charged).alias("signed_tax"),
        _signed(notional.cast(MONEY)).alias("notional_tax"),
    ]


def _signed(amount: pl.Expr) -> pl.Expr:
    return pl.when(pl.col("sign") < 0).then(-amount).otherwise(amount).cast(MONEY)


def _scopes() -> pl.LazyFrame:
    """vat_scope.csv with a row for each direction and zone that a ``*`` stands for."""
    every = {"direction": ["sale", "purchase"], "_counterparty_zone": ["home", "eu", "world"]}
    scopes = (
        rule_table("vat_scope")
        .lazy()
        .rename({"treatment": "_scope_treatment", "counterparty_zone": "_counterparty_zone"})
    )
    for column, values in every.items():
        scopes = scopes.with_columns(
            pl.when(pl.col(column) == "*")
            .then(pl.lit(values))
            .otherwise(pl.concat_list(column))
            .alias(column)
        ).explode(column)
    return scopes.select("_scope_treatment", *every, "vat_scope")
