"""Who is on an invoice as the Spanish tax office wants to know it: by NIF, or by another number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from sage_unified.exports.texts import one_line_of
from sage_unified.vocabulary import EU_MEMBERS

HOME: Final = "ES"
_NIF_LENGTH: Final = 9
_MOST: Final = 20
"""Characters of a number that is no NIF."""
_OF_NO_RESIDENT: Final = "N"
"""NIF of foreign companies begin with it."""
_EU_VAT, _FOREIGN, _NOT_IN_CENSUS = "02", "04", "07"
_ISO: Final = {"EL": "GR", "XI": "GB"}
"""Prefixes of VAT numbers that are no code of a country."""


@dataclass(frozen=True)
class Party:
    """A company on an invoice. Either ``nif`` is set, or ``country, kind, number`` are."""

    name: str
    nif: str | None = None
    country: str | None = None
    kind: str | None = None
    number: str | None = None

    @property
    def is_foreign(self) -> bool:
        """Whether the invoice tells goods from services (DesgloseTipoOperacion)."""
        return self.nif is None or self.nif.startswith(_OF_NO_RESIDENT)

    @property
    def identity(self) -> str:
        """What names the company in one word."""
        return self.nif or f"{self.country}{self.kind}{self.number}"


def nif_of(tax_number: str | None) -> str | None:
    """The NIF in a Spanish tax number, with or without its prefix; None when it has not 9 characters."""
    bare = _bare(tax_number).removeprefix(HOME)
    return bare if len(bare) == _NIF_LENGTH else None


def party(name: str | None, tax_number: str | None, country: str | None) -> Party | None:
    """The company of a contact; None when it has no name or no number."""
    number, called = _bare(tax_number), one_line_of(name or "")
    if not number or not called:
        return None
    prefix = number[:2]
    is_abroad = country is not None and country != HOME
    if prefix == HOME or (not is_abroad and prefix not in (*EU_MEMBERS, "XI")):
        if nif := nif_of(number):
            return Party(called, nif=nif)
        return Party(called, country=HOME, kind=_NOT_IN_CENSUS, number=number[:_MOST])
    if prefix in (*EU_MEMBERS, "XI"):
        place = _ISO.get(prefix, prefix)
        return Party(called, country=place, kind=_EU_VAT, number=number[:_MOST])
    return Party(called, country=country, kind=_FOREIGN, number=number[:_MOST])


def _bare(tax_number: str | None) -> str:
    return re.sub(r"[^0-9A-Z]", "", (tax_number or "").upper())
