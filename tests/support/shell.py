"""Somebody at a shell with an empty folder and a sandbox server: runs commands, keeps a warehouse."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet
from equals_sage import List, Traced, differences

from sage_accounting.catalogue import load_catalogue
from sage_elt.cli import main
from sage_sandbox.server import Sandbox

PREFIX = "SOURCES__SAGE_ACCOUNTING__"


def read_by_default() -> list[str]:
    """The collections that a sync reads when none is named."""
    return [each.name for each in load_catalogue().values() if each.read == "default"]


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


@dataclass
class User:
    """Somebody at a shell in ``folder``."""

    folder: Path
    sandbox: Sandbox
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, stdin: str = "", **extra: str) -> Done:
        """A command, run in this process: a new one would spend three seconds on its imports."""
        out, err = io.StringIO(), io.StringIO()
        with (
            pytest.MonkeyPatch.context() as patch,
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            patch.chdir(self.folder)
            patch.setattr(sys, "argv", ["sage-elt", *arguments])
            patch.setattr(sys, "stdin", io.StringIO(stdin))
            for name in os.environ:
                patch.delenv(name)
            for name, value in {**self.environment, **extra}.items():
                patch.setenv(name, value)
            try:
                main()
                code = 0
            except SystemExit as end:
                code = int(end.code or 0)
        return Done(code, out.getvalue(), err.getvalue())

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "sage_elt", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ok(self, *arguments: str, stdin: str = "") -> str:
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def sync(self, *arguments: str) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.ok("sync", "--json", *arguments))
        return report

    def connect(self) -> None:
        self.ok("connect", "--refresh-token", "-", stdin=self.sandbox.authorise() + "\n")
        self.ok("businesses", "use", "--all")

    @property
    def warehouse(self) -> Path:
        return self.folder / "sage.duckdb"

    def differences(
        self,
        business_ids: Sequence[str],
        resources: Sequence[str] | None = None,
        **known: Traced,
    ) -> list[str]:
        """What of the raw schema does not equal the server; by an independent oracle."""
        return differences(
            self.warehouse,
            self.sandbox.urls["base_url"],
            self.access_token(),
            list(business_ids),
            [self._list(name) for name in resources or read_by_default()],
            **known,
        )

    def _list(self, name: str) -> List:
        read = load_catalogue()[name]
        is_hidden = name in self.sandbox.state.hide_children
        return List(
            table=name,
            path=read.path,
            key=read.key,
            query=read.complete,
            is_paged=read.kind == "list",
            item_query=read.item_parameters if is_hidden else None,
        )

    def access_token(self) -> str:
        """A token of another sign-in of the same user, so that ours are left alone."""
        answer = httpx.post(
            self.sandbox.urls["token_url"],
            data={
                "grant_type": "refresh_token",
                "refresh_token": self.sandbox.authorise(),
                "client_id": self.sandbox.urls["client_id"],
                "client_secret": self.sandbox.urls["client_secret"],
            },
        )
        return str(answer.raise_for_status().json()["access_token"])


def new_user(folder: Path, sandbox: Sandbox) -> User:
    folder.mkdir(parents=True, exist_ok=True)
    inherited = {n: v for n, v in os.environ.items() if not n.startswith((PREFIX, "DESTINATION__"))}
    return User(
        folder,
        sandbox,
        {
            **inherited,
            **sandbox.settings_env(),
            PREFIX + "TOKEN_KEY": Fernet.generate_key().decode(),
            PREFIX + "REQUESTS_PER_MINUTE": "0",
            "DLT_DATA_DIR": str(folder / "dlt"),
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "NO_COLOR": "1",
            "COLUMNS": "200",
        },
    )
