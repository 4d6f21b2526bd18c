"""A connection to the sandbox with a journal, a working folder and a DuckDB destination of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import dlt
import pytest
from cryptography.fernet import Fernet
from postgres_server import free_port, postgres_or_skip
from vault_processes import Processes

from sage_accounting.client import RetryPolicy
from sage_accounting.settings import Settings, load_settings
from sage_accounting.tokens import Vault, authorise, open_vault
from sage_sandbox.server import running_sandbox

QUICK = RetryPolicy(attempts=3, initial_s=0.01, maximum_s=0.02)


class Sage:
    """One connection of a test, and the sandbox behind it."""

    def __init__(self, sandbox: Any, settings: Settings, folder: Path) -> None:
        self.sandbox = sandbox
        self.settings = settings
        self.folder = folder
        self.pipelines_dir = folder / "pipelines"
        self.warehouse = folder / "sage.duckdb"
        self.journal = self.pipelines_dir / f"sage_auth__{settings.connection}.journal"
        self.copy = folder / f"sage_auth__{settings.connection}.duckdb"
        self.destination: Any = None
        self.first_reuse = len(sandbox.state.reused_refresh_tokens)
        self.first_refresh = self._all_refreshes

    def vault(self, **changes: Any) -> Vault:
        """A vault as another process would open it."""
        arguments: dict[str, Any] = {
            "destination": self.destination,
            "pipelines_dir": str(self.pipelines_dir),
            "retry": QUICK,
            "in_own_process": False,  # a process for each refresh would double the time of all tests
        }
        settings = changes.pop("settings", self.settings)
        return open_vault(settings, **(arguments | changes))

    def signed_in(self, **changes: Any) -> Vault:
        vault = self.vault(**changes)
        authorise.sign_in_with_refresh_token(self.settings, vault, self.sandbox.authorise())
        self.first_refresh = self._all_refreshes
        return vault

    def with_settings(self, **changes: Any) -> Settings:
        return replace(self.settings, **changes)

    @property
    def refreshes(self) -> int:
        """Refresh tokens that the sandbox has exchanged since the sign-in."""
        return self._all_refreshes - self.first_refresh

    @property
    def reused(self) -> int:
        """Refresh tokens that were sent again after their exchange."""
        return len(self.sandbox.state.reused_refresh_tokens) - self.first_reuse

    @property
    def _all_refreshes(self) -> int:
        return int(self.sandbox.control("stats")["refreshes"])

    def fault(self, kind: str, path: str = "/token", **conditions: Any) -> None:
        self.sandbox.control("fault", kind=kind, path=path, **conditions)

    def lose_next_answer(self) -> None:
        """The next refresh happens at Sage, and the connection breaks before the answer."""
        self.fault("reset", moment="after")

    def lifetime(self, seconds: float) -> None:
        self.sandbox.control("tokens", access_lifetime_s=seconds)

    @contextmanager
    def ended_subscription(self) -> Iterator[str]:
        """A business whose subscription has ended."""
        business_id = self.sandbox.control("businesses")["businesses"][0]["id"]
        self.sandbox.control("subscription", business=business_id, active=False)
        yield business_id
        self.sandbox.control("subscription", business=business_id, active=True)

    def another_users_token(self) -> str:
        return str(self.sandbox.authorise(self.sandbox.control("add_user", businesses=[])["user"]))


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Any]:
    with running_sandbox(countries=("GB",), invoices=5, seed=1) as running:
        yield running


@pytest.fixture
def sage(sandbox: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sage]:
    for name, value in sandbox.settings_env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SOURCES__SAGE_ACCOUNTING__TOKEN_KEY", Fernet.generate_key().decode())
    monkeypatch.setenv("SOURCES__SAGE_ACCOUNTING__REDIRECT_URI", free_redirect_uri())
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    connection = Sage(sandbox, load_settings("acme"), tmp_path)
    yield connection
    sandbox.control("clear_faults")
    sandbox.control("tokens", access_lifetime_s=300)


@pytest.fixture
def destination(sage: Sage) -> Path:
    """Gives the connection a DuckDB destination; the file that holds the copy of its tokens."""
    sage.destination = dlt.destinations.duckdb(str(sage.warehouse))
    return sage.copy


def free_redirect_uri() -> str:
    return f"http://localhost:{free_port()}/callback"


@pytest.fixture(scope="session")
def processes() -> Iterator[Processes]:
    running = Processes()
    yield running
    running.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server for all tests."""
    with postgres_or_skip() as address:
        yield address
