"""Stores without a journal: in memory, and in the keyring of the operating system.

They show how little a :class:`sage_accounting.tokens.store.TokenStore` needs. Without a journal an answer of
Sage lives in the asking process only until :meth:`save` has it: a kill in between costs a sign-in, which
the usual store does not.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from sage_accounting.errors import TokenStoreError
from sage_accounting.tokens.crypt import Cipher, Sealed
from sage_accounting.tokens.file_lock import file_lock
from sage_accounting.tokens.record import Record
from sage_accounting.tokens.store import refuse_older

SERVICE = "sage-elt"


class MemoryStore:
    """A record that lives as long as the process: for tests, and for callers that keep it themselves."""

    def __init__(self) -> None:
        self._record: Record | None = None
        self._lock = threading.Lock()

    @contextmanager
    def lock(self) -> Iterator[None]:
        with self._lock:
            yield

    def load(self, *, everywhere: bool = False) -> Record | None:  # noqa: ARG002 - one place only
        return self._record

    def save(self, record: Record) -> None:
        refuse_older(record, self._record)
        self._record = record


class Keyring(Protocol):
    """What is used of a keyring; the module ``keyring`` itself fits."""

    def get_password(self, service_name: str, username: str) -> str | None: ...

    def set_password(self, service_name: str, username: str, password: str) -> None: ...


class KeyringStore:
    """The encrypted record of one connection in a keyring, under the service ``sage-elt``."""

    def __init__(self, connection: str, cipher: Cipher, keyring: Keyring, lock_path: Path) -> None:
        """``lock_path``: a file for the lock between processes, which keyrings do not have."""
        self._connection = connection
        self._cipher = cipher
        self._keyring = keyring
        self._lock_path = lock_path

    @contextmanager
    def lock(self) -> Iterator[None]:
        with file_lock(self._lock_path):
            self._write(self._read())  # a keyring that is locked must stop us before Sage is asked
            yield

    def load(self, *, everywhere: bool = False) -> Record | None:  # noqa: ARG002 - one place only
        sealed = self._sealed()
        return self._cipher.open(sealed) if sealed else None

    def save(self, record: Record) -> None:
        refuse_older(record, self._sealed())
        sealed = self._cipher.seal(record)
        self._write(f"{sealed.generation} {sealed.version} {sealed.text}")

    def _sealed(self) -> Sealed | None:
        stored = self._read()
        if not stored:
            return None
        generation, version, text = stored.split(" ")
        return Sealed(int(generation), int(version), text)

    def _read(self) -> str:
        try:
            return self._keyring.get_password(SERVICE, self._connection) or ""
        except Exception as error:  # noqa: BLE001 - keyrings raise what they like
            raise self._failure("read", error) from None

    def _write(self, text: str) -> None:
        try:
            self._keyring.set_password(SERVICE, self._connection, text)
        except Exception as error:  # noqa: BLE001 - keyrings raise what they like
            raise self._failure("written", error) from None

    def _failure(self, act: str, error: Exception) -> TokenStoreError:
        """Keyrings differ in what they raise, and some quote the password."""
        return TokenStoreError(
            f"The tokens of connection {self._connection} in the keyring could not be {act} "
            f"({type(error).__name__}). What was stored before is untouched. Unlock the keyring and run "
            "the command again."
        )
