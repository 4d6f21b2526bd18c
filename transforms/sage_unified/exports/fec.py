"""FEC: the French file of accounting entries (LPF art. A47 A-1), 18 columns separated by tabs.

Formats, order and meaning: rules/exports.csv. Text is UTF-8. One sequence numbers all entries: the
opening entry is number 1, then transactions by the moment at which Sage made them.
"""

from __future__ import annotations

from datetime import date
from typing import Final

import polars as pl

from sage_unified.exports.refusals import (
    Business,
    ExportRefusedError,
    Period,
    require_accounts,
    require_cents,
)
from sage_unified.exports.texts import cents, decimal_comma, one_line
from sage_unified.rules import RULES_VERSION, rule_table

SEPARATOR: Final = "\t"
ENCODING: Final = "utf-8"
_LINE_END: Final = "\r\n"
_DATE: Final = "%Y%m%d"
_SIREN_DIGITS: Final = 9
_SHORTEST_CODE: Final = 3

JOURNALS: Final = {
    "AC": "Achats",
    "AN": "A nouveaux",
    "BQ": "Banque",
    "OD": "Opérations diverses",
    "VE": "Ventes",
}
"""Names of the usual journals. Others are called by their code: Sage's names are not in the schema."""
_BY_TYPE: Final = {"SALES": "VE", "PURCHASE": "AC"}
_MONEY: Final = "RECEIPT|PAYMENT|REFUND|BANK|OTHER_"
_OPENING_TEXT: Final = "A nouveaux"
_RESULTS: Final = {
    True: ("120", "Résultat de l'exercice (bénéfice)"),
    False: ("129", "Résultat de l'exercice (perte)"),
}
"""Where the result of the year before stands until it is appropriated; by whether it is a profit."""
_OF_THIRD_PARTIES: Final = ("receivable", "payable")
_THIRD_PARTY: Final = (
    "account_subclass",
    "contact_name",
    "contact_reference",
    "auxiliary_account",
)


def columns() -> list[str]:
    """The 18 names in the order of the law."""
    return (
        rule_table("exports")
        .filter(pl.col("export") == "FEC", pl.col("record") == "line")
        .sort("position")["field"]
        .to_list()
    )


def file_name(business: Business, year: Period) -> str:
    """SIREN, FEC, closing date; raises :class:`ExportRefusedError` without a SIREN."""
    digits = "".join((business.siret or "").split())[:_SIREN_DIGITS]
    if len(digits) != _SIREN_DIGITS or not (digits.isascii() and digits.isdigit()):
        raise ExportRefusedError(
            f"Business {business.business_id} has no SIREN (the first {_SIREN_DIGITS} digits of its "
            "SIRET), and the name of the FEC begins with it.",
            "Enter the SIRET in Sage's business settings, then run: sage-elt run",
            error_code="export-identifier-missing",
        )
    return f"{digits}FEC{year.last:{_DATE}}.txt"


def require_whole_year(business: Business, period: Period, year: Period) -> None:
    """Raise :class:`ExportRefusedError` for a period that does not begin with its financial year."""
    if period.first != year.first:
        raise ExportRefusedError(
            f"The FEC of business {business.business_id} begins with the opening entries of a financial "
            f"year, and {period.first} is no first day of one.",
            f"Use --from {year.first}.",
            error_code="export-period-wrong",
        )


def header() -> bytes:
    """The first line."""
    return (SEPARATOR.join(columns()) + _LINE_END).encode(ENCODING)


def opening_lines(balances: pl.DataFrame, first_day: date) -> pl.DataFrame:
    """Lines of the opening entry: the balances before ``first_day``, by account and third party.

    ``balances`` has ``account_id, code, account_name, account_subclass, amount`` and the columns of
    the contact
    (base currency, debit positive). Balances of classes 6 and 7 are the result of earlier years, on 120 or
    129. Empty when all are zero. Raises :class:`ExportRefusedError` as :func:`entry_lines` does.
    """
    counted = balances.filter(pl.col("amount") != 0).with_columns(
        pl.col("account_id").alias("entry_id")
    )
    _require_sound(counted)
    of_result = pl.col("code").str.slice(0, 1).is_in(["6", "7"])
    result = counted.filter(of_result)["amount"].sum()
    lines = counted.filter(~of_result).select("code", "account_name", *_THIRD_PARTY, "amount")
    if result != 0:
        code, name = _RESULTS[result < 0]
        row = {"code": code, "account_name": name, "amount": result}
        lines = pl.concat([lines, pl.DataFrame([row], schema=lines.schema)])
    day = pl.lit(first_day)
    return _lines(
        lines.sort("code", *_THIRD_PARTY, nulls_last=True).with_columns(
            pl.col("amount").clip(lower_bound=0).alias("debit"),
            (-pl.col("amount")).clip(lower_bound=0).alias("credit"),
            pl.lit("AN").alias("journal"),
            pl.lit(1, pl.Int64).alias("number"),
            day.alias("date"),
            pl.lit(_OPENING_TEXT).alias("piece"),
            day.alias("piece_date"),
            pl.lit(_OPENING_TEXT).alias("text"),
            day.alias("valid_date"),
            pl.lit(None, pl.Decimal(19, 4)).alias("currency_amount"),
            pl.lit(None, pl.String).alias("currency"),
        )
    )


