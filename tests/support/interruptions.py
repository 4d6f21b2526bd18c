"""What interrupts a sync from outside: a kill at any moment, and somebody who holds the warehouse file.

Both need processes of their own. They are forked from one that has the imports already, so that each
costs what it does and not three seconds.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import dlt
import duckdb
import httpx
import pytest

from sage_accounting import readers, slices
from sage_accounting.client import RetryPolicy
from sage_elt.cli import main

Stage = Literal["start", "request", "extract", "normalize", "load"]
_CONTEXT = multiprocessing.get_context("forkserver")


@dataclass(frozen=True)
class Moment:
    """When a sync is killed: so long after ``stage`` began, or with the n-th request."""

    stage: Stage
    after_s: float = 0.0
    nth: int = 1


def killed(
    folder: Path,
    environment: Mapping[str, str],
    arguments: Sequence[str],
    moment: Moment,
    *,
    is_sliced: bool,
) -> bool:
    """Run a command and kill it with SIGKILL or its like; False when it ended before that."""
    _CONTEXT.set_forkserver_preload([__name__])
    victim = _CONTEXT.Process(
        target=_die,
        args=(folder, dict(environment), list(arguments), moment, is_sliced),
        daemon=True,
    )
    victim.start()
    victim.join()
    return (victim.exitcode or 0) < 0


@contextlib.contextmanager
def held(warehouse: Path) -> Iterator[None]:
    """Another process has the file open."""
    _CONTEXT.set_forkserver_preload([__name__])
    ours, theirs = _CONTEXT.Pipe()
    holder = _CONTEXT.Process(target=_hold, args=(warehouse, theirs), daemon=True)
    holder.start()
    try:
        assert ours.recv() == "open"
        yield
    finally:
        ours.send("close")
        holder.join()


@contextlib.contextmanager
def small_scale(*, is_sliced: bool) -> Iterator[None]:
    """A source that repeats a request at once and, when sliced, takes a few hundred records for many.

    How long a client waits and where slices begin to pay is not what is tried here.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RetryPolicy, "wait_s", lambda *_: 0.01)
        if is_sliced:
            patch.setattr(readers, "SLICED", 300)
            patch.setattr(slices, "SLICE", 150)
            patch.setattr(slices, "AIM", 90)
        yield


def _die(
    folder: Path,
    environment: dict[str, str],
    arguments: list[str],
    moment: Moment,
    is_sliced: bool,
) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["sage-elt", *arguments]
    sys.stdin = io.StringIO()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process as abruptly as SIGKILL
    _arm(moment)
    with (
        small_scale(is_sliced=is_sliced),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        main()


def _arm(moment: Moment) -> None:
    def tick(*_: object) -> None:
        if moment.after_s:
            signal.setitimer(signal.ITIMER_REAL, moment.after_s)
        else:
            os.kill(os.getpid(), signal.SIGKILL)

    if moment.stage == "start":
        tick()
    elif moment.stage == "request":
        _count_down(httpx.HTTPTransport, "handle_request", moment.nth, tick)
    else:
        _count_down(dlt.Pipeline, moment.stage, 1, tick)


def _count_down(owner: Any, name: str, count: int, tick: Any) -> None:
    """Have ``tick`` called with the count-th call of a method."""
    method = getattr(owner, name)
    left = count

    def counted(*arguments: Any, **named: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            tick()
        return method(*arguments, **named)

    setattr(owner, name, counted)


def _hold(warehouse: Path, connection: Any) -> None:
    with duckdb.connect(str(warehouse)):
        connection.send("open")
        connection.recv()
