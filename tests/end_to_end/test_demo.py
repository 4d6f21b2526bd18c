"""The demo: seven countries, balanced, in one command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

if TYPE_CHECKING:
    from conftest import User


def test_demo_balances_seven_countries_and_can_be_repeated(user: User) -> None:
    done = user.run("demo", "--invoices", "10")
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line.split() for line in done.stdout.splitlines() if line.strip()}
    for country in ("GB", "IE", "DE", "FR", "ES", "CA", "US"):
        _, rows, balance, to_sage, mapped, _ = lines[country]
        assert int(rows) > 0
        assert (balance, to_sage) == ("0.00", "0.00")
        assert int(mapped) > 0


def test_demo_leaves_real_books_alone(signed_in: User) -> None:
    signed_in.sync("--resource", "currencies")
    done = signed_in.run("demo", "--invoices", "10")
    assert done.returncode == 2
    assert "is no demo's" in done.stderr
    with duckdb.connect(str(signed_in.warehouse), read_only=True) as connection:
        assert connection.execute("SELECT 1 FROM sage.sage.currencies").fetchone()


@pytest.mark.parametrize("again", [1, 2])
def test_demo_starts_over_on_its_own_file(user: User, again: int) -> None:
    for _ in range(again):
        assert user.run("demo", "--invoices", "1").returncode == 0