def entry_lines(entries: pl.DataFrame, first_number: int) -> pl.DataFrame:
    """18 text columns of a batch of whole transactions, in its order.

    ``entries`` has ``transaction_no`` (from 1), ``entry_id, account_id, code, account_name,
    account_subclass, contact_name, contact_reference, auxiliary_account, journal_code, transaction_type,
    transaction_id, date, document_number, document_date, reference, description, debit, credit, amount,
    created_at, currency, currency_amount``; a third party is named on receivables and payables. Raises
    :class:`ExportRefusedError` for an account without a code of three characters and for a fraction of a
    cent.
    """
    _require_sound(entries)
    kind = pl.col("transaction_type").fill_null("")
    by_type = (
        pl.when(kind.str.contains("OPENING_BALANCE"))
        .then(pl.lit("OD"))
        .when(kind.str.starts_with("SALES"))
        .then(pl.lit(_BY_TYPE["SALES"]))
        .when(kind.str.starts_with("PURCHASE"))
        .then(pl.lit(_BY_TYPE["PURCHASE"]))
        .when(kind.str.contains(_MONEY))
        .then(pl.lit("BQ"))
        .otherwise(pl.lit("OD"))
    )
    return _lines(
        entries.with_columns(
            pl.coalesce(_text("journal_code"), by_type).alias("journal"),
            (pl.col("transaction_no") - 1 + first_number).cast(pl.Int64).alias("number"),
            pl.coalesce(
                _text("document_number"), _text("reference"), _text("transaction_id"), "entry_id"
            ).alias("piece"),
            pl.coalesce("document_date", "date").alias("piece_date"),
            pl.coalesce(_text("description"), _text("transaction_type"), pl.lit("Ecriture")).alias(
                "text"
            ),
            pl.coalesce(pl.col("created_at").dt.date(), "date").alias("valid_date"),
        )
    )


def to_bytes(lines: pl.DataFrame) -> bytes:
    """The lines of a frame of 18 text columns."""
    text = lines.select(pl.concat_str(pl.all(), separator=SEPARATOR)).to_series()
    return "".join(f"{line}{_LINE_END}" for line in text).encode(ENCODING)


def description_note(business: Business, period: Period, year: Period) -> str:
    """The note that the law wants beside the file: encoding, separator, meaning of codes."""
    journals = "\n".join(f"  {code}  {name}" for code, name in JOURNALS.items())
    state = (
        "clos ou complet" if period.last == year.last else f"en cours, écritures au {period.last}"
    )
    return f"""Descriptif du fichier des écritures comptables (LPF art. A47 A-1)

Exercice : {year.first} au {year.last} ({state})
Monnaie : {business.base_currency}
Codage : UTF-8. Séparateur : tabulation. Fin de ligne : CR LF. Première ligne : noms des 18 zones.
Montants : virgule décimale, sans séparateur de milliers. Dates : AAAAMMJJ.
Numérotation : une séquence continue ; 1 est l'écriture d'à-nouveau.
ValidDate : date de saisie dans Sage, qui ne connaît pas de date de validation.
EcritureLet, DateLet : vides, Sage ne tient pas de lettrage dans le grand livre.
Ne figurent pas : écritures de clôture des classes 6 et 7, centralisations.
Journaux (un autre code porte le nom que Sage lui donne par son code) :
{journals}
Règles : version {RULES_VERSION}
"""


def _lines(rows: pl.DataFrame) -> pl.DataFrame:
    journal = one_line(pl.col("journal"), "\t|")
    of_third_party = pl.col("account_subclass").is_in(_OF_THIRD_PARTIES)
    auxiliary = pl.when(of_third_party).then(
        pl.coalesce(_text("auxiliary_account"), _text("contact_reference"))
    )
    foreign = pl.col("currency_amount").is_not_null()
    nothing = pl.lit("")
    values = {
        "JournalCode": journal,
        "JournalLib": journal.replace(JOURNALS),
        "EcritureNum": pl.col("number").cast(pl.String),
        "EcritureDate": pl.col("date").dt.strftime(_DATE),
        "CompteNum": _text("code"),
        "CompteLib": pl.coalesce(_text("account_name"), _text("code")),
        "CompAuxNum": auxiliary,
        "CompAuxLib": pl.when(auxiliary.is_not_null()).then(_text("contact_name")),
        "PieceRef": _text("piece"),
        "PieceDate": pl.col("piece_date").dt.strftime(_DATE),
        "EcritureLib": _text("text"),
        "Debit": decimal_comma(cents(pl.col("debit"))),
        "Credit": decimal_comma(cents(pl.col("credit"))),
        "EcritureLet": nothing,
        "DateLet": nothing,
        "ValidDate": pl.col("valid_date").dt.strftime(_DATE),
        "Montantdevise": pl.when(foreign).then(decimal_comma(cents(pl.col("currency_amount")))),
        "Idevise": pl.when(foreign).then("currency"),
    }
    return rows.select(values[name].fill_null("").alias(name) for name in columns())


def _text(column: str) -> pl.Expr:
    return one_line(pl.col(column), "\t|")


def _require_sound(entries: pl.DataFrame) -> None:
    require_accounts(entries, "the FEC")
    require_cents(entries)
    short = entries.filter(_text("code").fill_null("").str.len_chars() < _SHORTEST_CODE)
    if not short.is_empty():
        raise ExportRefusedError(
            f"The account {short['code'][0]!r} has fewer than {_SHORTEST_CODE} characters, and in the FEC "
            "the first three follow the Plan comptable général.",
            "Renumber the account in Sage, then run: sage-elt run",
            error_code="export-account-unusable",
        )
