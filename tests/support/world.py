"""A Sage server whose books change, a warehouse that should follow, and what may happen to both.

Everything that is chosen is chosen by a number, modulo whatever there is to choose from, so that a
history can be told again from its numbers alone.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import duckdb
from interruptions import Moment, held, killed, small_scale
from shell import Done, User, new_user, read_by_default

from sage_accounting.catalogue import load_catalogue
from sage_sandbox.control import ControlError
from sage_sandbox.server import running_sandbox
from sage_sandbox.store import Business, Record

logger = logging.getLogger(__name__)
T = TypeVar("T")

ALWAYS = ("businesses", "sales_invoices", "contacts", "contact_payments", "ledger_entries")
"""Collections that each history reads: accounts level, with children, posted, soft flagged."""
CROWD = 205
"""More than fit on a page: such a list is read by its changes."""
UNEXPLAINED = "Something failed that should not have"
"""What a command says of an error that nobody foresaw."""
_FIXED = frozenset({"id", "$path", "created_at", "updated_at", "deleted_at"})
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_TEXTS = ("", 'Ünï "quoted" \\ and a line\nmore', "007", "2026-01-02", "null", "12.50", "x")
_REFUSALS = (ControlError, LookupError, TypeError, AttributeError, ArithmeticError, ValueError)
RECORD_EDITS = (
    "change", "change", "field", "field", "drop", "delete", "delete", "undelete", "copy", "copy", "soft",
)  # fmt: skip
NEW_FIELDS: Mapping[str, tuple[Any, ...]] = {
    "levy_class": (Decimal("12.5"), "soon", True, "2026-01-02", None, Decimal(7), ""),
    "levyBand": (Decimal("0.1"), Decimal("2.25"), None, "3.5"),
    "levy_date": ("2026-01-02", "", None, "2025-12-31", "soon"),
    "levy_at": ("2026-01-02T03:04:05Z", None, ""),
    "levy_detail": (
        {"rate": Decimal("1.5"), "name": "a"},
        {"name": "b", "since_date": "2026-01-02"},
        {},
        None,
    ),
    "levy_steps": (
        [{"rate": Decimal(1)}, {"rate": Decimal(2), "name": "b"}],
        [],
        [{"name": "c"}],
        None,
    ),
    "levy_marks": (["a", "b"], ["c"], [], None),
}
"""Fields that Sage may add unannounced, with values that they take in turn."""


def pick(things: Sequence[T], number: int) -> T:
    return things[number % len(things)]


@dataclass
class World:
    """One server, one user with a warehouse, and what was done so far."""

    user: User
    resources: tuple[str, ...]
    """What each sync reads."""
    is_sliced: bool = False
    """Whether ledger entries are read in slices of dates at first."""
    log: list[str] = field(default_factory=list)
    selected: list[str] = field(default_factory=list)
    gone: set[tuple[str, str, str]] = field(default_factory=set)
    """What was away in Sage at some time."""
    loaded: set[tuple[str, str, str]] = field(default_factory=set)
    """What was in the warehouse at some time."""
    _live: set[tuple[str, str, str]] = field(default_factory=set)
    _ahead_s: int = 0
    _numbers: int = 0

    # --- what there is

    def business(self, number: int) -> Business:
        return pick(list(self.user.sandbox.state.businesses.values()), number)

    def resource(self, number: int, business: Business | None = None) -> str:
        held_by = business.collections if business else self.resources
        return pick([r for r in self.resources if r in held_by and not r.startswith("_")], number)

    def control(self, operation: str, **arguments: Any) -> Any:
        return self.user.sandbox.control(operation, **arguments)

    def note(self, text: str) -> None:
        self.log.append(text)
        logger.info("%s", text)

    # --- Sage changes

    def edit(self, business: Business, **edit: Any) -> None:
        """An edit that the books may refuse; it is then none."""
        self.note(f"edit {business.country} {edit}")
        try:
            self.control("edit", business=business.id, **edit)
        except _REFUSALS as error:
            self.note(f"  refused: {type(error).__name__}")
        self.see_gone()

    def record_edit(self, numbers: Sequence[int]) -> tuple[Business, dict[str, Any]] | None:
        """An edit of one record of any collection, as the numbers have it."""
        which, where, what, who, how = numbers
        business = self.business(which)
        resource = self.resource(where, business)
        read, collection = load_catalogue()[resource], business.collections[resource]
        kind = pick(RECORD_EDITS, what)
        # entries stay in Sage for ever and carry a flag
        comes_and_goes = read.key == ("id",) and read.soft_delete != "deleted"
        if kind not in ("change", "field", "drop") and not comes_and_goes:
            kind = "change"
        keys = list(collection.deleted if kind == "undelete" else collection.live)
        if not keys:
            return None
        key = pick(keys, who)
        edit: dict[str, Any] = {"op": kind, "resource": resource, "id": key}
        if kind == "change":
            fields = changed_field(collection.live[key], read.key, how)
            return business, {**edit, "fields": fields}
        if kind == "field":
            name, values = pick(list(NEW_FIELDS.items()), how)
            return business, {**edit, "op": "change", "fields": {name: pick(values, how // 7)}}
        if kind == "drop":
            names = droppable(collection.live[key], read.key)
            return business, {**edit, "op": "drop_fields", "names": [pick(names, how)]}
        if kind == "copy":
            return business, self.copy_of(resource, collection.live[key])
        if kind == "soft":
            if read.soft_delete != "deleted_at":
                return None
            edit |= {"op": "change", "fields": {"deleted_at": self.clock_text}}
        if kind in ("delete", "soft"):
            self.gone.add((business.id, resource, key))
        return business, edit

    def copy_of(self, resource: str, record: Record) -> dict[str, Any]:
        """The edit that adds a record like this one under an id of its own."""
        self._numbers += 1
        copy = {n: v for n, v in record.items() if n not in _FIXED}
        return {"op": "add", "resource": resource, "record": {**copy, "id": f"copy{self._numbers}"}}

    @property
    def clock_text(self) -> str:
        return f"{self.user.sandbox.state.clock:%Y-%m-%dT%H:%M:%SZ}"

    def crowd(self, business: Business, resource: str) -> None:
        """Let a list grow beyond a page."""
        live = business.collections[resource].live
        if not live or load_catalogue()[resource].key != ("id",):
            return
        self.note(f"crowd {business.country} {resource}")
        first = next(iter(live.values()))
        copies = [{**self.copy_of(resource, first), "business": business.id} for _ in range(CROWD)]
        self.control("edits", operations=copies)
        self.see_gone()

    def pass_time(self, seconds: int) -> None:
        self._ahead_s += seconds
        self.note(f"{seconds} s pass")
        self.control("clock", ahead_s=self._ahead_s)

    def see_gone(self) -> None:
        """Remember what left Sage since last time."""
        live = set(self._all_live())
        self.gone |= self._live - live
        self._live = live

    def _all_live(self) -> Iterator[tuple[str, str, str]]:
        for business in self.user.sandbox.state.businesses.values():
            for resource in self.resources:
                if resource in business.collections:
                    for record in business.collections[resource]:
                        if not record.get("deleted_at"):
                            yield business.id, resource, key_text(record, resource, business.id)

    # --- the warehouse follows

    def sync(self, *arguments: str) -> Done:
        """A sync of all that this history reads, or as the arguments say; it may fail."""
        done = self.user.run("sync", "--json", *self._arguments(arguments))
        self.note(f"sync {' '.join(arguments)}: exit {done.returncode}")
        assert done.returncode in (0, 1, 4), done.stderr
        assert UNEXPLAINED not in done.stderr, done.stderr
        self._look()
        return done

    def killed_sync(self, moment: Moment) -> None:
        died = killed(
            self.user.folder,
            self.user.environment,
            ["sync", *self._arguments(())],
            moment,
            is_sliced=self.is_sliced,
        )
        self.note(f"sync killed at {moment}" if died else f"sync outlived {moment}")
        self._look()

    def blocked_sync(self) -> None:
        """A sync while another program has the warehouse file open."""
        if self.user.warehouse.exists():
            with held(self.user.warehouse):
                done = self.user.run("sync", "--lock-timeout", "0", *self._arguments(()))
            self.note(f"sync while the file is held: exit {done.returncode}")
            assert done.returncode != 0, done.stdout
            assert UNEXPLAINED not in done.stderr, done.stderr
        self.see_gone()

    def settle(self) -> None:
        """Without faults, one sync makes the raw schema equal Sage. The promise."""
        self.control("clear_faults")
        for business in self.user.sandbox.state.businesses:
            self.control("subscription", business=business, active=True)
        done = self.sync()
        assert done.returncode == 0, done.stdout + done.stderr
        wrong = self.user.differences(
            self.selected,
            self.resources,
            ever_gone=frozenset(self.gone),
            ever_loaded=frozenset(self.loaded),
        )
        assert wrong == [], "\n".join(wrong[:20])

    def select(self, count: int) -> None:
        """Select so many businesses at least; those selected stay."""
        ids = list(self.user.sandbox.state.businesses)[: max(count, len(self.selected))]
        if ids != self.selected:
            self.selected = ids
            self.note(f"select {len(ids)} businesses")
            self.user.ok("businesses", "use", *ids)

    def _arguments(self, arguments: Sequence[str]) -> list[str]:
        if "--resource" in arguments:
            return list(arguments)
        return [*arguments, *(a for name in self.resources for a in ("--resource", name))]

    def _look(self) -> None:
        """Remember what is loaded now, and what is not in Sage any more."""
        self.see_gone()
        if self.user.warehouse.exists():
            with duckdb.connect(str(self.user.warehouse), read_only=True) as connection:
                there = connection.execute(
                    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'sage'"
                ).fetchall()
                for resource in {name for (name,) in there}.intersection(self.resources):
                    columns = load_catalogue()[resource].key
                    key = " || '/' || ".join(columns) if columns else "business_id"
                    rows = connection.execute(
                        f"SELECT business_id, {key} FROM sage.sage.{resource}"
                    )
                    self.loaded |= {(b, resource, i) for b, i in rows.fetchall()}


def key_text(record: Record, resource: str, business_id: str) -> str:
    """What identifies a record in the trace of deletions."""
    parts: list[str] = []
    for column in load_catalogue()[resource].key:
        value: Any = record
        for name in column.split("__"):
            value = value[name]
        parts.append(str(value))
    return "/".join(parts) or business_id


def changed_field(record: Record, key: Sequence[str], number: int) -> dict[str, Any]:
    """One field of a record with another value of its kind."""
    name = pick(droppable(record, key), number)
    return {name: another(record[name], number // 31)}


def droppable(record: Record, key: Sequence[str]) -> list[str]:
    """Fields that do not identify a record or tell its times."""
    fixed = _FIXED | {column.split("__")[0] for column in key}
    return [name for name in record if name not in fixed] or ["displayed_as"]


def another(value: Any, number: int) -> Any:
    """Another value of the same kind, or none."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, Decimal | int):
        return pick((value + Decimal("1.01"), -value, Decimal(0), None), number)
    if isinstance(value, dict):
        inner = [n for n in value if n not in _FIXED]
        name = pick(inner, number) if inner else ""
        return {**value, name: another(value[name], number // 7)} if name and number % 5 else None
    if isinstance(value, list):
        return another_list(value, number)
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        return pick(("2025-07-08T09:10:11Z", None), number)
    if isinstance(value, str) and _DAY.fullmatch(value):
        return pick(("2025-07-08", None), number)
    if isinstance(value, str):
        return pick((*_TEXTS, None), number)
    return value


def another_list(items: list[Any], number: int) -> list[Any]:
    """A list with one element less, more, none, in another order, or another in place of the first."""
    if not items:
        return items
    first = another(items[0], number // 5) or items[0]
    return pick((items[:-1], [*items, items[0]], [], items[::-1], [first, *items[1:]]), number)


@contextmanager
def new_world(
    folder: Path,
    countries: Sequence[str],
    resources: Sequence[str],
    seed: int,
    *,
    is_sliced: bool = False,
) -> Iterator[World]:
    """Signed in to a server with small books; nothing is selected yet."""
    with ExitStack() as stack:
        stack.enter_context(small_scale(is_sliced=is_sliced))
        sandbox = stack.enter_context(running_sandbox(countries=countries, invoices=6, seed=seed))
        user = new_user(folder, sandbox)
        user.ok("connect", "--refresh-token", "-", stdin=sandbox.authorise() + "\n")
        wanted = resources or read_by_default()
        yield World(user, tuple(dict.fromkeys((*ALWAYS, *wanted))), is_sliced)
