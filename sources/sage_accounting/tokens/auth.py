"""The bearer on each request, and what a 401 says about it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Generator

import httpx

from sage_accounting.tokens.vault import Vault


class SageAuth(httpx.Auth):
    """Puts a fresh access token on every request of an ``httpx.Client``.

    On a 401 that another token might heal, the token is refreshed once and the request sent once more.
    Where the new token is refused as well, that business's requests cost no further refresh until
    there is a newer one. Raises what :meth:`Vault.bearer` raises.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._unhealed: dict[str, str] = {}
        """By business: the access token that came of a refresh and was refused like the one before."""

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        access_token = self._vault.bearer()
        request.headers["Authorization"] = f"Bearer {access_token}"
        response = yield request
        if response.status_code != httpx.codes.UNAUTHORIZED:
            return
        response.read()
        business_id = request.headers.get("X-Business", "")
        if not expired_access_token(response) or self._unhealed.get(business_id) == access_token:
            return
        access_token = self._vault.refresh_after(access_token)
        request.headers["Authorization"] = f"Bearer {access_token}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._unhealed[business_id] = access_token

    def async_auth_flow(
        self,
        request: httpx.Request,  # noqa: ARG002 - httpx names it
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Refused: the vault waits for locks and disks, which would stop an event loop."""
        raise RuntimeError("SageAuth works with httpx.Client, not with httpx.AsyncClient.")


def expired_access_token(response: httpx.Response) -> bool:
    """Whether another access token may heal a 401; the body must have been read.

    Sage answers 401 in three ways: an array whose ``$dataCode`` names the token (expired or
    malformed), an array with ``AuthorizationFailure`` (the business has no subscription), and an object
    when the header is missing (a bug of ours). The last two no token heals. Gateways and proxies
    answer with objects, HTML or nothing, and codes can change, so anything else is worth one refresh.
    """
    if response.status_code != httpx.codes.UNAUTHORIZED:
        return False
    try:
        body = json.loads(response.content)
    except ValueError:
        return True
    entries = body if isinstance(body, list) else [body]
    said = [
        str(entry.get(name))
        for entry in entries
        if isinstance(entry, dict)
        for name in ("$dataCode", "error")
    ]
    return not any(
        text == "AuthorizationFailure" or text.startswith("Authorization missing") for text in said
    )
