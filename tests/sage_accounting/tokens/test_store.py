"""The seam for other vaults, and the usual store where its places disagree or fail."""

from pathlib import Path
from typing import Any

import dlt
import pytest
from cryptography.fernet import Fernet

from sage_accounting.errors import TokenStoreError
from sage_accounting.tokens.crypt import Cipher
from sage_accounting.tokens.dlt_state import DltState
from sage_accounting.tokens.journal import Journal
from sage_accounting.tokens.record import Record
from sage_accounting.tokens.store import LocalStore

KEY = Fernet.generate_key().decode()


def store_in(folder: Path, destination: Any = None) -> LocalStore:
    journal = Journal(folder / "sage_auth__acme.journal")
    return LocalStore(journal, DltState("acme", destination, folder), Cipher([KEY]))


def save(store: LocalStore, record: Record) -> None:
    with store.lock():
        store.save(record)


def load(store: LocalStore) -> Record | None:
    with store.lock():
        return store.load(everywhere=True)


def test_stale_process_can_not_write_an_older_generation(tmp_path: Path) -> None:
    save(store_in(tmp_path), Record(generation=2, version=2))
    with pytest.raises(TokenStoreError, match="newer generation"):
        save(store_in(tmp_path), Record(generation=1, version=3))
    assert load(store_in(tmp_path)) == Record(generation=2, version=2)


def test_record_saved_again_changes_nothing(tmp_path: Path) -> None:
    store, record = store_in(tmp_path), Record(generation=1, version=1)
    save(store, record)
    before = (tmp_path / "sage_auth__acme.journal").read_bytes()
    save(store, record)
    assert (tmp_path / "sage_auth__acme.journal").read_bytes() == before


def test_record_found_elsewhere_is_journalled(tmp_path: Path) -> None:
    record = Record(generation=1, version=1)
    save(store_in(tmp_path), record)
    (tmp_path / "sage_auth__acme.journal").unlink()
    load(store_in(tmp_path))
    newest = Journal(tmp_path / "sage_auth__acme.journal").read().newest
    assert newest is not None
    assert newest.age_order == record.age_order


def test_journal_stays_small(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    for version in range(1, 6):
        save(store, Record(generation=version, version=version))
    assert (tmp_path / "sage_auth__acme.journal").read_bytes().count(b"\n") == 1


def test_unreadable_destination_is_no_missing_authorisation(tmp_path: Path) -> None:
    nowhere = dlt.destinations.filesystem(str(tmp_path / "file"))
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(TokenStoreError, match="destination of pipeline sage_auth__acme"):
        load(store_in(tmp_path / "pipelines", nowhere))


def test_read_only_folder_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("no folder")
    with pytest.raises(TokenStoreError, match="Give this user the right to write"):
        load(store_in(tmp_path / "folder"))
