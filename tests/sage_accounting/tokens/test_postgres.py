"""The vault of several hosts that share nothing but a PostgreSQL warehouse."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dlt
import psycopg2
import pytest

from sage_accounting.errors import ReauthorisationError, TokenStoreError
from sage_accounting.tokens import Vault
from sage_accounting.tokens.steps import Step


@pytest.fixture
def hosts(sage: Any, postgres: str) -> Any:
    """Makes a vault with a working folder of its own, in a database of this test."""
    connection = psycopg2.connect(postgres)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS sage_auth CASCADE")
    connection.close()
    sage.destination = dlt.destinations.postgres(postgres)

    def host(name: str) -> Vault:
        return sage.vault(pipelines_dir=str(sage.folder / name))

    return host


def sign_in(sage: Any, host: str) -> Vault:
    return sage.signed_in(pipelines_dir=str(sage.folder / host))


def test_other_host_goes_on_with_the_token_of_the_first(sage: Any, hosts: Any) -> None:
    access_token = sign_in(sage, "one").bearer()
    assert hosts("two").bearer() == access_token


def test_host_reads_the_destination_before_each_refresh(sage: Any, hosts: Any) -> None:
    one = sign_in(sage, "one")
    rejected = one.bearer()
    renewed = hosts("two").refresh_after(rejected)
    assert one.refresh_after(rejected) == renewed


def test_hosts_that_refresh_at_the_same_time_use_no_token_twice(sage: Any, hosts: Any) -> None:
    rejected = sign_in(sage, "one").bearer()
    vaults = [hosts(f"host{number}") for number in range(4)]

    def refresh_twice(vault: Vault) -> None:
        vault.refresh_after(vault.refresh_after(rejected))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(refresh_twice, vaults))
    assert sage.reused == 0


class StoppedError(Exception):
    """A crash that the test survives."""


def test_host_that_stopped_before_its_copy_heals_the_others_when_it_runs_again(
    sage: Any, hosts: Any
) -> None:
    def stop(step: Step) -> None:
        if step == "journal_synced":
            raise StoppedError

    rejected = sign_in(sage, "one").bearer()
    stopped = sage.vault(pipelines_dir=str(sage.folder / "one"), steps=stop)
    with pytest.raises(StoppedError):
        stopped.refresh_after(rejected)
    with pytest.raises(ReauthorisationError):
        hosts("two").refresh_after(rejected)
    hosts("one").refresh_after(hosts("one").bearer())
    assert hosts("two").refresh_after(rejected) != rejected


def test_database_that_is_down_stops_before_anything_is_sent(sage: Any, hosts: Any) -> None:
    vault = sign_in(sage, "one")
    rejected = vault.bearer()
    sage.destination = dlt.destinations.postgres("postgresql://sage:unused@127.0.0.1:9/postgres")
    cut_off = sage.vault(pipelines_dir=str(sage.folder / "one"))
    with pytest.raises(TokenStoreError, match="Make the database reachable"):
        cut_off.refresh_after(rejected)
    assert sage.refreshes == 0


def test_lock_leaves_no_connection_open(sage: Any, hosts: Any, postgres: str) -> None:
    sign_in(sage, "one")
    with psycopg2.connect(postgres) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        )
        assert cursor.fetchone() == (1,)
