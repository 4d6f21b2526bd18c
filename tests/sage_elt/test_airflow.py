"""The DAG, its connection and its failures, without a running Airflow (that is end_to_end/test_airflow.py)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib import metadata
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
import quiet_airflow  # noqa: F401 - before anything else imports Airflow
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowRescheduleException,
)

from sage_accounting.errors import (
    BudgetExhaustedError,
    ConfigurationError,
    ReauthorisationError,
    SageUnreachableError,
)
from sage_accounting.report import Outcome
from sage_accounting.settings import Settings, load_settings
from sage_elt.airflow import sage_dag
from sage_elt.airflow.failures import PartlyFailedError, as_airflow_says
from sage_elt.airflow.hook import SageAccountingHook
from sage_elt.airflow.job import Job
from sage_elt.airflow.provider import get_provider_info
from sage_elt.airflow.settings import configured

JOB = Job(
    connection="acme",
    sage_conn_id="sage_of_test",
    destination="postgres",
    warehouse_conn_id="warehouse_of_test",
    businesses=(),
    resources=(),
    budget_wait=timedelta(hours=1),
    on_reauthorise=None,
)


def in_new_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def raised_for(error: Exception, **context: Any) -> Exception:
    with pytest.raises(AirflowException) as caught, as_airflow_says(JOB, context):
        raise error
    return caught.value


# --- the DAG


def test_parsing_the_dag_imports_neither_dlt_nor_polars() -> None:
    heavy = in_new_process(
        "import sys, sage_elt.airflow.example_dag;"
        "print([m for m in ('dlt', 'polars', 'pyarrow', 'duckdb') if m in sys.modules])"
    )
    assert heavy.splitlines()[-1] == "[]"


def test_each_business_is_a_task_of_its_own() -> None:
    assert sage_dag("books_of_test").get_task("books").is_mapped


def test_no_run_is_made_for_the_past_or_beside_another() -> None:
    dag = sage_dag("books_of_test")
    assert (dag.catchup, dag.max_active_runs) == (False, 1)


def test_only_tasks_that_ask_sage_take_a_place_in_the_pool() -> None:
    tasks = sage_dag("books_of_test", pool="few").task_dict.values()
    assert {task.task_id for task in tasks if task.pool == "few"} == {"discover", "books"}


def test_assets_name_the_warehouse_and_its_schemas() -> None:
    outlets = sage_dag("books_of_test", warehouse="vault").get_task("publish").outlets
    assert [asset.uri for asset in outlets] == [
        "sage-elt://vault/sage",
        "sage-elt://vault/unified",
        "sage-elt://vault/marts",
    ]


def test_nothing_but_our_airflow_needs_airflow() -> None:
    refused = in_new_process(
        "import sys; sys.modules['airflow'] = None\n"
        "import sage_elt.jobs.syncing, sage_elt.jobs.transforming\n"
        "try: import sage_elt.airflow\n"
        "except ImportError as error: print(error)"
    )
    assert "pip install 'sage-elt[airflow,postgres]'" in refused


# --- failures


def test_sign_in_that_ended_is_not_repeated() -> None:
    assert isinstance(raised_for(ReauthorisationError("sign in")), AirflowFailException)


def test_sign_in_that_ended_is_told_with_the_context_of_the_task() -> None:
    told: list[Any] = []
    job = Job(**{**JOB.__dict__, "on_reauthorise": told.append})
    with pytest.raises(AirflowFailException), as_airflow_says(job, {"ti": "discover"}):
        raise ReauthorisationError("a person must sign in")
    assert (told[0]["ti"], "sign in" in str(told[0]["exception"])) == ("discover", True)


def test_wrong_setting_is_not_repeated() -> None:
    assert isinstance(raised_for(ConfigurationError("no client_id")), AirflowFailException)


def test_used_up_day_gives_the_place_to_others_for_the_agreed_time() -> None:
    verdict = raised_for(BudgetExhaustedError("used up"))
    assert isinstance(verdict, AirflowRescheduleException)
    wait = verdict.reschedule_date - datetime.now(UTC)
    assert timedelta(minutes=59) < wait <= timedelta(hours=1)


def test_resources_left_for_another_day_give_the_place_to_others() -> None:
    outcomes = {
        "contacts": Outcome("ok"),
        "sales_invoices": Outcome("failed", error="used up", is_postponed=True),
    }
    verdict = raised_for(PartlyFailedError("b1", outcomes))
    assert isinstance(verdict, AirflowRescheduleException)


def test_unreachable_sage_is_asked_again() -> None:
    assert type(raised_for(SageUnreachableError("no answer"))) is AirflowException


def test_failed_resource_is_read_again() -> None:
    outcomes = {"contacts": Outcome("failed", error="no answer", error_code="sage-unreachable")}
    assert type(raised_for(PartlyFailedError("b1", outcomes))) is AirflowException


def test_ended_subscription_is_not_asked_for_again() -> None:
    outcomes = {"contacts": Outcome("failed", error="ended", error_code="subscription-ended")}
    assert isinstance(raised_for(PartlyFailedError("b1", outcomes)), AirflowFailException)


def test_unforeseen_error_does_not_reach_the_log_with_its_text() -> None:
    verdict = raised_for(ValueError("Key (name)=(Jane Doe) already exists"))
    assert "Jane Doe" not in str(verdict)
    assert (verdict.__cause__, verdict.__suppress_context__) == (None, True)


# --- connections


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {
        "token_key": "the-token-key",
        "requests_per_minute": 7,
        "base_url": "https://sage.test/v",
    }
    sage = {
        "conn_type": "sage_accounting",
        "login": "the-id",
        "password": "the-secret",
        "extra": extra,
    }
    server = {"conn_type": "postgres", "host": "db", "login": "sage", "password": "the-password"}
    monkeypatch.setenv("AIRFLOW_CONN_SAGE_OF_TEST", json.dumps(sage))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_OF_TEST", json.dumps({**server, "schema": "books"}))


def test_connection_goes_before_the_workers_own_settings(
    connections: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__SAGE_ACCOUNTING__CLIENT_ID", "another")
    with configured(JOB):
        settings = load_settings("acme")
    assert (settings.client_id, settings.client_secret) == ("the-id", "the-secret")
    assert (settings.token_keys, settings.requests_per_minute) == (("the-token-key",), 7)


def test_settings_of_a_task_are_gone_after_it(connections: None) -> None:
    with configured(JOB):
        pass
    with pytest.raises(ConfigurationError):
        load_settings("acme")


def test_secrets_of_a_connection_are_not_in_the_environment(connections: None) -> None:
    with configured(JOB):
        names = [n for n, v in os.environ.items() if "the-secret" in v or "the-password" in v]
    assert sorted(names) == ["AIRFLOW_CONN_SAGE_OF_TEST", "AIRFLOW_CONN_WAREHOUSE_OF_TEST"]


def test_incomplete_connection_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SAGE_OF_TEST", json.dumps({"conn_type": "sage_accounting"}))
    complete, words = SageAccountingHook("sage_of_test").test_connection()
    assert (complete, words) == (False, "Missing: client_id, client_secret, token_key.")


def test_form_of_the_connection_is_one_that_airflow_understands() -> None:
    schema = json.loads(files("airflow").joinpath("provider.yaml.schema.json").read_text())
    types = schema["properties"]["connection-types"]
    jsonschema.validate(get_provider_info()["connection-types"], types)


def test_form_has_no_field_that_is_no_setting() -> None:
    fields = get_provider_info()["connection-types"][0]["conn-fields"]
    assert set(fields) <= {*Settings.__annotations__, "token_key"}


def test_airflow_finds_the_connection_type() -> None:
    points = metadata.entry_points(group="apache_airflow_provider")
    ours = next(point for point in points if point.dist and point.dist.name == "sage-elt")
    assert ours.load()()["package-name"] == "sage-elt"
