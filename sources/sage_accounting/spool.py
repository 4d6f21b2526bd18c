"""Decoded records on their way from a list that is still being read to the load.

Nothing of a list may be loaded before all of it is known to be whole. A small list waits in memory; the
batches of a large one wait in files, so that memory does not grow with the list.
"""

from __future__ import annotations

import itertools
import tempfile
import threading
import weakref
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from sage_accounting.flatten import Tables

IN_MEMORY = 64 * 1024 * 1024
"""Bytes that may wait in memory, of all batches together: most lists are a page, a few are thousands."""


@dataclass(frozen=True)
class Chunk:
    """The records of one batch of pages."""

    kept: Tables | None
    folder: Path | None

    def tables(self) -> Tables:
        """The records, read back when they wait in files."""
        if self.kept is not None:
            return self.kept
        assert self.folder is not None  # noqa: S101 - one of the two is always there
        names = sorted(path.stem for path in self.folder.glob("child-*.arrow"))
        return Tables(
            root=_read(self.folder / "root.arrow"),
            record_ids=_read(self.folder / "ids.arrow").column("id"),
            children={
                name.removeprefix("child-"): _read(self.folder / f"{name}.arrow") for name in names
            },
        )


def ready(tables: Tables) -> Future[Chunk]:
    """Records that are there already."""
    chunk: Future[Chunk] = Future()
    chunk.set_result(Chunk(tables, None))
    return chunk


class Spool:
    """Keeps batches until they are loaded; a folder of its own that goes with it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="sage-accounting-")
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._in_memory = 0

    def keep(self, tables: Tables) -> Chunk:
        """Store one batch."""
        size = tables.nbytes
        if self._reserve(size):
            chunk = Chunk(tables, None)
            weakref.finalize(chunk, self._reserve, -size)  # once it is loaded nobody holds it
            return chunk
        folder = Path(self._folder.name) / str(next(self._numbers))
        folder.mkdir()
        _write(folder / "root.arrow", tables.root)
        _write(folder / "ids.arrow", pa.table({"id": tables.record_ids}))
        for name, table in tables.children.items():
            _write(folder / f"child-{name}.arrow", table)
        return Chunk(None, folder)

    def _reserve(self, size: int) -> bool:
        with self._lock:
            fits = self._in_memory + size <= IN_MEMORY
            if fits:
                self._in_memory += size
            return fits

    def close(self) -> None:
        self._folder.cleanup()


def _write(path: Path, table: pa.Table) -> None:
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with (
        pa.OSFile(str(path), "wb") as file,
        pa.ipc.new_file(file, table.schema, options=options) as out,
    ):
        out.write_table(table)


def _read(path: Path) -> pa.Table:
    with pa.OSFile(str(path)) as file:
        return pa.ipc.open_file(file).read_all()
