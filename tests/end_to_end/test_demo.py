"""The demo: seven countries, balanced, in one command."""

from __future__ import annotations

import duckdb
import pytest
from shell import Done, User, new_user

from sage_sandbox.server import running_sandbox


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[User, Done]:
    """The demo, run once in an empty folder."""
    with running_sandbox(countries=(), invoices=0) as unused:
        somebody = new_user(tmp_path_factory.mktemp("demo") / "user", unused)
    return somebody, somebody.run("demo", "--invoices", "10")


def test_demo_balances_seven_countries(demo: tuple[User, Done]) -> None:
    _, done = demo
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line.split() for line in done.stdout.splitlines() if line.strip()}
    for country in ("GB", "IE", "DE", "FR", "ES", "CA", "US"):
        _, rows, balance, to_sage, mapped, _ = lines[country]
        assert int(rows) > 0
        assert (balance, to_sage) == ("0.00", "0.00")
        assert int(mapped) > 0


def test_demo_starts_over_on_its_own_file(demo: tuple[User, Done]) -> None:
    somebody, _ = demo
    assert somebody.run("demo", "--invoices", "1").returncode == 0


def test_demo_leaves_real_books_alone(signed_in: User) -> None:
    signed_in.sync("--resource", "currencies")
    done = signed_in.run("demo", "--invoices", "10")
    assert done.returncode == 2
    assert "is no demo's" in done.stderr
    with duckdb.connect(str(signed_in.warehouse), read_only=True) as connection:
        assert connection.execute("SELECT 1 FROM sage.sage.currencies").fetchone()
