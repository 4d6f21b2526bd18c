"""The seam for other vaults: what every store promises, kept by three kinds of them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from sage_accounting.errors import TokenStoreError
from sage_accounting.tokens import Vault
from sage_accounting.tokens.crypt import Cipher
from sage_accounting.tokens.dlt_state import DltState
from sage_accounting.tokens.endpoint import TokenEndpoint
from sage_accounting.tokens.journal import Journal
from sage_accounting.tokens.other_stores import SERVICE, KeyringStore, MemoryStore
from sage_accounting.tokens.record import Record
from sage_accounting.tokens.store import LocalStore, TokenStore

keyring = pytest.importorskip("keyring")
CIPHER = Cipher([Fernet.generate_key().decode()])


@pytest.fixture
def passwords() -> Iterator[dict[str, str]]:
    """What the keyring of the module ``keyring`` holds of our service, by connection."""
    held: dict[str, str] = {}

    class DictKeyring(keyring.backend.KeyringBackend):  # type: ignore[misc, name-defined]
        priority = 1

        def get_password(self, service: str, username: str) -> str | None:
            assert service == SERVICE
            return held.get(username)

        def set_password(self, service: str, username: str, password: str) -> None:
            assert service == SERVICE
            if "locked" in held:
                raise keyring.errors.KeyringLocked(f"no place for {password}")
            held[username] = password

    before = keyring.get_keyring()
    keyring.set_keyring(DictKeyring())
    yield held
    keyring.set_keyring(before)


def memory_store(_folder: Path) -> TokenStore:
    return MemoryStore()


def keyring_store(folder: Path) -> TokenStore:
    return KeyringStore("acme", CIPHER, keyring, folder / "acme.lock")


def local_store(folder: Path) -> TokenStore:
    return LocalStore(Journal(folder / "acme.journal"), DltState("acme", None, folder), CIPHER)


@pytest.fixture(params=[memory_store, keyring_store, local_store])
def store(request: pytest.FixtureRequest, tmp_path: Path, passwords: dict[str, str]) -> TokenStore:
    make: Callable[[Path], TokenStore] = request.param
    return make(tmp_path)


def test_store_that_holds_nothing_loads_none(store: TokenStore) -> None:
    with store.lock():
        assert store.load(everywhere=True) is None


def test_saved_record_is_loaded(store: TokenStore) -> None:
    record = Record(generation=1, version=2, businesses=("b1",))
    with store.lock():
        store.save(record)
    with store.lock():
        assert store.load() == record


def test_older_record_is_not_written_over_a_newer_one(store: TokenStore) -> None:
    with store.lock():
        store.save(Record(generation=2, version=2))
        with pytest.raises(TokenStoreError, match="newer generation"):
            store.save(Record(generation=1, version=3))
        assert store.load() == Record(generation=2, version=2)


def test_vault_signs_in_refreshes_and_selects_with_any_store(sage: Any, store: TokenStore) -> None:
    endpoint = TokenEndpoint(sage.settings)
    vault = Vault("acme", store, endpoint)
    vault.store_authorisation(endpoint.refresh(sage.sandbox.authorise()))  # type: ignore[arg-type]
    vault.select(["b1"])
    vault.refresh_after(vault.bearer())
    other = Vault("acme", store, endpoint)
    assert (other.bearer(), other.selection()) == (vault.bearer(), ["b1"])


def test_keyring_holds_no_token_in_clear(
    sage: Any, passwords: dict[str, str], tmp_path: Path
) -> None:
    endpoint = TokenEndpoint(sage.settings)
    vault = Vault("acme", keyring_store(tmp_path), endpoint)
    vault.store_authorisation(endpoint.refresh(sage.sandbox.authorise()))  # type: ignore[arg-type]
    assert vault.bearer() not in passwords["acme"]


def test_locked_keyring_stops_before_anything_is_sent_and_quotes_nothing(
    passwords: dict[str, str], tmp_path: Path
) -> None:
    store = keyring_store(tmp_path)
    with store.lock():
        store.save(Record(generation=1, version=1))
    secret = passwords["acme"]
    passwords["locked"] = "yes"
    with pytest.raises(TokenStoreError, match="Unlock the keyring") as caught, store.lock():
        pytest.fail("the lock was given")
    assert secret not in str(caught.value)
