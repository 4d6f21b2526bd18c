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
from equals_sage import differences

from sage_accounting.catalogue import load_catalogue
from sage_elt.cli import main
from sage_sandbox.server import Sandbox

PREFIX = "SOURCES__SAGE_ACCOUNTING__"


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

    def differences(self, business_ids: Sequence[str]) -> list[str]:
        """What of the raw schema does not equal the server; by an independent oracle."""
        read = {c.name: c for c in load_catalogue().values() if c.read == "default"}
        lists = {n: c.complete for n, c in read.items() if c.kind in ("list", "singleton")}
        lists = {n: q for n, q in lists.items() if not n.startswith("_")}
        found = differences(
            self.warehouse,
            self.sandbox.urls["base_url"],
            self.access_token(),
            list(business_ids),
            lists,
            {name: c.key for name, c in read.items()},
        )
        return [line for line in found if not line.startswith("businesses")]

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
