"""Numbers that offices give: those that can not be right, each with its reason.

Checked by their digits alone (python-stdnum); whether an office knows them is not asked. A bad number is
listed and written as Sage has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import polars as pl
from stdnum.es import nif
from stdnum.eu import vat
from stdnum.exceptions import ValidationError
from stdnum.fr import siren
from stdnum.gb import vat as gb_vat

from sage_unified.exports.refusals import Business
from sage_unified.vocabulary import EU_MEMBERS

COLUMNS: Final = ("subject", "id", "kind", "problem")
_CHECKS: Final[Mapping[str, Callable[[str], str]]] = {
    "vat": vat.validate,
    "gb_vat": gb_vat.validate,
    "nif": nif.validate,
    "siren": siren.validate,
}


def bad_identifiers(business: Business, contacts: pl.DataFrame) -> pl.DataFrame:
    """``subject, id, kind, problem`` of the numbers of a business and its contacts that are wrong.

    ``contacts`` has ``contact_id, tax_number, country``. The numbers themselves are not repeated.
    Ordered by subject and id.
    """
    rows: list[tuple[str, str, str, str]] = []
    number, country = business.tax_number, business.country
    if number and (problem := _problem(number, country)):
        rows.append(("business", business.business_id, _kind(number, country), problem))
    if business.siret and (problem := checked("siren", business.siret[:9])):
        rows.append(("business", business.business_id, "siren", problem))
    numbered = contacts.filter(pl.col("tax_number").is_not_null()).sort("contact_id")
    for contact_id, number, country in numbered.select(
        "contact_id", "tax_number", "country"
    ).iter_rows():
        if problem := _problem(number, country):
            rows.append(("contact", contact_id, _kind(number, country), problem))
    return pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String), orient="row")


def checked(kind: str, number: str) -> str | None:
    """What is wrong with a number of a kind, in a word; None when nothing is."""
    try:
        _CHECKS[kind](number)
    except ValidationError as error:
        return type(error).__name__.removeprefix("Invalid").lower()
    return None


def _problem(number: str, country: str | None) -> str | None:
    kind = _kind(number, country)
    return checked(kind, number) if kind in _CHECKS else None


def _kind(number: str, country: str | None) -> str:
    """What the number should be by its prefix, else by the country; ``other`` when nothing says it."""
    place = number.strip()[:2].upper() if number.strip()[:2].isalpha() else country
    if place in ("GB", "XI"):
        return "gb_vat"
    if place == "ES" or (country == "ES" and place not in EU_MEMBERS):
        return "nif"
    return "vat" if place in EU_MEMBERS else "other"
