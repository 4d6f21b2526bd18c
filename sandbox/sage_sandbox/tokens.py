"""Codes and tokens: who holds what, how long it lives, and what was used twice.

A refresh token works once and gives a successor; codes likewise. Lifetimes are measured on the monotonic
clock, so that a wall clock that is set harms nothing.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

CODE_LIFETIME_S = 60.0
REFRESH_LIFETIME_S = 2_678_400.0
"""31 days."""
_FILLER_BYTES = 430
"""Brings a token to about 1300 characters, as Sage's are."""

Verdict = Literal["valid", "expired", "unknown"]


class InvalidGrantError(Exception):
    """A code or refresh token that is unknown, used, expired or revoked."""


@dataclass(frozen=True)
class Code:
    """An authorisation code on its way to its exchange."""

    user_id: str
    redirect_uri: str
    scope: str
    expires_at: float


@dataclass
class Token:
    """An access or refresh token. ``family`` is shared by all that descend from one sign-in."""

    text: str
    user_id: str
    scope: str
    family: str
    expires_at: float
    rotated_at: float | None = None
    """When a refresh token was used; None = not yet."""
    revoked: bool = False


@dataclass(frozen=True)
class Grant:
    """What a successful exchange gives."""

    access: Token
    refresh: Token
    expires_in_s: float
    refresh_expires_in_s: float


@dataclass(frozen=True)
class Reuse:
    """A refresh token sent again after it had been rotated: a client's mistake."""

    token: str
    family: str
    user_agent: str


@dataclass
class TokenDesk:
    """Issues and judges tokens of one registered application."""

    client_id: str = "sandbox-client"
    client_secret: str = field(default_factory=lambda: secrets.token_hex(20))
    access_lifetime_s: float = 300.0
    refresh_lifetime_s: float = REFRESH_LIFETIME_S
    grace_s: float = 0.0
    """How long a rotated refresh token is still taken; 0 = not at all."""
    clock: Callable[[], float] = time.monotonic
    access_tokens: dict[str, Token] = field(default_factory=dict)
    refresh_tokens: dict[str, Token] = field(default_factory=dict)
    reused_refresh_tokens: list[Reuse] = field(default_factory=list)
    refreshes: int = 0
    """Refresh tokens rotated so far."""
    _codes: dict[str, Code] = field(default_factory=dict)

    def issue_code(self, user_id: str, redirect_uri: str, scope: str) -> str:
        """A code for one exchange within 60 seconds."""
        code = secrets.token_urlsafe(32)
        expires_at = self.clock() + CODE_LIFETIME_S
        self._codes[code] = Code(user_id, redirect_uri, scope, expires_at)
        return code

    def exchange_code(self, code: str, redirect_uri: str) -> Grant:
        """Tokens for a code. Raises InvalidGrantError, also for another redirect address."""
        known = self._codes.pop(code, None)
        if known is None or known.expires_at <= self.clock() or known.redirect_uri != redirect_uri:
            raise InvalidGrantError
        return self.sign_in(known.user_id, known.scope)

    def sign_in(self, user_id: str, scope: str = "full_access") -> Grant:
        """Tokens of a new family, as if the user had allowed it in a browser."""
        return self._grant(user_id, scope, uuid.uuid4().hex)

    def refresh(self, refresh_token: str, user_agent: str = "") -> Grant:
        """New tokens for a refresh token, which is used up. Raises InvalidGrantError."""
        known = self.refresh_tokens.get(refresh_token)
        if known is None or known.revoked or known.expires_at <= self.clock():
            raise InvalidGrantError
        if known.rotated_at is None:
            known.rotated_at = self.clock()
        elif self.clock() - known.rotated_at >= self.grace_s:
            self.reused_refresh_tokens.append(Reuse(refresh_token, known.family, user_agent))
            raise InvalidGrantError
        self.refreshes += 1
        return self._grant(known.user_id, known.scope, known.family)

    def revoke(self, token: str) -> None:
        """End all tokens of the family of a token; an unknown one is no error."""
        known = self.refresh_tokens.get(token) or self.access_tokens.get(token)
        if known is not None:
            for other in [*self.refresh_tokens.values(), *self.access_tokens.values()]:
                other.revoked = other.revoked or other.family == known.family

    def judge(self, access_token: str) -> tuple[Verdict, Token | None]:
        """Whether an access token is valid now, and whose it is."""
        known = self.access_tokens.get(access_token)
        if known is None:
            return "unknown", None
        if known.revoked or known.expires_at <= self.clock():
            return "expired", known
        return "valid", known

    def expire(self, tokens: dict[str, Token]) -> int:
        """Let all of ``tokens`` (access or refresh) expire now; how many were alive."""
        now = self.clock()
        alive = [token for token in tokens.values() if token.expires_at > now]
        for token in alive:
            token.expires_at = now
        return len(alive)

    def issued(self) -> list[str]:
        """Every token text ever issued, to search places for where none may be."""
        return [*self.access_tokens, *self.refresh_tokens]

    def _grant(self, user_id: str, scope: str, family: str) -> Grant:
        access = self._issue(user_id, scope, family, self.access_lifetime_s)
        refresh = self._issue(user_id, scope, family, self.refresh_lifetime_s)
        self.access_tokens[access.text] = access
        self.refresh_tokens[refresh.text] = refresh
        return Grant(access, refresh, self.access_lifetime_s, self.refresh_lifetime_s)

    def _issue(self, user_id: str, scope: str, family: str, lifetime_s: float) -> Token:
        text = _jwt_like({"sub": user_id, "scope": scope, "jti": uuid.uuid4().hex})
        return Token(text, user_id, scope, family, self.clock() + lifetime_s)


def _jwt_like(claims: dict[str, str]) -> str:
    claims = {**claims, "data": secrets.token_urlsafe(_FILLER_BYTES)}
    parts = [json.dumps({"alg": "RS512", "typ": "JWT"}).encode(), json.dumps(claims).encode()]
    parts.append(secrets.token_bytes(256))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
