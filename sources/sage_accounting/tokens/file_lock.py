"""A lock between the processes of one machine, on a file.

``flock`` belongs to the open file: a process that inherits the descriptor keeps the lock when the one
that took it is killed, and the kernel ends it with the last of them.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sage_accounting.errors import TokenStoreError

LOCK_TIMEOUT_S = 180
_POLL_S = 0.01


@contextmanager
def file_lock(path: Path) -> Iterator[int]:
    """Holds off every other process and thread; gives the descriptor that holds the lock."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise TokenStoreError(
            f"Could not take the token lock {path} ({error.strerror}). Nothing was sent to Sage and "
            "the tokens are untouched. Give this user the right to write in that folder, then run the "
            "command again."
        ) from error
    try:
        _wait_for(fd, path)
        try:
            yield fd
        finally:
            fcntl.flock(
                fd, fcntl.LOCK_UN
            )  # closing is not enough: a fork elsewhere may have it too
    finally:
        os.close(fd)


def _wait_for(fd: int, path: Path) -> None:
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < deadline:
                time.sleep(_POLL_S)
                continue
            raise TokenStoreError(
                f"Another process has held the token lock {path} for {LOCK_TIMEOUT_S} seconds. Nothing "
                "was sent to Sage and the tokens are untouched. End that process if it hangs, then run "
                "the command again.",
                error_code="token-lock-held",
            ) from None
        return
