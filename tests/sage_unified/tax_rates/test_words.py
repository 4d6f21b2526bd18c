"""Names are searched in plain words."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_unified.tax_rates.words import ANY_TAX, normalised, taxes_named, unless_guid


def plain(*names: str | None) -> list[str]:
    frame = pl.DataFrame({"name": names}, schema={"name": pl.String})
    return frame.select(normalised(pl.col("name"))).to_series().to_list()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("  ZERO   RATED  ", "zero rated"),
        ("Ermäßigt", "ermassigt"),
        ("EXONÉRÉ", "exonere"),
        ("Sales & Use Tax", "sales and use tax"),
        ("GST&PST", "gst and pst"),
        ("zero_rated", "zero rated"),
        ("ig. Erwerb,", "ig erwerb"),
        ("Standard 17.5%", "standard 17.5%"),
        ("TVA 5,5 %", "tva 5,5 %"),
        ("§13b UStG", "13b ustg"),
        (None, ""),
    ],
)
def test_name_in_plain_words(name: str | None, words: str) -> None:
    assert plain(name) == [words]


@given(st.text())
def test_normalising_again_changes_nothing(name: str) -> None:
    (once,) = plain(name)
    assert plain(once) == [once]


@given(st.text())
def test_plain_words_hold_only_the_letters_that_rules_know(name: str) -> None:
    assert set(plain(name)[0]) <= set("abcdefghijklmnopqrstuvwxyz0123456789%., ")


@pytest.mark.parametrize(
    ("text", "taxes"),
    [
        ("vat 20%", "VAT"),
        ("ustg 13b", ANY_TAX),
        ("igic general", "IGIC"),
        ("import gst", "GST+GST_PST+GST_QST"),
        ("", ANY_TAX),
    ],
)
def test_tax_words_say_which_taxes_may_be_meant(text: str, taxes: str) -> None:
    frame = pl.DataFrame({"text": [text]})
    assert frame.select(taxes_named(pl.col("text"))).item() == taxes


@pytest.mark.parametrize(
    ("tax_rate_id", "kept"),
    [
        ("GB_STANDARD", "GB_STANDARD"),
        ("d0bf28bc099ac80a24afd8dbf8bcc430", ""),
        ("D0BF28BC-099A-C80A-24AF-D8DBF8BCC430", ""),
    ],
)
def test_only_an_id_that_says_something_is_read(tax_rate_id: str, kept: str) -> None:
    frame = pl.DataFrame({"id": [tax_rate_id]})
    assert frame.select(unless_guid(pl.col("id"))).item() == kept
