"""Page bytes to Arrow records: one struct a record, nested as Sage sends it.

A page goes through Arrow's JSON reader with the shape learned so far (:mod:`shapes`); numbers and
numeric text become decimals without passing through a float. A page that the reader refuses, because
it has a number where text should be, or anything else than its field declares, is parsed in Python
instead: slower, to the same result. :mod:`flatten` makes tables of the records.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.json as pj

from sage_accounting.catalogue import Collection
from sage_accounting.client import Answer, MalformedBodyError
from sage_accounting.conform import conform
from sage_accounting.errors import Place
from sage_accounting.misfits import set_aside
from sage_accounting.shapes import (
    EMPTY,
    ListOf,
    Scalar,
    ScalarKind,
    Shape,
    Struct,
    merge,
    shape_of_type,
    shape_of_value,
    wire_type,
)
from sage_accounting.spool import Chunk

ITEMS = "$items"
NO_ITEMS = pa.array([], pa.struct([]))
NO_IDS = pa.array([], pa.string())
ENVELOPE = {
    "$total": pa.int64(),
    "$page": pa.int64(),
    "$next": pa.string(),
    "$itemsPerPage": pa.int64(),
    "$items_per_page": pa.int64(),
}


@dataclass(frozen=True)
class Page:
    """One answered page of a list; a singleton is a page of one."""

    items: pa.StructArray
    """Its records, nested; none any more once they are flat (:attr:`chunk`)."""
    ids: pa.Array
    """The ids of its records; empty where records have none."""
    count: int
    total: int | None
    """``$total``: how many records the whole list has."""
    number: int | None
    """``$page``: which page Sage says this is."""
    has_next: bool
    size: int | None
    """Records a page holds by Sage's own account."""
    sent_at: datetime
    digest: bytes
    """Of the body, to tell an unchanged list."""
    place: Place
    lacking: frozenset[str] = frozenset()
    """Child lists that records of this collection can have and none of these has, not even empty."""
    unchanged: bool = False
    """Whether the body is the one known before; it was then not decoded, and counts no records."""
    chunk: Future[Chunk] | None = None
    """Where the flat records of this page's batch are, once they are flat."""


class Decoder:
    """Decodes one collection; remembers the shape between pages and businesses; thread-safe."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._lock = threading.Lock()
        self._known = _Known(EMPTY)

    def read_page(self, answer: Answer, known: str | None = None) -> Page:
        """A page of the list, or a singleton.

        ``known`` is the digest of the list as it was: a page that is all of it, unchanged, is not
        decoded. Raises :class:`MalformedBodyError` for a body that is cut off or no JSON.
        """
        digest = _digest(answer.body)
        if known is not None and list_digest([digest]) == known:
            return _unchanged(answer, digest)
        return self._read(answer, digest, listed=self._collection.kind != "singleton")

    def read_record(self, answer: Answer) -> Page:
        """One record that was asked for by its id, as a page of one. Raises like :meth:`read_page`."""
        return self._read(answer, _digest(answer.body), listed=False)

    def _read(self, answer: Answer, digest: bytes, *, listed: bool) -> Page:
        body = _enveloped(answer.body, listed=listed)
        table = self._parse_any(body)
        if table.num_rows != 1:
            raise MalformedBodyError("several documents in one body")
        envelope = {name: table.column(name)[0].as_py() for name in ENVELOPE}
        records = table.column(ITEMS).chunk(0)  # of one row
        empty = pa.types.is_null(records.type.value_type)
        items = NO_ITEMS if empty else records.values
        return Page(
            items=items,
            ids=_ids(items),
            count=len(items),
            total=envelope["$total"],
            number=envelope["$page"],
            has_next=bool(envelope["$next"]),
            size=envelope["$itemsPerPage"] or envelope["$items_per_page"],
            sent_at=answer.sent_at,
            digest=digest,
            place=answer.place,
            lacking=frozenset(c for c in self._collection.children if _key(c) not in answer.body),
        )

    @property
    def shape(self) -> Struct:
        """What records of this collection were seen to have so far."""
        return self._known.shape

    def _parse_any(self, body: bytes) -> pa.Table:
        try:
            return self._parse(body)
        except pa.ArrowInvalid:
            pass
        try:
            return self._parse(_blanks_to_null(body, self.shape))
        except pa.ArrowInvalid:
            return self._parse_slowly(body)

    def _parse(self, body: bytes) -> pa.Table:
        """Parse with the known shape; when the page shows more, learn it and parse again."""
        while True:
            known = self._known
            table = _read_json(body, known)
            found = table.schema.field(ITEMS).type
            if found in known.types or pa.types.is_null(found.value_type):
                return table
            seen = shape_of_type(found.value_type, self._collection.model, known=known.shape)
            if not self._learn(known.shape, seen):
                known.types.append(found)
                return table

    def _learn(self, shape: Struct, seen: Shape | None) -> bool:
        """Whether ``seen`` adds to ``shape``; the shared shape then holds it too."""
        if merge(shape, seen) == shape:
            return False
        with self._lock:
            merged = merge(self.shape, seen)
            assert isinstance(merged, Struct)  # noqa: S101 - a list of records has records
            self._known = _Known(merged)
        return True

    def _parse_slowly(self, body: bytes) -> pa.Table:
        try:
            document = json.loads(body, parse_float=Decimal)
        except ValueError as error:
            raise MalformedBodyError("not JSON") from error
        records = document.get(ITEMS) if isinstance(document, dict) else None
        if not isinstance(records, list) or not all(isinstance(r, dict) for r in records):
            raise MalformedBodyError("no list of records")
        records = [set_aside(record, self._collection.model) for record in records]
        seen: Shape | None = EMPTY
        for record in records:
            seen = merge(seen, shape_of_value(record, self._collection.model, ""))
        self._learn(self.shape, seen)
        shape = self.shape
        values = [conform(record, shape) for record in records]
        columns = {name: pa.array([document.get(name)], kind) for name, kind in ENVELOPE.items()}
        return pa.table({**columns, ITEMS: pa.array([values], pa.list_(wire_type(shape)))})


def list_digest(pages: Iterable[bytes]) -> str:
    """Of a list, from the digests of its pages."""
    return _digest(b"".join(pages)).hex()


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def _unchanged(answer: Answer, digest: bytes) -> Page:
    return Page(
        items=NO_ITEMS,
        ids=NO_IDS,
        count=0,
        total=None,
        number=None,
        has_next=False,
        size=None,
        sent_at=answer.sent_at,
        digest=digest,
        place=answer.place,
        unchanged=True,
    )


def _key(name: str) -> bytes:
    """A field's name as a body spells it; inside a text its quotes would be escaped."""
    return b'"%s"' % name.encode()


