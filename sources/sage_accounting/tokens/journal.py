"""An append-only file with one encrypted record a line, on disk before anyone uses the record.

A line is ``sage-tokens-1 <generation> <version> <crc32> <fernet text>``. Blank lines count for nothing.
A torn, truncated or garbled line fails its checksum and is passed over, so what was complete before
stays readable. All writing happens under the lock of the connection; reading needs none.

A line ``sage-answer-1`` is Sage's answer as it arrived, for the refresh token of that generation. It counts
until a record of a higher generation is there, which it becomes
(:mod:`sage_accounting.tokens.exchange` writes it).

Space for the next record is claimed and synced *before* Sage is asked for it (:meth:`Journal.reserve`):
a full disk or a read-only folder must stop a refresh before it uses up the old token, not after.
"""

from __future__ import annotations

import logging
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sage_accounting.errors import TokenStoreError
from sage_accounting.tokens.crypt import Sealed
from sage_accounting.tokens.exchange import ANSWER, RECORD, end_of_lines, sealed_line, write_line
from sage_accounting.tokens.steps import Steps, no_steps

logger = logging.getLogger(__name__)

_LINE = re.compile(rb"(sage-tokens-1|sage-answer-1) (\d+) (\d+) ([0-9a-f]{8}) ([A-Za-z0-9_=-]+)")
# Two tokens of at most 2,048 letters each grow to about 6 KB when encrypted: an answer and a record.
_LEAST_ROOM_BYTES = 2 * 8192


@dataclass(frozen=True)
class JournalContent:
    """What a journal holds."""

    newest: Sealed | None
    """The newest of the complete lines."""
    damaged_lines: int
    """Lines that are torn, cut off or garbled."""
    answer: Sealed | None = None
    """Sage's last answer, if no record came of it yet."""


class Journal:
    """The journal of one connection at ``path`` (mode 0600).

    Every method raises :class:`TokenStoreError` when the file system refuses; what was stored stays.
    """

    def __init__(self, path: Path, steps: Steps = no_steps) -> None:
        self.path = path
        self._steps = steps

    def read(self) -> JournalContent:
        """All complete lines; empty when there is no file."""
        with self._refusals("read"):
            try:
                fd = self._open(os.O_RDONLY)
            except FileNotFoundError:
                return JournalContent(None, 0)
            with os.fdopen(fd, "rb") as file:
                return parse(file.read())

    def reserve(self) -> None:
        """Claim space on disk for the next record; nothing that is stored changes."""
        newest = self.read().newest
        room = max(_LEAST_ROOM_BYTES, 4 * len(newest.text) if newest else 0)
        with self._refusals("write"), self._opened() as fd:
            try:
                _claim(fd, room)
                os.fsync(fd)
            except OSError:
                _give_back(fd)
                raise

    def release(self) -> None:
        """Give back what is left of the claimed space."""
        if self.path.exists():
            with self._refusals("write"), self._opened() as fd:
                _give_back(fd)

    def append(self, sealed: Sealed) -> None:
        """Returns when the record is on disk, file and folder synced."""
        with self._refusals("write"), self._opened() as fd:
            self._steps("before_journal")
            write_line(fd, format_line(sealed))
            self._steps("journal_written")
            os.fsync(fd)
            self._steps("journal_synced")

    def compact(self) -> None:
        """Keep the newest record only, in a new file that replaces the old one at once.

        An answer of which no record came yet is kept too.
        """
        content = self.read()
        if content.newest is None:
            return
        lines = format_line(content.newest)
        if content.answer is not None:
            lines += format_answer(content.answer)
        fresh = self.path.with_suffix(".new")
        with self._refusals("write"):
            self._steps("before_compaction")
            fresh.unlink(missing_ok=True)
            fd = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                write_line(fd, lines)
                os.fsync(fd)
            finally:
                os.close(fd)
            self._steps("compaction_written")
            fresh.replace(self.path)
            self._sync_folder()
            self._steps("compacted")

    @contextmanager
    def _opened(self) -> Iterator[int]:
        is_new = not self.path.exists()
        fd = self._open(os.O_RDWR | os.O_CREAT)
        try:
            if is_new:
                self._sync_folder()
            yield fd
        finally:
            os.close(fd)

    def _open(self, flags: int) -> int:
        fd = os.open(self.path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            self._check(fd)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _check(self, fd: int) -> None:
        """Refuse a file of somebody else; close one that others can read."""
        status = os.fstat(fd)
        if os.geteuid() not in (0, status.st_uid):
            raise TokenStoreError(
                f"The token journal {self.path} belongs to another user of this machine (id "
                f"{status.st_uid}), so it was left alone and nothing was sent to Sage. Run as that "
                "user, or give the file to the present one with chown."
            )
        if stat.S_IMODE(status.st_mode) & 0o077:
            logger.warning("the token journal %s was open to other users; closed it", self.path)
            os.fchmod(fd, 0o600)

    def _sync_folder(self) -> None:
        fd = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    @contextmanager
    def _refusals(self, act: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise TokenStoreError(
                f"Could not {act} the token journal {self.path} ({error.strerror}). The tokens stored "
                "before are untouched. Make room and give this user the right to read and write the "
                "file and its folder, then run the command again."
            ) from error


def format_line(sealed: Sealed) -> bytes:
    """The line of a record."""
    return sealed_line(RECORD, sealed.generation, sealed.version, sealed.text)


def format_answer(sealed: Sealed) -> bytes:
    """The line of an answer."""
    return sealed_line(ANSWER, sealed.generation, sealed.version, sealed.text)


def parse(content: bytes) -> JournalContent:
    """The newest complete line of a journal's bytes, and how many lines are damaged."""
    newest: Sealed | None = None
    answer: Sealed | None = None
    damaged = 0
    for line in content.split(b"\n"):
        if not line.strip():
            continue
        kind, sealed = _parse_line(line)
        if sealed is None:
            damaged += 1
        elif kind == ANSWER:
            answer = sealed
        elif newest is None or sealed.age_order > newest.age_order:
            newest = sealed
    if newest is not None and answer is not None and answer.generation < newest.generation:
        answer = None
    return JournalContent(newest, damaged, answer)


def _parse_line(line: bytes) -> tuple[str, Sealed | None]:
    line = line.rstrip(b" ")  # what is left of the claimed space
    found = _LINE.fullmatch(line)
    if found is None:
        return "", None
    kind, sealed = found[1].decode(), Sealed(int(found[2]), int(found[3]), found[5].decode("ascii"))
    is_whole = sealed_line(kind, sealed.generation, sealed.version, sealed.text) == line + b"\n"
    return kind, sealed if is_whole else None


def _claim(fd: int, room: int) -> None:
    end = end_of_lines(fd)
    view = memoryview((b"\n" if end else b"") + b" " * (room - 1) + b"\n")
    offset = max(end - 1, 0)
    while view:
        written = os.pwrite(fd, view, offset)
        view, offset = view[written:], offset + written


def _give_back(fd: int) -> None:
    end = end_of_lines(fd)
    if end:
        os.pwrite(fd, b"\n", end - 1)  # ends a torn line
    os.ftruncate(fd, end)
