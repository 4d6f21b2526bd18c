"""The XML of Spain's SII, version 1.1: envelope, elements, formats.

Source: rules/exports.csv (SII); names and order are those of SuministroLR.xsd and
SuministroInformacion.xsd of the AEAT.
"""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, Literal
from xml.sax.saxutils import escape

from sage_unified.exports.refusals import Business
from sage_unified.exports.sii_parties import Party
from sage_unified.exports.texts import one_line_of
from sage_unified.rules import RULES_VERSION

Book = Literal["issued", "received"]
MOST_RECORDS: Final = 10_000
_PLACE: Final = "https://www2.agenciatributaria.gob.es/static_files/common/internet/dep/aplicaciones/es/aeat/ssii/fact/ws"
_ROOTS: Final[dict[Book, str]] = {
    "issued": "SuministroLRFacturasEmitidas",
    "received": "SuministroLRFacturasRecibidas",
}
_CENT: Final = Decimal("0.01")


def opening(book: Book, business: Business, nif: str) -> str:
    """All before the first invoice: declaration, version of the rules, root, header."""
    header = of(
        "Cabecera",
        text("IDVersionSii", "1.1"),
        of("Titular", text("NombreRazon", business.name, 120), text("NIF", nif)),
        text("TipoComunicacion", "A0"),
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<!-- sage-elt, rules {RULES_VERSION} -->\n"
        f'<siiLR:{_ROOTS[book]} xmlns:siiLR="{_PLACE}/SuministroLR.xsd" '
        f'xmlns:sii="{_PLACE}/SuministroInformacion.xsd">\n{header}\n'
    )


def closing(book: Book) -> str:
    """All behind the last invoice."""
    return f"</siiLR:{_ROOTS[book]}>\n"


def of(name: str, *children: str, prefix: str = "sii") -> str:
    """An element of elements; those that are empty text are left out."""
    return f"<{prefix}:{name}>{''.join(children)}</{prefix}:{name}>"


def text(name: str, value: str, most: int | None = None) -> str:
    """An element of text: one line, no longer than ``most``."""
    return f"<sii:{name}>{escape(one_line_of(value)[:most].strip())}</sii:{name}>"


def money(name: str, amount: Decimal) -> str:
    """An element of an amount with two decimals, or of a rate."""
    return f"<sii:{name}>{amount.quantize(_CENT, ROUND_HALF_UP) + 0:f}</sii:{name}>"


def day(name: str, value: date) -> str:
    """An element of a date."""
    return f"<sii:{name}>{value:%d-%m-%Y}</sii:{name}>"


def identity(who: Party) -> str:
    """NIF, or country, kind and number."""
    if who.nif:
        return text("NIF", who.nif)
    return of(
        "IDOtro",
        text("CodigoPais", who.country or ""),
        text("IDType", who.kind or ""),
        text("ID", who.number or ""),
    )


def counterparty(who: Party) -> str:
    """The company on the other side."""
    return of("Contraparte", text("NombreRazon", who.name, 120), identity(who))
