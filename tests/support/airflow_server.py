"""An Airflow of a test's own: scheduler, DAG processor and API server, with all they keep in one folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from cryptography.fernet import Fernet
from postgres_server import free_port

AIRFLOW = [sys.executable, "-m", "airflow"]
PARTS = ("api-server", "scheduler", "dag-processor")
POLL_S = 0.5


@dataclass
class Airflow:
    """Airflow's REST API, as its own user interface asks it."""

    http: httpx.Client
    logs: Path

    def get(self, path: str, **query: Any) -> Any:
        answer = self.http.get(f"/api/v2{path}", params=query)
        return answer.raise_for_status().json()

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        answer = self.http.post(f"/api/v2{path}", json=body)
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def unpause(self, dag_id: str, timeout_s: float) -> None:
        """Let the scheduler begin runs of a DAG, as soon as the DAG processor has read it."""
        deadline = time.monotonic() + timeout_s
        while not self.http.patch(f"/api/v2/dags/{dag_id}", json={"is_paused": False}).is_success:
            assert time.monotonic() < deadline, self.get("/importErrors")
            time.sleep(POLL_S)

    def start(self, dag_id: str) -> str:
        """Begin a run; its id."""
        body: Mapping[str, Any] = {"logical_date": None}
        return str(self.post(f"/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def first(self, dag_id: str, timeout_s: float) -> str:
        """Id of the run that the scheduler begins by itself."""
        deadline = time.monotonic() + timeout_s
        while not (runs := self.get(f"/dags/{dag_id}/dagRuns")["dag_runs"]):
            assert time.monotonic() < deadline, "the scheduler began no run"
            time.sleep(POLL_S)
        return str(runs[0]["dag_run_id"])

    def wait_for_end(self, dag_id: str, run_id: str, timeout_s: float) -> str:
        """The state in which a run ends."""
        deadline = time.monotonic() + timeout_s
        while True:
            state = self.get(f"/dags/{dag_id}/dagRuns/{run_id}")["state"]
            if state in ("success", "failed"):
                return str(state)
            assert time.monotonic() < deadline, self.states(dag_id, run_id)
            time.sleep(POLL_S)

    def states(self, dag_id: str, run_id: str) -> dict[tuple[str, str], str | None]:
        """By task and the name of its mapped instance; "" for a task that is not mapped."""
        found = self.get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", limit=100)
        return {
            (each["task_id"], each["rendered_map_index"] or ""): each["state"]
            for each in found["task_instances"]
        }

    def all_xcoms(self, dag_id: str, run_id: str) -> list[Any]:
        """Every value that the run stored."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/~/xcomEntries"
        values = []
        for entry in self.get(path, limit=100)["xcom_entries"]:
            one = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{entry['task_id']}/xcomEntries"
            found = self.get(f"{one}/{entry['key']}", map_index=entry["map_index"])
            values.append(found["value"])
        return values

    def log_text(self) -> str:
        """What all tasks and all parts wrote."""
        files = [path for path in self.logs.rglob("*") if path.is_file()]
        return "\n".join(path.read_text(errors="replace") for path in files)


@contextmanager
def running_airflow(
    folder: Path, dags: Path, database: str, environment: Mapping[str, str]
) -> Iterator[Airflow]:
    """Airflow with LocalExecutor on ``database``, stopped at the end with all that it started.

    ``environment`` is what workers have beside Airflow's own settings.
    """
    port, logs = free_port(), folder / "logs"
    logs.mkdir(parents=True)
    env = {**environment, **_settings(folder, dags, logs, database, port)}
    with ExitStack() as stack:
        migrated = subprocess.run(
            [*AIRFLOW, "db", "migrate"], env=env, cwd=folder, capture_output=True, text=True
        )
        assert migrated.returncode == 0, migrated.stderr
        parts = [
            stack.enter_context(_part(part, env, folder, logs / f"{part}.out")) for part in PARTS
        ]
        http = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30))
        token = _wait_for_token(http, parts, logs)
        http.headers["Authorization"] = f"Bearer {token}"
        yield Airflow(http, logs)


def _settings(folder: Path, dags: Path, logs: Path, database: str, port: int) -> dict[str, str]:
    settings = {
        "CORE__DAGS_FOLDER": str(dags),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "3",
        "CORE__FERNET_KEY": Fernet.generate_key().decode(),
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(folder / "passwords.json"),
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        "DATABASE__SQL_ALCHEMY_CONN": database.replace("postgresql://", "postgresql+psycopg2://"),
        "DATABASE__SQL_ALCHEMY_CONN_ASYNC": "",  # its driver is not installed, and nothing needs it
        "API__HOST": "127.0.0.1",
        "API__PORT": str(port),
        "API__BASE_URL": f"http://127.0.0.1:{port}",
        "API__WORKERS": "1",
        "API_AUTH__JWT_SECRET": "a secret of this test alone, long enough for its algorithm",
        "LOGGING__BASE_LOG_FOLDER": str(logs),
        "LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
        "SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    return {"AIRFLOW_HOME": str(folder), **{f"AIRFLOW__{k}": v for k, v in settings.items()}}


@contextmanager
def _part(
    name: str, env: Mapping[str, str], folder: Path, output: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """One of Airflow's programs, with its children in a process group of its own."""
    with output.open("wb") as out:
        process = subprocess.Popen(
            [*AIRFLOW, name],
            env=dict(env),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    for sign, patience_s in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        try:
            os.killpg(process.pid, sign)
            process.wait(patience_s)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
    try:
        os.killpg(process.pid, signal.SIGKILL)  # children that outlived the first signal
    except ProcessLookupError:
        return


def _wait_for_token(http: httpx.Client, parts: list[subprocess.Popen[bytes]], logs: Path) -> str:
    """Until the API server answers; a token of its only user."""
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        dead = [PARTS[n] for n, part in enumerate(parts) if part.poll() is not None]
        assert not dead, "\n".join((logs / f"{name}.out").read_text() for name in dead)
        try:
            answer = http.get("/auth/token")
            if answer.is_success:
                return str(json.loads(answer.text)["access_token"])
        except httpx.TransportError:
            pass
        time.sleep(POLL_S)
    raise AssertionError((logs / "api-server.out").read_text())
