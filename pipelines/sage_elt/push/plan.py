"""What a push is to do: which lines were pushed before, which are new and right, which are wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sage_accounting.catalogue import load_catalogue
from sage_accounting.outbox import Outbox
from sage_accounting.outbox_rows import Entry
from sage_accounting.writes.checks import find_faults
from sage_accounting.writes.write import Write
from sage_elt.push.books import Library
from sage_elt.push.lines import Line, Problem, read_lines
from sage_unified.mapping import map_document


@dataclass
class Plan:
    """The lines of a file, sorted by what is to be done with them."""

    known: dict[str, Entry] = field(default_factory=dict)
    """Pushed before, the same; by key."""
    writes: list[Write] = field(default_factory=list)
    """New and right."""
    wrong: list[tuple[Write, list[Problem]]] = field(default_factory=list)
    """New, with mistakes in what they ask for."""
    unusable: list[Problem] = field(default_factory=list)
    """Of lines that can not be stored: no JSON, no key, or a key that was used before."""
    lines: dict[str, Line] = field(default_factory=dict)
    """Of the file, by key."""

    @property
    def problems(self) -> list[Problem]:
        inner = [problem for _, problems in self.wrong for problem in problems]
        return sorted([*self.unusable, *inner], key=lambda each: (each.line, each.field))


def plan(texts: Sequence[str], outbox: Outbox, library: Library) -> Plan:
    """Sort the lines of a file; nothing is stored or sent.

    A line that was pushed before is not mapped again: the body that was stored then is the one.
    """
    lines, unusable = read_lines(texts)
    found = Plan(unusable=unusable, lines={line.key: line for line in lines})
    used = outbox.used([line.key for line in lines])
    for line in lines:
        entry = used.get(line.key)
        if entry is None:
            write, problems = _write_of(line, library)
            if problems:
                found.wrong.append((write, problems))
            else:
                found.writes.append(write)
        elif entry.content_hash == line.content_hash:
            found.known[line.key] = entry
        else:
            found.unusable.append(_used(line, entry))
    return found


def _write_of(line: Line, library: Library) -> tuple[Write, list[Problem]]:
    """The write that a line asks for, and what is wrong with it."""
    books = library.books(line.business_id)
    problems: list[Problem] = []
    body = line.content
    if line.type is not None:
        mapped = map_document(line.type, line.content, books)
        body = dict(mapped.body)
        problems = [
            Problem(line.number, line.key, f"data.{each.field}" if each.field else "", each.reason)
            for each in mapped.refusals
        ]
    write = Write(
        key=line.key,
        business_id=line.business_id,
        resource=line.resource,
        body=body,
        content_hash=line.content_hash,
        line=line.number,
        method=line.method,
        record_id=line.record_id,
        updated_at=line.updated_at,
    )
    if not problems:
        country = (books.business or {}).get("country")
        problems = [*_not_offered(write, country), *_faults(write, library)]
    return write, problems


def _faults(write: Write, library: Library) -> Iterator[Problem]:
    locked_until = library.books(write.business_id).locked_until
    for fault in find_faults(write, locked_until):
        field_name = f"body.{fault.field}" if fault.field else ""
        yield Problem(write.line, write.key, field_name, fault.mistake)


def _not_offered(write: Write, country: str | None) -> Iterator[Problem]:
    collection = load_catalogue().get(write.resource)
    if collection is not None and country and not collection.offered_in(country):
        yield Problem(
            write.line, write.key, "", f"Sage does not offer {write.resource} in {country}"
        )


def _used(line: Line, entry: Entry) -> Problem:
    was = f"used before for another line ({entry.resource}, {entry.state})"
    return Problem(line.number, line.key, "key", f"{was}; a key is used once for ever")
