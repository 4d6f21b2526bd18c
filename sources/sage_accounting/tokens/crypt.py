"""Records encrypted at rest with the keys of ``token_key``.

Fernet (AES-128-CBC with HMAC-SHA256) through ``cryptography``'s MultiFernet: the first key encrypts,
all decrypt, so a key is rotated by putting the new one in front and removing the old one after the
next save.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from sage_accounting.errors import ConfigurationError, TokenKeyError
from sage_accounting.tokens.exchange import KeptAnswer
from sage_accounting.tokens.record import Record


@dataclass(frozen=True)
class Sealed:
    """An encrypted record. Its numbers are readable without the key, so that the newest is known."""

    generation: int
    version: int
    text: str = field(repr=False)
    """Fernet token: URL-safe base64, one line."""

    @property
    def age_order(self) -> tuple[int, int]:
        """As :attr:`Record.age_order`."""
        return self.generation, self.version


class Cipher:
    """Seals and opens records."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Raises :class:`ConfigurationError` when a key is no Fernet key."""
        fernets = [_fernet(key, place) for place, key in enumerate(keys, start=1)]
        self._fernet = MultiFernet(fernets)
        self.sealing_key = keys[0]

    def seal(self, record: Record) -> Sealed:
        text = self._fernet.encrypt(record.to_bytes()).decode("ascii")
        return Sealed(record.generation, record.version, text)

    def open(self, sealed: Sealed) -> Record:
        """Raises :class:`TokenKeyError` when no key opens it."""
        content = self._decrypt(sealed.text)
        record = Record.from_bytes(content) if content is not None else None
        # The numbers outside are not authenticated, those inside are.
        if record is None or record.age_order != sealed.age_order:
            raise TokenKeyError(
                "The setting token_key does not open the stored tokens: they were encrypted with "
                "another key. They are kept as they are and nothing was sent to Sage. Put the former "
                "key behind the present one (token_key = new,old). If it is lost, sign in again, "
                "which replaces them: sage-elt connect",
                generation=sealed.generation,
                version=sealed.version,
            )
        return record

    def open_answer(self, sealed: Sealed) -> KeptAnswer | None:
        """Sage's answer as the journal kept it; None when no key opens it."""
        content = self._decrypt(sealed.text)
        if content is None:
            return None
        answer = KeptAnswer(**json.loads(content))
        return answer if answer.generation == sealed.generation else None

    def _decrypt(self, text: str) -> bytes | None:
        try:
            return self._fernet.decrypt(text)
        except InvalidToken:
            return None


def _fernet(key: str, place: int) -> Fernet:
    fernet = _fernet_or_none(key)
    if fernet is None:
        raise ConfigurationError(
            f"Key {place} in the setting token_key is not usable: it must be 32 bytes in URL-safe "
            "base64. Nothing was sent to Sage. Make one with: python -c 'from cryptography.fernet "
            "import Fernet; print(Fernet.generate_key().decode())'",
            error_code="token-key-malformed",
        )
    return fernet


def _fernet_or_none(key: str) -> Fernet | None:
    try:
        return Fernet(key)
    except ValueError:
        return None
