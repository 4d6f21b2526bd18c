"""What was made once and is still true: selections of records, balances, serialised records.

A page is then a join of bytes. Selections and balances hold until anything of their business changes; a
record's bytes hold as long as it is the same record, because a record is replaced and never changed in
place.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TypeVar, cast

from sage_sandbox.query import Row
from sage_sandbox.store import Business, Record
from sage_sandbox.views import View, shown
from sage_sandbox.wire import WireStyle, record_bytes

T = TypeVar("T")


@dataclass
class Shelf:
    """Kept results of all businesses. Not for several threads."""

    _made: dict[str, tuple[int, dict[Hashable, object]]] = field(default_factory=dict)
    _written: dict[Hashable, dict[str, tuple[Record, bytes]]] = field(default_factory=dict)

    def keep(self, business: Business, name: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` gives, made again only after the business's records changed."""
        version = sum(collection.version for collection in business.collections.values())
        known, made = self._made.get(business.id, (-1, {}))
        if known != version:
            made = {}
            self._made[business.id] = (version, made)
        if name not in made:
            made[name] = make()
        return cast("T", made[name])

    def write(
        self, business: Business, name: str, rows: list[Row], view: View, style: WireStyle
    ) -> list[bytes]:
        """Each record of a collection as the view shows it, in JSON."""
        written = self._written.setdefault((business.id, name, view, style), {})
        items = []
        for key, record in rows:
            known = written.get(key)
            if known is None or known[0] is not record:
                known = written[key] = (record, record_bytes(shown(record, view), style))
            items.append(known[1])
        return items
