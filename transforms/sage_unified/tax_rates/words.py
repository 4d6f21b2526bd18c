"""Names of tax rates as the rules read them, and the words in them that name a tax."""

from __future__ import annotations

from typing import Final

import polars as pl

ANY_TAX: Final = "*"
"""No word names a tax: rates of every tax may be meant."""

_TAX_WORDS: Final = (
    # the taxes that may be meant, joined by "+"; the words, in normalised text
    ("VAT", r"\b(vat|mwst|ust|umsatzsteuer|mehrwertsteuer|tva|iva)\b"),
    ("IGIC", r"\bigic\b"),
    ("IPSI", r"\bipsi\b"),
    ("VAT_RE+RE", r"\b(recargo|equivalencia)\b"),
    ("HST", r"\b(hst|tvh)\b"),
    ("GST+GST_PST+GST_QST", r"\b(gst|tps)\b"),
    ("PST+GST_PST", r"\b(pst|rst|tvp)\b"),
    ("QST+GST_QST", r"\b(qst|tvq)\b"),
    ("SALES_TAX", r"\bsales tax\b"),
)
_GUID = r"^\s*[0-9A-Fa-f]{8}-?([0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}\s*$"


def normalised(name: pl.Expr) -> pl.Expr:
    """Lower-case letters, digits, ``%``, ``.`` and ``,`` in words with one blank between.

    Accents fall off, ß is ss, & is "and", a point or comma that ends a word goes. Null is "".
    """
    plain = (
        name.fill_null("")
        .str.normalize("NFKD")
        .str.to_lowercase()
        .str.replace_all(r"\p{M}", "")
        .str.replace_all("ß", "ss", literal=True)
        .str.replace_all("&", " and ", literal=True)
        .str.replace_all(r"[^a-z0-9%.,]", " ")
    )
    return (
        plain.str.replace_all(r"[.,]+( |$)", " ").str.replace_all(r" +", " ").str.strip_chars(" ")
    )


def normalised_id(tax_rate_id: pl.Expr) -> pl.Expr:
    """The id in capitals without outer blanks; null is ""."""
    return tax_rate_id.fill_null("").str.strip_chars().str.to_uppercase()


def unless_guid(tax_rate_id: pl.Expr) -> pl.Expr:
    """The id, or "" for one of 32 hexadecimal digits, which says nothing."""
    return pl.when(~tax_rate_id.str.contains(_GUID)).then(tax_rate_id).otherwise(pl.lit(""))


def taxes_named(text: pl.Expr) -> pl.Expr:
    """The tax types that words of normalised text name, joined by ``+``, or :data:`ANY_TAX`."""
    named = pl.concat_str(
        [pl.when(text.str.contains(words)).then(pl.lit(taxes)) for taxes, words in _TAX_WORDS],
        separator="+",
        ignore_nulls=True,
    )
    return pl.when(named == "").then(pl.lit(ANY_TAX)).otherwise(named)
