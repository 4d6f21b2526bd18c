"""A plain HTTP client of a sandbox, signed in, for one business."""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx

from sage_sandbox.server import Sandbox

NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Loading the certificates takes 0.1 s for each client, and nothing here is encrypted."""


@dataclass
class Api:
    """Requests to ``/v3.1`` with a token and ``X-Business``."""

    sandbox: Sandbox
    http: httpx.Client
    business: str

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.http.get(path, params=params)

    def json(self, path: str, **params: Any) -> Any:
        answer = self.get(path, **params)
        assert answer.status_code == 200, answer.text
        return json.loads(answer.content, parse_float=Decimal)

    def items(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """The first 200 records of a list."""
        items: list[dict[str, Any]] = self.json(path, items_per_page=200, **params)["$items"]
        return items

    def ids(self, path: str, **params: Any) -> list[str]:
        return [item["id"] for item in self.items(path, **params)]

    def held(self, name: str) -> dict[str, dict[str, Any]]:
        """What the books hold, live."""
        return self.sandbox.state.businesses[self.business].collections[name].live


def refresh(sandbox: Sandbox, refresh_token: str, **changed: str) -> httpx.Response:
    """Ask the token endpoint for new tokens."""
    urls = sandbox.urls
    form = {
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
        "client_id": urls["client_id"],
        "client_secret": urls["client_secret"],
    }
    return httpx.post(urls["token_url"], data={**form, **changed}, verify=NO_CERTIFICATES)


def signed_in(sandbox: Sandbox, country: str = "GB", user: str | None = None) -> Api:
    """A client for the first business of a country; ``api.http`` is the caller's to close."""
    token = refresh(sandbox, sandbox.authorise(user)).json()["access_token"]
    business = next(b.id for b in sandbox.state.businesses.values() if b.country == country)
    headers = {"Authorization": f"Bearer {token}", "X-Business": business}
    http = httpx.Client(base_url=sandbox.urls["base_url"], headers=headers, verify=NO_CERTIFICATES)
    return Api(sandbox, http, business)


def codes(answer: httpx.Response) -> tuple[int, str, list[str]]:
    """Status, ``$dataCode`` and the ``$source`` of each error of an error array."""
    errors = answer.json()
    assert isinstance(errors, list), errors
    return (
        answer.status_code,
        errors[0]["$dataCode"],
        sorted(error["$source"] for error in errors),
    )
