"""A client of a sandbox for single requests, with a token that is simply there."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet
from sandbox_client import refresh

from sage_accounting.client import Answer, Call, RetryPolicy, SageClient
from sage_accounting.settings import Settings, load_settings
from sage_sandbox.server import Sandbox

QUICK = RetryPolicy(attempts=3, initial_s=0.01, maximum_s=0.02)
RESOURCE = "currencies"


class Bearer(httpx.Auth):
    """One access token for all requests."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._token = refresh(sandbox, sandbox.authorise()).json()["access_token"]

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


def settings_for(sandbox: Sandbox, **changes: Any) -> Settings:
    """Settings that lead to ``sandbox``, without limits unless changed."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in sandbox.settings_env().items():
            patch.setenv(name, value)
        patch.setenv("SOURCES__SAGE_ACCOUNTING__TOKEN_KEY", Fernet.generate_key().decode())
        settings = load_settings("acme")
    return replace(settings, **{"requests_per_minute": 0, **changes})


def client_of(sandbox: Sandbox, folder: Path, **changes: Any) -> SageClient:
    """A client that counts its requests in ``folder`` and repeats quickly."""
    settings = settings_for(sandbox, **changes)
    return SageClient(settings, Bearer(sandbox), retry=QUICK, folder=folder)


def call(client: SageClient, business_id: str, resource: str = RESOURCE) -> Call[bytes]:
    """One GET of a list; its body."""
    return client.call(f"/{resource}", {}, business_id=business_id, resource=resource, read=body_of)


def body_of(answer: Answer) -> bytes:
    return answer.body
