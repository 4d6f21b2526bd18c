"""A signed-in user with a warehouse in an empty folder, against a real sandbox server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from shell import User, new_user

from sage_sandbox.server import Sandbox, running_sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Two small businesses of different countries, a server of their own."""
    with running_sandbox(countries=("GB", "ES"), invoices=30, seed=3) as running:
        yield running


@pytest.fixture
def user(tmp_path: Path, sandbox: Sandbox) -> User:
    """Not yet signed in."""
    return new_user(tmp_path / "user", sandbox)


@pytest.fixture
def signed_in(user: User) -> User:
    """Signed in, all businesses selected."""
    user.connect()
    return user


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    """Signed in and synced once; for tests that leave the books and the warehouse as they are."""
    with running_sandbox(countries=("GB", "FR"), invoices=30, seed=5) as running:
        somebody = new_user(tmp_path_factory.mktemp("synced") / "user", running)
        somebody.connect()
        somebody.ok("run")
        yield somebody
