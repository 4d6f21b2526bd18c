"""The DAG: which task follows which, and what becomes of a task that fails.

Airflow parses a DAG file every few seconds, so nothing here imports dlt or polars; the tasks do
(:mod:`sage_elt.airflow.tasks`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, TriggerRule, get_current_context, task

from sage_elt.airflow import tasks
from sage_elt.airflow.job import SAGE_CONNECTION, Job

POOL = "sage_accounting"
SCHEMAS = ("sage", "unified", "marts")


def sage_dag(
    dag_id: str | None = None,
    *,
    schedule: Any = "@daily",
    start_date: datetime | None = None,
    connection: str = "default",
    sage_conn_id: str | None = SAGE_CONNECTION,
    destination: str = "postgres",
    warehouse_conn_id: str | None = None,
    warehouse: str = "warehouse",
    businesses: Sequence[str] = (),
    resources: Sequence[str] = (),
    pool: str = POOL,
    retries: int = 3,
    retry_delay: timedelta = timedelta(minutes=5),
    budget_wait: timedelta = timedelta(hours=1),
    on_reauthorise: Callable[[Any], None] | None = None,
    on_failure: Callable[[Any], None] | None = None,
    **dag_options: Any,
) -> DAG:
    """A DAG that brings the books of one connection up to date, each business by a task of its own.

    ``discover`` → ``books``, mapped over the businesses: sync, then transform → ``check`` → ``publish``,
    which emits the assets of :func:`assets`. A business that fails is red alone; the others are checked
    and published, and the run ends as failed by its last task, ``complete``.

    A run reads whatever changed since the last one. So ``data_interval`` means nothing here, a backfill
    of past days would read the same as one run today, and repeating a run loads nothing twice. There is
    no catch-up, and one run at a time.

    Args:
        dag_id: default ``sage_accounting__<connection>``.
        schedule: as Airflow takes it.
        connection: name of the authorised Sage user; signed in once with ``sage-elt connect``.
        sage_conn_id: Airflow connection of type ``sage_accounting`` with our settings; None: the
            workers have them in dlt's configuration.
        destination: dlt's name of the warehouse's kind. PostgreSQL is the tested one.
        warehouse_conn_id: Airflow connection with the credentials of the warehouse; None: in dlt's
            configuration.
        warehouse: what assets call the warehouse; any name without credentials.
        businesses: ids; default: those that ``sage-elt businesses use`` selected, or the only one.
        resources: collections; default: all that hold data.
        pool: Airflow pool of the tasks that ask Sage; make it before the first run.
        retries: of failures that another attempt can heal. A wrong setting and a sign-in that ended
            are not repeated.
        budget_wait: how long a business whose requests of the day are used up gives its place to others.
        on_reauthorise: called with the task's context when a person must sign in; a notifier of
            Airflow fits.
        on_failure: called with the context of each task that failed for good.
        dag_options: further arguments of Airflow's ``DAG``.
    """
    job = Job(
        connection=connection,
        sage_conn_id=sage_conn_id,
        destination=destination,
        warehouse_conn_id=warehouse_conn_id,
        businesses=tuple(businesses),
        resources=tuple(resources),
        budget_wait=budget_wait,
        on_reauthorise=on_reauthorise,
    )
    options: dict[str, Any] = {
        "retries": retries,
        "retry_delay": retry_delay,
        "on_failure_callback": on_failure,
    }

    with DAG(
        dag_id or f"sage_accounting__{connection}",
        schedule=schedule,
        start_date=start_date or datetime(2026, 1, 1),  # noqa: DTZ001 - in Airflow's own time zone
        catchup=False,
        max_active_runs=1,
        **{"tags": ["sage"], "doc_md": sage_dag.__doc__, **dag_options},
    ) as dag:

        @task(pool=pool, **options)
        def discover() -> list[str]:
            return tasks.discover(job, get_current_context())

        @task(map_index_template="{{ task.op_kwargs['business_id'] }}", pool=pool, **options)
        def books(business_id: str) -> dict[str, int]:
            return tasks.bring_up_to_date(job, business_id, get_current_context())

        @task(trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS, **options)
        def check(business_ids: list[str]) -> dict[str, int]:
            return tasks.check(job, business_ids, get_current_context())

        @task(outlets=assets(warehouse), **options)
        def publish() -> None:
            """Has nothing to do: when it succeeds Airflow tells of the assets."""

        found: Any = discover()  # its result when the tasks run
        synced = books.expand(business_id=found)
        checked = check(found)
        published = publish()
        synced >> checked >> published
        # never runs on a worker; red or orange when any of the others is, and so the run
        [synced, published] >> EmptyOperator(task_id="complete")
    return dag


def assets(warehouse: str = "warehouse") -> list[Asset]:
    """What a run makes: the schemas ``sage``, ``unified`` and ``marts`` of a warehouse.

    A downstream DAG that shall follow takes one as its schedule: ``schedule=assets("warehouse")[2:]``.
    """
    return [
        Asset(name=f"sage-elt {warehouse} {schema}", uri=f"sage-elt://{warehouse}/{schema}")
        for schema in SCHEMAS
    ]