def _ids(items: pa.StructArray) -> pa.Array:
    if items.type.get_field_index("id") < 0:
        return NO_IDS
    return items.field("id")


def _enveloped(body: bytes, *, listed: bool) -> bytes:
    """The body as an envelope, whichever of Sage's forms it has."""
    try:
        str(body, "utf-8")
    except UnicodeDecodeError as error:
        raise MalformedBodyError("not UTF-8") from error
    start = body.lstrip()[:1]
    if start == b"[" and listed:
        return b'{"%s":%s}' % (ITEMS.encode(), body)  # a bare array, as the specification has it
    if start != b"{":
        raise MalformedBodyError("no JSON object")
    return body if listed else b'{"%s":[%s]}' % (ITEMS.encode(), body)


class _Known:
    """A shape, and what Arrow's reader needs to parse by it; made once, not for every page."""

    def __init__(self, shape: Struct) -> None:
        self.shape = shape
        items = pa.list_(wire_type(shape) if shape.fields else pa.null())
        self.schema = pa.schema([*ENVELOPE.items(), *([(ITEMS, items)] if shape.fields else [])])
        self.types: list[pa.DataType] = [items]
        """Types that pages were found to have, and that say nothing new of the shape."""


def _read_json(body: bytes, known: _Known) -> pa.Table:
    table = pj.read_json(
        pa.BufferReader(body),
        # one page is one JSON document, so one block must hold it
        read_options=pj.ReadOptions(block_size=len(body) + 1, use_threads=False),
        parse_options=pj.ParseOptions(
            explicit_schema=known.schema,
            unexpected_field_behavior="infer",
            newlines_in_values=b"\n" in body,
        ),
    )
    if ITEMS not in table.column_names or not pa.types.is_list(table.schema.field(ITEMS).type):
        raise MalformedBodyError("no list of records")
    return table


def _blanks_to_null(body: bytes, shape: Struct) -> bytes:
    """Turn "" into null for every field that is no text; inside a text the quotes are escaped."""
    kinds: dict[str, set[ScalarKind]] = {}
    for name, kind in _scalars(shape, ""):
        kinds.setdefault(name, set()).add(kind)
    text: set[ScalarKind] = {"text", "date", "timestamp"}
    names = [re.escape(name).encode() for name, found in kinds.items() if not found & text]
    if not names:
        return body
    return re.sub(rb'("(?:%s)"\s*:\s*)""' % b"|".join(names), rb"\1null", body)


def _scalars(shape: Shape, name: str) -> Iterator[tuple[str, ScalarKind]]:
    if isinstance(shape, Scalar):
        yield name, shape.kind
    elif isinstance(shape, ListOf):
        yield from _scalars(shape.item, name)
    else:
        for key, field in shape.fields:
            yield from _scalars(field, key)
