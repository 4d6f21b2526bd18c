"""The request of a refresh, made so that its answer outlives the process that asks.

See :mod:`sage_accounting.tokens.exchange` for the other side.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import IO

from sage_accounting.tokens import exchange
from sage_accounting.tokens.clock import Clock, Instant
from sage_accounting.tokens.crypt import Cipher
from sage_accounting.tokens.exchange import Order, Reply
from sage_accounting.tokens.journal import Journal

logger = logging.getLogger(__name__)

_SECRET_SETTINGS = ("SOURCES__", "DESTINATION__")


class JournalledPost:
    """A :class:`sage_accounting.tokens.endpoint.Post` for a vault with a journal."""

    def __init__(
        self,
        journal: Journal,
        cipher: Cipher,
        held: Callable[[], Sequence[int]],
        *,
        in_own_process: bool,
    ) -> None:
        """``held``: descriptors of the locks, which stay locked until the answer is kept."""
        self._journal = journal
        self._cipher = cipher
        self._held = held
        self._in_own_process = in_own_process

    def __call__(
        self,
        url: str,
        form: Mapping[str, str],
        headers: Mapping[str, str],
        clock: Clock,
        on_sent: Callable[[], None],
    ) -> tuple[Instant, Reply]:
        newest = self._journal.read().newest
        generation = newest.generation if newest else 0
        with self._process() as process:
            asked_at = clock.now()
            order = Order(
                url,
                form,
                headers,
                asked_at.wall.timestamp(),
                str(self._journal.path),
                self._cipher.sealing_key,
                generation,
            )
            if process is None:
                return asked_at, exchange.exchange(order, on_sent)
            reply = _carried_out(process, order, on_sent)
        return asked_at, reply or self._left_behind(generation)

    @contextmanager
    def _process(self) -> Iterator[subprocess.Popen[str] | None]:
        """A process that is ready; None when there is to be none, or it can not be started here."""
        process = _started(self._held()) if self._in_own_process else None
        if process is None:
            yield None
            return
        with process:
            if _pipe(process.stdout).readline() == "ready\n":
                yield process
                return
            process.kill()
        logger.warning(
            "no process for the token request could be started; sending it from this one"
        )
        yield None

    def _left_behind(self, generation: int) -> Reply:
        """What a process that ended without a word may have put into the journal."""
        kept = self._journal.read().answer
        answer = self._cipher.open_answer(kept) if kept else None
        if answer is not None and answer.generation == generation:
            return Reply(status=200, body=answer.body)
        return Reply(problem="the process with the token request was killed", may_have_granted=True)


def _started(held: Sequence[int]) -> subprocess.Popen[str] | None:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(_SECRET_SETTINGS)
    }
    try:
        return subprocess.Popen(  # noqa: S603 - our own file, run by our own interpreter
            # -P: or the modules of this folder would be found before those of the library
            [sys.executable, "-P", exchange.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            pass_fds=held,
            env=environment,
            start_new_session=True,  # Ctrl-C and a kill of the process group pass it by
        )
    except OSError:
        return None


def _carried_out(
    process: subprocess.Popen[str], order: Order, on_sent: Callable[[], None]
) -> Reply | None:
    """None when the process ended without a reply."""
    stdin, stdout = _pipe(process.stdin), _pipe(process.stdout)
    try:
        stdin.write(json.dumps(asdict(order)) + "\n")
        stdin.flush()
    except BrokenPipeError:
        with suppress(BrokenPipeError):  # what was not written is tried again, and given up
            stdin.close()
        return None
    said = stdout.readline()
    if said == "sent\n":
        on_sent()
        said = stdout.readline()
    return Reply(**json.loads(said)) if said.endswith("\n") else None


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None  # noqa: S101 - for the type checker: all are pipes
    return pipe
