"""What is stored for one connection: its tokens, whose they are, and the selected businesses."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sage_accounting.errors import TokenStoreError
from sage_accounting.tokens.endpoint import TokenAnswer

FORMAT = 1


@dataclass(frozen=True)
class Tokens:
    """One answer of the token endpoint. Secrets are left out of ``repr``."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    asked_at: datetime
    """Aware UTC, when the request was sent: lifetimes counted from it are never too long."""
    access_lifetime_s: float
    refresh_lifetime_s: float

    @property
    def refresh_expires_at(self) -> datetime:
        return self.asked_at + timedelta(seconds=self.refresh_lifetime_s)


@dataclass(frozen=True)
class Record:
    """Everything that is stored for one connection."""

    generation: int = 0
    """Grows by one with every new refresh token, and when the last one is given up."""
    version: int = 0
    """Grows by one with every save. Of two records the higher (generation, version) is the newer."""
    tokens: Tokens | None = None
    """None before the first authorisation and after a revocation."""
    is_refused: bool = False
    """Sage answered ``invalid_grant`` to the refresh token: a person must sign in."""
    user_id: str | None = None
    """Sage's id of the user who signed in, as far as Sage says."""
    businesses: tuple[str, ...] = ()
    """The selection, in the order in which it was made."""

    @property
    def age_order(self) -> tuple[int, int]:
        return self.generation, self.version

    def granted(self, answer: TokenAnswer) -> Record:
        """The record that follows this one when Sage answers so."""
        tokens = Tokens(
            access_token=answer.access_token,
            refresh_token=answer.refresh_token,
            asked_at=answer.asked_at.wall,
            access_lifetime_s=answer.access_lifetime_s,
            refresh_lifetime_s=answer.refresh_lifetime_s,
        )
        return replace(
            self,
            generation=self.generation + 1,
            version=self.version + 1,
            tokens=tokens,
            is_refused=False,
            user_id=answer.user_id or self.user_id,
        )

    def to_bytes(self) -> bytes:
        """The record as JSON, secrets included: to be encrypted at once."""
        document: dict[str, Any] = {"format": FORMAT, **asdict(self)}
        if self.tokens is not None:
            document["tokens"]["asked_at"] = self.tokens.asked_at.timestamp()
        return json.dumps(document, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Record:
        """The record that :meth:`to_bytes` wrote; :class:`TokenStoreError` for another format."""
        document = json.loads(content)
        if document.pop("format", None) != FORMAT:
            raise TokenStoreError(
                "The stored tokens have a format that this version of sage-elt does not know. "
                "Nothing was changed and nothing was sent to Sage. Use the version of sage-elt that "
                "wrote them, or a newer one.",
                error_code="tokens-of-other-version",
            )
        tokens = document.pop("tokens")
        if tokens is not None:
            asked_at = datetime.fromtimestamp(tokens.pop("asked_at"), UTC)
            tokens = Tokens(asked_at=asked_at, **tokens)
        businesses = tuple(document.pop("businesses"))
        return cls(tokens=tokens, businesses=businesses, **document)
