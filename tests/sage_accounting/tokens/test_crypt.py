"""Records encrypted at rest, and the rotation of keys."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from sage_accounting.errors import ConfigurationError, TokenKeyError
from sage_accounting.tokens.crypt import Cipher, Sealed
from sage_accounting.tokens.record import Record, Tokens

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()

texts = st.text(max_size=60)
tokens = st.builds(
    Tokens,
    access_token=texts,
    refresh_token=texts,
    asked_at=st.integers(0, 4 * 10**15).map(
        lambda microseconds: datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)
    ),
    access_lifetime_s=st.floats(0, 1e6),
    refresh_lifetime_s=st.floats(0, 1e9),
)
records = st.builds(
    Record,
    generation=st.integers(0, 10**9),
    version=st.integers(0, 10**9),
    tokens=st.none() | tokens,
    is_refused=st.booleans(),
    user_id=st.none() | texts,
    businesses=st.lists(texts, max_size=5).map(tuple),
)


@given(records)
def test_opened_record_equals_the_sealed_one(record: Record) -> None:
    cipher = Cipher([NEW])
    assert cipher.open(cipher.seal(record)) == record


@given(records)
def test_former_key_in_the_list_opens_what_it_sealed(record: Record) -> None:
    assert Cipher([NEW, OLD]).open(Cipher([OLD]).seal(record)) == record


def test_first_key_of_the_list_seals() -> None:
    sealed = Cipher([NEW, OLD]).seal(Record())
    assert Cipher([NEW]).open(sealed) == Record()


def test_missing_key_is_an_error_that_knows_which_generation_it_could_not_open() -> None:
    sealed = Cipher([OLD]).seal(Record(generation=7, version=9))
    with pytest.raises(TokenKeyError, match="another key") as caught:
        Cipher([NEW]).open(sealed)
    assert (caught.value.generation, caught.value.version) == (7, 9)


def test_numbers_outside_can_not_be_raised_by_hand() -> None:
    cipher = Cipher([NEW])
    sealed = cipher.seal(Record(generation=7, version=9))
    with pytest.raises(TokenKeyError):
        cipher.open(Sealed(8, 9, sealed.text))


def test_key_that_is_no_key_is_named_by_its_place_not_by_its_text() -> None:
    with pytest.raises(ConfigurationError, match="Key 2 in the setting token_key") as caught:
        Cipher([NEW, "password1"])
    assert "password1" not in str(caught.value)


def test_repr_of_tokens_shows_none() -> None:
    record = Record(tokens=Tokens("secret-a", "secret-r", datetime.now(UTC), 300, 2678400))
    assert "secret" not in repr(record)
