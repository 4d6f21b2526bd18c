"""Numbers of offices: wrong ones are listed with a reason and without the number."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from sage_unified.exports.identifiers import bad_identifiers
from sage_unified.exports.refusals import Business


def problems(business: Business, number: str | None, country: str | None) -> list[tuple[str, ...]]:
    contacts = pl.DataFrame(
        {"contact_id": ["c"], "tax_number": [number], "country": [country]},
        schema=dict.fromkeys(("contact_id", "tax_number", "country"), pl.String),
    )
    return bad_identifiers(business, contacts).select("id", "kind", "problem").rows()


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("FR83404833048", "FR"),
        ("DE136695976", "DE"),
        ("GB980780684", "GB"),
        ("ESA58818501", "ES"),
        ("A58818501", "ES"),
        ("anything", "US"),
        (None, "FR"),
    ],
)
def test_good_number_is_not_listed(
    french: Business, number: str | None, country: str | None
) -> None:
    assert problems(french, number, country) == []


@pytest.mark.parametrize(
    ("number", "country", "kind", "problem"),
    [
        ("FR83404833045", "FR", "vat", "checksum"),
        ("DE12", "DE", "vat", "length"),
        ("GB980780685", "GB", "gb_vat", "checksum"),
        ("A58818502", "ES", "nif", "checksum"),
    ],
)
def test_bad_number_is_listed_with_its_reason(
    french: Business, number: str, country: str, kind: str, problem: str
) -> None:
    assert problems(french, number, country) == [("c", kind, problem)]


def test_bad_siren_of_the_business_is_listed(french: Business) -> None:
    found = problems(replace(french, siret="73282932100074"), None, None)
    assert found == [("b1", "siren", "checksum")]
