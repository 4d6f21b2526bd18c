"""The bearer on each request, and what a 401 says about it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Generator

import httpx

from sage_accounting.tokens.vault import Vault


class SageAuth(httpx.Auth):
    """Puts a fresh access token on every request of an ``httpx.Client``.

    On a 401 that says that the token is expired or malformed, the token is refreshed once and the
    request sent once more. Raises what :meth:`Vault.bearer` raises.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        access_token = self._vault.bearer()
        request.headers["Authorization"] = f"Bearer {access_token}"
        response = yield request
        if response.status_code != httpx.codes.UNAUTHORIZED:
            return
        response.read()
        if expired_access_token(response):
            access_token = self._vault.refresh_after(access_token)
            request.headers["Authorization"] = f"Bearer {access_token}"
            yield request

    def async_auth_flow(
        self,
        request: httpx.Request,  # noqa: ARG002 - httpx names it
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Refused: the vault waits for locks and disks, which would stop an event loop."""
        raise RuntimeError("SageAuth works with httpx.Client, not with httpx.AsyncClient.")


def expired_access_token(response: httpx.Response) -> bool:
    """True for a 401 that another access token can heal; the body must have been read.

    Sage answers 401 in three ways: an array whose ``$dataCode`` names the token
    (``AccessTokenVerificationError``: expired or malformed), an array with ``AuthorizationFailure`` (the
    business has no subscription), and an object when the header is missing (a bug of ours). A 401
    that says nothing readable gets the benefit of the doubt, any other code does not: a refresh that
    heals nothing would be repeated for each request.
    """
    if response.status_code != httpx.codes.UNAUTHORIZED:
        return False
    try:
        body = json.loads(response.content)
    except ValueError:
        return True
    if isinstance(body, dict):
        error = str(body.get("error", ""))
        return "token" in error.lower() and not error.startswith("Authorization missing")
    entries = body if isinstance(body, list) else []
    codes = [str(entry.get("$dataCode")) for entry in entries if isinstance(entry, dict)]
    return any("token" in code.lower() for code in codes)
