"""Where a record is stored: the seam for other vaults, and the usual three places behind it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import filelock

from sage_accounting.errors import TokenStoreError
from sage_accounting.tokens.crypt import Cipher, Sealed
from sage_accounting.tokens.dlt_state import LOCK_TIMEOUT_S, DltState, reason
from sage_accounting.tokens.journal import Journal
from sage_accounting.tokens.record import Record

logger = logging.getLogger(__name__)


class TokenStore(Protocol):
    """Keeps the record of one connection. Raises :class:`TokenStoreError` when it can not."""

    def lock(self) -> AbstractContextManager[None]:
        """Holds off every other process and thread that uses this connection.

        Also makes sure, before anything is sent to Sage, that a :meth:`save` can succeed.
        """

    def load(self, *, everywhere: bool = False) -> Record | None:
        """The newest record, to be called under the lock.

        ``everywhere`` asks for copies too that are slower to reach: for the first load of a process
        and before a record is given up.
        """

    def save(self, record: Record) -> None:
        """Returns when the record survives a crash; to be called under the lock.

        Saving the newest record again completes copies that failed before. An older one is refused.
        """


class LocalStore:
    """Journal, dlt state and dlt destination as one :class:`TokenStore`.

    The journal decides: a record is safe when it is there. The other two are copies for the day when
    the folder is gone; if they fail, that is logged and made up for with the next save.
    """

    def __init__(self, journal: Journal, state: DltState, cipher: Cipher) -> None:
        self._journal = journal
        self._state = state
        self._cipher = cipher
        self._copied: tuple[int, int] | None = None

    @contextmanager
    def lock(self) -> Iterator[None]:
        with _file_lock(self._journal.path.with_suffix(".lock")), self._state.exclusive():
            self._journal.reserve()
            try:
                yield
            finally:
                self._journal.release()

    def load(self, *, everywhere: bool = False) -> Record | None:
        journalled = newest = self._newest_in_journal()
        if everywhere or newest is None:
            local = self._read(self._state.read_local, "working folder", is_needed=False)
            newest = _newer(newest, local)
        if everywhere or newest is None or self._state.is_shared:
            is_needed = newest is None or self._state.is_shared
            copied = self._read(self._state.read_destination, "destination", is_needed=is_needed)
            self._copied = copied.age_order if copied else None
            newest = _newer(newest, copied)
        if newest is None:
            return None
        if newest is not journalled:  # recovered: from now on the journal has it too
            self._journal.append(newest)
            self._journal.reserve()
        return self._cipher.open(newest)

    def save(self, record: Record) -> None:
        sealed = self._journal.read().newest
        if sealed is not None and sealed.age_order > record.age_order:
            raise TokenStoreError(
                f"A newer generation of tokens ({sealed.generation}) is stored already, so generation "
                f"{record.generation} was not written over it. Nothing is lost: run the command again."
            )
        if sealed is None or sealed.age_order < record.age_order:
            sealed = self._cipher.seal(record)
            try:
                self._journal.append(sealed)
            except TokenStoreError:
                self._copy(sealed)
                raise
        if self._copied != sealed.age_order and self._copy(sealed):
            self._journal.compact()

    def _newest_in_journal(self) -> Sealed | None:
        content = self._journal.read()
        if content.damaged_lines:
            logger.warning(
                "%d damaged lines in the token journal %s; the newest complete record counts",
                content.damaged_lines,
                self._journal.path,
            )
        return content.newest

    def _read(
        self, read: Callable[[], Sealed | None], place: str, *, is_needed: bool
    ) -> Sealed | None:
        """What ``read`` finds; a place that is not needed may fail."""
        try:
            return read()
        except Exception as error:
            if is_needed:
                raise TokenStoreError(
                    f"The tokens in the {place} of pipeline {self._state.pipeline_name} could not be "
                    f"read ({reason(error)}). They are untouched and nothing was sent to Sage. Make "
                    f"the {place} readable and run the command again."
                ) from error
            logger.warning(
                "tokens in the %s of %s unreadable, the other places count: %s",
                place,
                self._state.pipeline_name,
                reason(error),
            )
            return None

    def _copy(self, sealed: Sealed) -> bool:
        try:
            self._state.write(sealed)
        except Exception as error:  # noqa: BLE001 - a failing copy never stops a journalled refresh
            logger.warning(
                "tokens of %s, generation %d, not copied to the destination; the journal has them and "
                "the next save tries again: %s",
                self._state.pipeline_name,
                sealed.generation,
                reason(error),
            )
            return False
        self._copied = sealed.age_order
        return True


def _newer(one: Sealed | None, other: Sealed | None) -> Sealed | None:
    return max(filter(None, (one, other)), key=lambda sealed: sealed.age_order, default=None)


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    lock = filelock.FileLock(path, mode=0o600, poll_interval=0.01)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=LOCK_TIMEOUT_S)
    except filelock.Timeout:
        raise TokenStoreError(
            f"Another process has held the token lock {path} for {LOCK_TIMEOUT_S} seconds. Nothing was "
            "sent to Sage and the tokens are untouched. End that process if it hangs, then run the "
            "command again."
        ) from None
    except OSError as error:
        raise TokenStoreError(
            f"Could not take the token lock {path} ({error.strerror}). Nothing was sent to Sage and "
            "the tokens are untouched. Give this user the right to write in that folder, then run the "
            "command again."
        ) from error
    try:
        yield
    finally:
        lock.release()
