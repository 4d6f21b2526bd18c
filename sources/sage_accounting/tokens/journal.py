"""An append-only file with one encrypted record a line, on disk before anyone uses the record.

A line is ``sage-tokens-1 <generation> <version> <crc32> <fernet text>``. Blank lines count for nothing.
A torn, truncated or garbled line fails its checksum and is passed over, so what was complete before
stays readable. All writing happens under the lock of the connection; reading needs none.

Space for the next record is claimed and synced *before* Sage is asked for it (:meth:`Journal.reserve`):
a full disk or a read-only folder must stop a refresh before it uses up the old token, not after.
"""

from __future__ import annotations

import logging
import os
import re
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sage_accounting.errors import TokenStoreError
from sage_accounting.tokens.crypt import Sealed
from sage_accounting.tokens.steps import Steps, no_steps

logger = logging.getLogger(__name__)

_LINE = re.compile(rb"sage-tokens-1 (\d+) (\d+) ([0-9a-f]{8}) ([A-Za-z0-9_=-]+)")
# Two tokens of at most 2,048 letters each grow to about 6 KB when encrypted.
_LEAST_ROOM_BYTES = 8192


@dataclass(frozen=True)
class JournalContent:
    """What a journal holds."""

    newest: Sealed | None
    """The newest of the complete lines."""
    damaged_lines: int
    """Lines that are torn, cut off or garbled."""


class Journal:
    """The journal of one connection at ``path`` (mode 0600).

    Every method raises :class:`TokenStoreError` when the file system refuses; what was stored stays.
    """

    def __init__(self, path: Path, steps: Steps = no_steps) -> None:
        self.path = path
        self._steps = steps
        self._reserved_at: int | None = None

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
        room = max(_LEAST_ROOM_BYTES, 2 * len(newest.text) if newest else 0)
        with self._refusals("write"), self._opened() as fd:
            end = _end_of_lines(fd)
            try:
                _write(fd, b" " * (room - 1) + b"\n", end)
                os.fsync(fd)
            except OSError:
                os.ftruncate(fd, end)
                raise
            self._reserved_at = end

    def release(self) -> None:
        """Give the claimed space back, if no record took it."""
        if self._reserved_at is not None and self.path.exists():
            with self._refusals("write"), self._opened() as fd:
                os.ftruncate(fd, self._reserved_at)
        self._reserved_at = None

    def append(self, sealed: Sealed) -> None:
        """Returns when the record is on disk, file and folder synced."""
        with self._refusals("write"), self._opened() as fd:
            offset = _end_of_lines(fd) if self._reserved_at is None else self._reserved_at
            self._steps("before_journal")
            _write(fd, format_line(sealed), offset)
            self._reserved_at = None
            self._steps("journal_written")
            os.fsync(fd)
            self._steps("journal_synced")

    def compact(self) -> None:
        """Keep the newest record only, in a new file that replaces the old one at once."""
        newest = self.read().newest
        if newest is None:
            return
        fresh = self.path.with_suffix(".new")
        with self._refusals("write"):
            self._steps("before_compaction")
            fresh.unlink(missing_ok=True)
            fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                _write(fd, format_line(newest), 0)
                os.fsync(fd)
            finally:
                os.close(fd)
            self._steps("compaction_written")
            fresh.replace(self.path)
            self._sync_folder()
            self._reserved_at = None
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
    """One line of the journal, with its line feed."""
    content = f"{sealed.generation} {sealed.version} {sealed.text}".encode("ascii")
    return b"sage-tokens-1 %d %d %08x %s\n" % (
        sealed.generation,
        sealed.version,
        zlib.crc32(content),
        sealed.text.encode("ascii"),
    )


def parse(content: bytes) -> JournalContent:
    """The newest complete line of a journal's bytes, and how many lines are damaged."""
    newest: Sealed | None = None
    damaged = 0
    for line in content.split(b"\n"):
        if not line.strip():
            continue
        sealed = _parse_line(line)
        if sealed is None:
            damaged += 1
        elif newest is None or sealed.age_order > newest.age_order:
            newest = sealed
    return JournalContent(newest, damaged)


def _parse_line(line: bytes) -> Sealed | None:
    line = line.rstrip(b" ")  # what is left of the claimed space
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    sealed = Sealed(int(found[1]), int(found[2]), found[4].decode("ascii"))
    return sealed if format_line(sealed) == line + b"\n" else None


def _end_of_lines(fd: int) -> int:
    """Where a new line can begin; ends a torn one first."""
    end = os.fstat(fd).st_size
    if end and os.pread(fd, 1, end - 1) != b"\n":
        end += os.pwrite(fd, b"\n", end)
    return end


def _write(fd: int, content: bytes, offset: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(fd, view, offset)
        view, offset = view[written:], offset + written
