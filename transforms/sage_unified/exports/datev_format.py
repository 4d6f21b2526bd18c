"""How DATEV's EXTF files are written: header, fields by position, Windows-1252.

Source: rules/exports.csv and rules/datev_fields.csv. Text is quoted even when empty, numbers and dates
never are.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

import polars as pl

from sage_unified.exports.refusals import ExportRefusedError, Period
from sage_unified.exports.texts import one_line
from sage_unified.rules import RULES_VERSION, rule_table

ENCODING: Final = "cp1252"
MOST_RECORDS: Final = 99_999
"""Of a file; what is more goes to another one."""
_LINE_END: Final = "\r\n"
_DATE: Final = "%Y%m%d"
_CONSULTANTS: Final = range(1_001, 10_000_000)
_CLIENTS: Final = range(1, 100_000)
_EXTERNAL: Final = {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"}

Record = Literal["booking", "contact"]


@dataclass(frozen=True)
class Batch:
    """What the header of a file says."""

    consultant: int
    client: int
    year_first: date
    account_length: int
    made_at: datetime
    """Of the newest entry, so that the same books give the same file."""
    chart: str
    currency: str
    entries: Period
    """Days of the first and the last entry."""


def require_numbers(consultant: int, client: int) -> None:
    """Raise :class:`ExportRefusedError` for numbers that no consultant or client of DATEV has."""
    if consultant not in _CONSULTANTS or client not in _CLIENTS:
        raise ExportRefusedError(
            f"The consultant number {consultant} or the client number {client} can not be DATEV's: they "
            f"are {_CONSULTANTS[0]} to {_CONSULTANTS[-1]} and {_CLIENTS[0]} to {_CLIENTS[-1]}.",
            "Ask the tax consultant for both: --consultant, --client.",
            error_code="export-number-wrong",
        )


def header(batch: Batch, record: Record) -> str:
    """The two first lines of a file: 31 fields, then the names of the columns."""
    booking = record == "booking"
    empty, quoted = "", '""'
    only_bookings = [
        f"{batch.entries.first:{_DATE}}",
        f"{batch.entries.last:{_DATE}}",
    ]
    label = f"Sage {batch.entries.first} - {batch.entries.last}"
    chart = f'"{batch.chart.removeprefix("SKR")}"'
    fields = [
        '"EXTF"',
        "700",
        "21" if booking else "16",
        '"Buchungsstapel"' if booking else '"Debitoren/Kreditoren"',
        "13" if booking else "5",
        f"{batch.made_at:%Y%m%d%H%M%S}{batch.made_at.microsecond // 1000:03}",
        empty,
        '"SG"',
        '"sage-elt"',
        quoted,
        str(batch.consultant),
        str(batch.client),
        f"{batch.year_first:{_DATE}}",
        str(batch.account_length),
        *(only_bookings if booking else (empty, empty)),
        f'"{label}"' if booking else quoted,
        quoted,
        *(("1", "0", "0", f'"{batch.currency}"') if booking else (empty, empty, empty, quoted)),
        empty,
        quoted,
        empty,
        empty,
        chart if booking else quoted,
        empty,
        empty,
        quoted,
        f'"sage-elt {RULES_VERSION}"',
    ]
    names = _fields(record)["field"].to_list()
    return f"{';'.join(fields)}{_LINE_END}{';'.join(names)}{_LINE_END}"


def records(rows: pl.DataFrame, record: Record, values: Mapping[str, pl.Expr]) -> pl.Series:
    """Each row as the line of a record; ``values`` are text by the name of their field.

    A field that is not given is empty.
    """
    parts = []
    for name, kind in _fields(record).select("field", "kind").iter_rows():
        value = values.get(name)
        if kind == "text":
            inner = pl.lit("") if value is None else quotable(value)
            parts.append(pl.concat_str(pl.lit('"'), inner, pl.lit('"')))
        else:
            parts.append(pl.lit("") if value is None else value.fill_null(""))
    return rows.select(pl.concat_str(parts, separator=";").alias("line")).to_series()


def quotable(text: pl.Expr) -> pl.Expr:
    """Text for between quotes: one line, quotes doubled, empty where there is none."""
    return one_line(text).fill_null("").str.replace_all('"', '""', literal=True)


def limited(text: pl.Expr, length: int) -> pl.Expr:
    """At most so many characters of one line."""
    return one_line(text).str.slice(0, length)


def reference(text: pl.Expr, length: int) -> pl.Expr:
    """Text of the characters that DATEV allows in the number of a document."""
    spelled = one_line(text)
    for letter, letters in _EXTERNAL.items():
        spelled = spelled.str.replace_all(letter, letters, literal=True)
    return spelled.str.replace_all(r"[^A-Za-z0-9$&%*+\-/]", "-").str.slice(0, length)


def to_bytes(lines: Sequence[str] | pl.Series) -> bytes:
    """Lines in Windows-1252; a character that it lacks is written as its nearest or as ``?``."""
    return encoded("".join(f"{line}{_LINE_END}" for line in lines))


def encoded(text: str) -> bytes:
    """Text in Windows-1252, see :func:`to_bytes`."""
    try:
        return text.encode(ENCODING)
    except UnicodeEncodeError:
        return b"".join(_character(character) for character in text)


def _character(character: str) -> bytes:
    try:
        return character.encode(ENCODING)
    except UnicodeEncodeError:
        plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore")
        # a sign that unfolds into quotes or separators would break the line
        return plain if plain.isalnum() else b"?"


def _fields(record: Record) -> pl.DataFrame:
    return rule_table("datev_fields").filter(pl.col("record") == record).sort("position")
