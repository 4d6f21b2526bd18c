"""The servers that contenders read from, and a user who is signed in to them.

Servers are processes of their own, started before any clock, and end with the context.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from cryptography.fernet import Fernet

PREFIX = "SOURCES__SAGE_ACCOUNTING__"
SETTINGS = ("base_url", "token_url", "revoke_url", "authorize_url", "client_id", "client_secret")
WAREHOUSE = "books.duckdb"


@dataclass(frozen=True)
class Server:
    """Addresses of a running server and the application registered there."""

    urls: Mapping[str, str]

    def control(self, operation: str, **arguments: Any) -> Any:
        """A control operation of the sandbox."""
        url = f"{self.urls['control_url']}/{operation}"
        return httpx.post(url, json=arguments, timeout=60).raise_for_status().json()

    def businesses(self) -> list[str]:
        """Ids, in the server's order."""
        return [business["id"] for business in self.control("businesses")["businesses"]]

    def refresh_token(self) -> str:
        return str(self.control("authorise")["refresh_token"])

    def access_token(self) -> str:
        """A token of a sign-in of its own."""
        form = {
            "grant_type": "refresh_token",
            "refresh_token": self.refresh_token(),
            "client_id": self.urls["client_id"],
            "client_secret": self.urls["client_secret"],
        }
        answer = httpx.post(self.urls["token_url"], data=form).raise_for_status()
        return str(answer.json()["access_token"])

    def log(self) -> list[tuple[float, str, str]]:
        """What a replay was asked since the last call: seconds, business or "", target."""
        url = self.urls["base_url"] + "/_log"
        found = httpx.get(url, timeout=60).raise_for_status().json()
        return [(at, business, target) for at, business, target in found]


@contextmanager
def _process(*arguments: str) -> Iterator[Mapping[str, str]]:
    """A module as a server; yields the line in which it tells its addresses."""
    server = subprocess.Popen([sys.executable, "-m", *arguments], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield json.loads(server.stdout.readline())
    finally:
        server.terminate()
        server.wait(timeout=30)


@contextmanager
def sandbox(*, invoices: int, countries: str = "GB", per_country: int = 1) -> Iterator[Server]:
    """A sandbox with so many invoices in each business; its tokens outlive any benchmark."""
    with _process(
        "sage_sandbox", "--countries", countries, "--businesses-per-country", str(per_country),
        "--invoices", str(invoices), "--seed", "1", "--token-lifetime", "36000",
    ) as urls:  # fmt: skip
        yield Server(urls)


@contextmanager
def replaying(origin: Server, latency_ms: float = 0) -> Iterator[Server]:
    """The same server, answering from memory what was asked before (:mod:`benchmarks.replay`)."""
    with _process("benchmarks.replay", origin.urls["base_url"], str(latency_ms)) as urls:
        yield Server({**origin.urls, **urls})


@contextmanager
def big_ledger(entries: int) -> Iterator[Server]:
    """A server with one business of so many ledger entries (:mod:`benchmarks.big_ledger`)."""
    with _process("benchmarks.big_ledger", str(entries)) as urls:
        own = urls["base_url"]
        rest = {"token_url": "/token", "control_url": "/_control"}
        application = {"client_id": "bench", "client_secret": "bench"}
        yield Server({**urls, **{name: own + path for name, path in rest.items()}, **application})


@dataclass(frozen=True)
class User:
    """Somebody at a shell in a folder of their own, signed in."""

    folder: Path
    environment: dict[str, str]

    def run(self, *arguments: str, stdin: str = "") -> str:
        """A command of ours, outside of any measurement; what it writes to stdout."""
        done = subprocess.run(
            [sys.executable, "-m", "sage_elt", *arguments],
            cwd=self.folder, env=dict(self.environment), input=stdin, text=True,
            capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def asking(self, server: Server) -> User:
        """The same user, who asks another server that answers for the same one."""
        url = server.urls["base_url"]
        return User(self.folder, self.environment | {PREFIX + "BASE_URL": url})

    def copied_to(self, folder: Path) -> User:
        """The same sign-in in another folder, so that a first sync can be repeated.

        Its access token outlives the benchmark: no copy ever uses the one refresh token.
        """
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return User(folder, self.environment | _places(folder))


def sign_in(server: Server, folder: Path, businesses: Sequence[str] | None = None) -> User:
    """A user who reads these businesses (None: all) without a limit of requests."""
    folder.mkdir(parents=True, exist_ok=True)
    own = {PREFIX + name.upper(): server.urls[name] for name in SETTINGS if name in server.urls}
    environment = {
        **os.environ,
        **own,
        PREFIX + "TOKEN_KEY": Fernet.generate_key().decode(),
        PREFIX + "REQUESTS_PER_MINUTE": "0",
        **_places(folder),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        # Where Airflow is installed dlt would ask it for every setting, for peers too.
        "PROVIDERS__ENABLE_AIRFLOW_SECRETS": "false",
    }
    user = User(folder, environment)
    user.run("connect", "--refresh-token", "-", stdin=server.refresh_token() + "\n")
    user.run("businesses", "use", *(businesses if businesses is not None else ["--all"]))
    return user


def _places(folder: Path) -> dict[str, str]:
    return {
        "DESTINATION__DUCKDB__CREDENTIALS": str(folder / WAREHOUSE),
        "DLT_DATA_DIR": str(folder / "dlt"),
    }
