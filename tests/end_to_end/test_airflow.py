"""A real Airflow brings seven countries' books into PostgreSQL, while one business's subscription is over.

One test, because starting Airflow takes longer than all that is asked of it.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from airflow_server import Airflow, running_airflow
from postgres_books import copy_raw_schema, full_names, new_database
from postgres_server import postgres_server
from shell import PREFIX, User, new_user

from sage_sandbox.server import Sandbox, running_sandbox

DAG = "sage_accounting"
TIMEOUT_S = 300
BEFORE = ("discover", "check", "publish")


@dataclass(frozen=True)
class World:
    """Somebody who is signed in with all their businesses, and an Airflow that knows the connection."""

    user: User
    database: str
    airflow: Airflow
    secrets: tuple[str, ...]

    @property
    def sandbox(self) -> Sandbox:
        return self.user.sandbox

    def different_rows(self, business_ids: list[str], name: str) -> list[str]:
        """What of the raw schema does not equal the server."""
        self.sandbox.control("tokens", access_lifetime_s=3600)
        names = full_names(self.user, business_ids)
        copy_raw_schema(self.database, self.user.warehouse, names)
        try:
            return [f"{name}: {line}" for line in self.user.differences(business_ids)]
        finally:
            self.user.warehouse.unlink()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    password = secrets.token_urlsafe(12)
    with postgres_server() as server, running_sandbox(invoices=6, seed=11) as sandbox:
        metadata = new_database(server, "airflow")
        database = new_database(server, "books", password)
        user = new_user(tmp_path / "user", sandbox)
        user.environment["DESTINATION__POSTGRES__CREDENTIALS"] = database
        user.ok(
            "connect", "--refresh-token", "-", "--destination", "postgres",
            stdin=sandbox.authorise() + "\n",
        )  # fmt: skip
        user.ok("businesses", "use", "--all", "--destination", "postgres")
        own = (sandbox.urls["client_secret"], user.environment[PREFIX + "TOKEN_KEY"], password)
        workers = {
            **{n: v for n, v in os.environ.items() if not n.startswith((PREFIX, "DESTINATION__"))},
            "DLT_DATA_DIR": str(tmp_path / "workers"),
        }
        dags = tmp_path / "dags"
        dags.mkdir()
        (dags / "books.py").write_text(_example())
        with running_airflow(tmp_path / "airflow", dags, metadata, workers) as airflow:
            _set_up(airflow, sandbox, database, own[1])
            yield World(user, database, airflow, own)


def _example() -> str:
    return files("sage_elt.airflow").joinpath("example_dag.py").read_text()


def _set_up(airflow: Airflow, sandbox: Sandbox, database: str, token_key: str) -> None:
    """The connections and the pool, as docs/scheduling.md says."""
    address = urlsplit(database)
    extra: Mapping[str, Any] = {
        "token_key": token_key,
        "requests_per_minute": 0,
        **{name: sandbox.urls[name] for name in ("base_url", "token_url", "revoke_url")},
    }
    sage = {
        "connection_id": "sage_accounting_default",
        "conn_type": "sage_accounting",
        "login": sandbox.urls["client_id"],
        "password": sandbox.urls["client_secret"],
        "extra": json.dumps(extra),
    }
    warehouse = {
        "connection_id": "sage_warehouse",
        "conn_type": "postgres",
        "host": address.hostname,
        "port": address.port,
        "login": address.username,
        "password": address.password,
        "schema": address.path.lstrip("/"),
        "extra": json.dumps(dict(parse_qsl(address.query))),
    }
    airflow.post("/connections", sage)
    airflow.post("/connections", warehouse)
    airflow.post("/pools", {"name": "sage_accounting", "slots": 3})


@pytest.mark.airflow
@pytest.mark.timeout(900)
def test_a_business_that_fails_is_red_alone_and_all_others_equal_sage(world: World) -> None:
    airflow, sandbox = world.airflow, world.sandbox
    businesses = list(sandbox.state.businesses)
    over, *others = businesses
    sandbox.control("subscription", business=over, active=False)
    airflow.unpause(DAG, TIMEOUT_S)

    for name in ("scheduled", "started"):
        sandbox.control("tokens", access_lifetime_s=10)  # tasks have to refresh beside each other
        if name == "started":
            _change(sandbox, others[0])
        run_id = airflow.first(DAG, TIMEOUT_S) if name == "scheduled" else airflow.start(DAG)
        state = airflow.wait_for_end(DAG, run_id, TIMEOUT_S)
        states = airflow.states(DAG, run_id)
        assert {task for task, one in states.items() if one == "failed"} == {("books", over)}, (
            states
        )
        assert {states["books", each] for each in others} == {"success"}, states
        assert {states[task, ""] for task in BEFORE} == {"success"}, states
        assert (state, states["complete", ""]) == ("failed", "upstream_failed")
        assert world.different_rows(others, name) == []
        stored = json.dumps(airflow.all_xcoms(DAG, run_id))
        assert [secret for secret in _secret(world) if secret in stored] == []

    assert sandbox.control("stats")["reused_refresh_tokens"] == 0
    written = airflow.log_text()
    assert [secret for secret in _secret(world) if secret in written] == []
    events = airflow.get("/assets/events", source_dag_id=DAG, limit=100)["asset_events"]
    assert sorted(event["uri"] for event in events) == sorted(
        2 * [f"sage-elt://books/{schema}" for schema in ("sage", "unified", "marts")]
    )


def _change(sandbox: Sandbox, business: str) -> None:
    """A contact gets another name, another one is gone."""
    contacts = list(sandbox.state.businesses[business].collections["contacts"].live)
    edit = {"business": business, "resource": "contacts"}
    sandbox.control("edit", op="change", **edit, id=contacts[0], fields={"name": "Another Ltd"})
    sandbox.control("edit", op="delete", **edit, id=contacts[-1])


def _secret(world: World) -> list[str]:
    """What nobody may read in a log or an XCom: keys, tokens, names of customers."""
    names = [
        str(contact["name"])
        for business in world.sandbox.state.businesses.values()
        for contact in business.collections["contacts"]
    ]
    return [*world.secrets, *world.sandbox.state.issued_tokens, *names]
