"""Where an outbox is kept: a SQLite file, or tables of the PostgreSQL that is the warehouse too.

Both run the same statements. A transaction holds off every other process's, so that what it reads is
still true when it writes. A store also tells which processes are alive: each holds a lock that the
kernel or the server takes away when it ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from sage_accounting.errors import OutboxError

BUSY_TIMEOUT_S = 60.0
POSTGRES_SCHEMA = "sage_outbox"
_LOCK = "sage_outbox"
Row = tuple[Any, ...]


class Store(Protocol):
    """Statements with ``?`` for parameters, run by one thread at a time."""

    owner: str
    """Names this process to the others; never used again after it."""

    def transaction(self) -> AbstractContextManager[Run]:
        """Reads and writes that happen whole or not at all, and nobody else's in between."""

    def is_alive(self, owner: str) -> bool:
        """Whether the process of that name still runs."""

    def close(self) -> None: ...


class Run(Protocol):
    def __call__(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """The rows of a statement; none for one that changes something."""


class SqliteStore:
    """A file of mode 0600, for the processes of one machine."""

    def __init__(self, path: Path) -> None:
        self.owner = uuid.uuid4().hex
        self._path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # made here, because SQLite would let everybody read it; its side files get the same mode
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
            self._alive: int | None = self._sign_of_life(self.owner)
            fcntl.flock(self._alive, fcntl.LOCK_EX)
            self._connection = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
        except (OSError, sqlite3.Error) as error:
            raise _unusable(str(path), error) from error

    @contextmanager
    def transaction(self) -> Iterator[Run]:
        with self._lock, _reported(str(self._path), sqlite3.Error):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._run
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    def _run(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        return self._connection.execute(sql, tuple(parameters)).fetchall()

    def is_alive(self, owner: str) -> bool:
        if owner == self.owner:
            return True
        if not self._life_path(owner).exists():
            return False
        descriptor = self._sign_of_life(owner)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            self._life_path(owner).unlink(missing_ok=True)
            return False
        finally:
            os.close(descriptor)

    def close(self) -> None:
        if self._alive is None:
            return
        self._connection.close()
        self._life_path(self.owner).unlink(missing_ok=True)
        os.close(self._alive)
        self._alive = None

    def _sign_of_life(self, owner: str) -> int:
        return os.open(self._life_path(owner), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _life_path(self, owner: str) -> Path:
        return self._path.with_name(f"{self._path.name}.{owner}.alive")


class PostgresStore:
    """A schema of its own in the warehouse, for processes on any number of machines."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        """``connect`` gives an open psycopg2 connection of nobody else's."""
        self.owner = uuid.uuid4().hex
        self._lock = threading.Lock()
        # by name, because the driver comes with an extra
        self._error: type[Exception] = import_module("psycopg2").Error
        with _reported("in PostgreSQL", self._error):
            self._connection = connect()
            self._connection.autocommit = True
            self._run("SELECT pg_advisory_lock(hashtextextended(?, 0))", [self.owner])
            with self.transaction() as run:
                run(f"CREATE SCHEMA IF NOT EXISTS {POSTGRES_SCHEMA}")
            self._run(f"SET search_path TO {POSTGRES_SCHEMA}")

    @contextmanager
    def transaction(self) -> Iterator[Run]:
        with self._lock, _reported("in PostgreSQL", self._error):
            # each statement sees what others committed while this one waited for the lock
            self._run("BEGIN ISOLATION LEVEL READ COMMITTED")
            try:
                # as SQLite does it: whoever may write is alone
                self._run("SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", [_LOCK])
                yield self._run
                self._run("COMMIT")
            except BaseException:
                with suppress(self._error):
                    self._run("ROLLBACK")
                raise

    def _run(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql.replace("?", "%s"), tuple(parameters))
            return list(cursor.fetchall()) if cursor.description else []

    def is_alive(self, owner: str) -> bool:
        """Asked inside a transaction."""
        if owner == self.owner:
            return True
        ((is_free,),) = self._run("SELECT pg_try_advisory_lock(hashtextextended(?, 0))", [owner])
        if is_free:
            self._run("SELECT pg_advisory_unlock(hashtextextended(?, 0))", [owner])
        return not is_free

    def close(self) -> None:
        with suppress(self._error):
            self._connection.close()


@contextmanager
def _reported(where: str, kind: type[Exception]) -> Iterator[None]:
    try:
        yield
    except kind as error:
        raise _unusable(where, error) from error


def _unusable(where: str, error: Exception) -> OutboxError:
    return OutboxError(
        f"The outbox {where} can not be used ({type(error).__name__}). Nothing is sent to Sage that is "
        "not stored in it first, so nothing more was sent; what it holds stays. Make its place "
        "writable and reachable, then push the same file again: no line is sent twice."
    )
