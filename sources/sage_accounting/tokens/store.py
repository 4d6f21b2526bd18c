"""Where a record is stored: the seam for other vaults, and the usual three places behind it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Protocol

from sage_accounting.errors import TokenStoreError
from sage_accounting.tokens.clock import Instant
from sage_accounting.tokens.crypt import Cipher, Sealed
from sage_accounting.tokens.dlt_state import DltState, reason
from sage_accounting.tokens.endpoint import TokenAnswer, read_grant, response_of
from sage_accounting.tokens.exchange import Reply
from sage_accounting.tokens.file_lock import file_lock
from sage_accounting.tokens.journal import Journal, JournalContent
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


def refuse_older(record: Record, stored: Record | Sealed | None) -> None:
    """Raises :class:`TokenStoreError` when ``record`` would be written over a newer one."""
    if stored is not None and stored.age_order > record.age_order:
        raise TokenStoreError(
            f"A newer generation of tokens ({stored.generation}) is stored already, so generation "
            f"{record.generation} was not written over it. Nothing is lost: run the command again.",
            error_code="tokens-newer-stored",
        )


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
        self.held: Sequence[int] = ()
        """Descriptors of the locks, under the lock: whoever inherits them holds it too."""

    @contextmanager
    def lock(self) -> Iterator[None]:
        with (
            file_lock(self._journal.path.with_suffix(".lock")) as local,
            self._state.exclusive() as shared,
        ):
            self._journal.reserve()
            self.held = (local, *shared)
            try:
                yield
            finally:
                self.held = ()
                self._journal.release()

    def load(self, *, everywhere: bool = False) -> Record | None:
        journal = self._read_journal()
        journalled = newest = journal.newest
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
        record = self._cipher.open(newest)
        answer = self._left_behind(journal, record)
        return self._taken_over(record, answer) if answer else record

    def save(self, record: Record) -> None:
        sealed = self._journal.read().newest
        refuse_older(record, sealed)
        if sealed is None or sealed.age_order < record.age_order:
            sealed = self._cipher.seal(record)
            try:
                self._journal.append(sealed)
            except TokenStoreError:
                self._copy(sealed)
                raise
        if self._copied != sealed.age_order and self._copy(sealed):
            self._journal.compact()

    def _left_behind(self, journal: JournalContent, record: Record) -> TokenAnswer | None:
        """Sage's answer to ``record``, if the process that asked ended before it could store it."""
        kept = self._cipher.open_answer(journal.answer) if journal.answer else None
        if kept is None or kept.generation != record.generation or record.tokens is None:
            return None
        asked_at = Instant(datetime.fromtimestamp(kept.asked_at, UTC), monotonic_s=0.0)
        response = response_of(Reply(200, body=kept.body))
        answer = read_grant(response, asked_at, sent_token=record.tokens.refresh_token)
        return answer if isinstance(answer, TokenAnswer) else None

    def _taken_over(self, record: Record, answer: TokenAnswer) -> Record:
        successor = record.granted(answer)
        self._journal.append(self._cipher.seal(successor))
        self._journal.reserve()
        logger.warning(
            "generation %d in the token journal %s comes from a process that was killed after it asked",
            successor.generation,
            self._journal.path,
        )
        return successor

    def _read_journal(self) -> JournalContent:
        content = self._journal.read()
        if content.damaged_lines:
            logger.warning(
                "%d damaged lines in the token journal %s; the newest complete record counts",
                content.damaged_lines,
                self._journal.path,
            )
        return content

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
