"""Any history of edits, faults, kills and syncs, as a state machine for hypothesis.

At the end of each history, and now and then within, one sync without faults must make the raw schema
equal Sage: the oracle (:mod:`equals_sage`) compares every record of every collection that was read.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from interruptions import Moment, Stage
from shell import read_by_default
from world import World, new_world, pick

NUMBER = st.integers(0, 2**16)
NUMBERS = st.tuples(NUMBER, NUMBER, NUMBER, NUMBER, NUMBER)
COUNTRIES = (("GB", "ES"), ("CA", "IE"), ("DE", "FR"), ("GB", "US", "ES"))
DOCUMENTS = (
    "sales_invoices", "purchase_invoices", "sales_credit_notes", "purchase_credit_notes",
    "sales_corrective_invoices", "purchase_corrective_invoices",
)  # fmt: skip
CROWDED = ("contacts", "sales_invoices", "contact_payments")
"""With tombstones and children."""
REFUSED = (400, 403, 404, 422)
REPEATED = (429, 500, 502, 503, 504)
LOOKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("page_size", {"largest": 20}),
    ("page_size", {"largest": 77}),
    ("page_size", {"largest": 200}),
    ("decimals", {"style": "text"}),
    ("decimals", {"style": "mixed"}),
    ("decimals", {"style": "number"}),
    ("blank_nulls", {"on": True}),
    ("blank_nulls", {"on": False}),
    ("latency", {"ms": 3}),
    ("latency", {"ms": 0}),
)
STAGES: tuple[Stage, ...] = ("request", "request", "start", "extract", "normalize", "load", "load")
KINDS = (
    "record", "record", "record", "document", "document", "beside", "beside", "fault", "time",
    "account", "look", "hide", "meanwhile", "calm",
)  # fmt: skip
Events = list[tuple[str, tuple[int, ...]]]
EVENTS = st.lists(st.tuples(st.sampled_from(KINDS), NUMBERS), min_size=1, max_size=7)
"""What happens in Sage: kinds, and the numbers by which each chooses."""
ENOUGH = 8
"""More faults in a row than a request is repeated."""


class History(RuleBasedStateMachine):
    """Small books of several countries, and a warehouse that reads some of their collections."""

    reads_all = False
    """Whether each sync reads every collection; otherwise a few that the history draws."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self._world: World | None = None

    @property
    def world(self) -> World:
        assert self._world is not None
        return self._world

    @initialize(
        countries=st.sampled_from(COUNTRIES),
        resources=st.lists(st.sampled_from(read_by_default()), min_size=4, max_size=9),
        seed=st.integers(0, 20),
        crowds=st.lists(NUMBERS, max_size=3),
        selected=st.integers(1, 3),
        is_sliced=st.booleans(),
    )
    def begin(
        self,
        countries: tuple[str, ...],
        resources: list[str],
        seed: int,
        crowds: list[tuple[int, ...]],
        selected: int,
        is_sliced: bool,
    ) -> None:
        assume(seed)  # hypothesis tries the simplest history first, and it tells nothing
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        wanted = read_by_default() if self.reads_all else resources
        self._world = world = self._stack.enter_context(
            new_world(folder / "user", countries, wanted, seed, is_sliced=is_sliced)
        )
        world.note(
            f"countries {countries}, seed {seed}, sliced {is_sliced}, resources {world.resources}"
        )
        for which, where, how, *_ in crowds:
            business = world.business(which)
            any_list = world.resource(where, business)
            world.crowd(business, any_list if how % 2 else pick(CROWDED, where))
        world.select(selected)
        world.sync()

    # --- the warehouse follows, each time after a few events

    @rule(events=EVENTS)
    def sync(self, events: Events) -> None:
        self._happen(events)
        self.world.sync()

    @rule(events=EVENTS, number=NUMBER, is_full=st.booleans(), is_business=st.booleans())
    def sync_a_part(self, events: Events, number: int, is_full: bool, is_business: bool) -> None:
        self._happen(events)
        refresh = ["--full-refresh"] if is_full else []
        if is_business:
            self.world.sync("--business", pick(self.world.selected, number), *refresh)
        else:
            self.world.sync("--resource", self.world.resource(number), *refresh)

    @rule(events=EVENTS, stage=st.sampled_from(STAGES), number=NUMBER)
    def sync_is_killed(self, events: Events, stage: Stage, number: int) -> None:
        self._happen(events)
        after_s = 0.0 if stage == "request" else number % 500 / 1000
        self.world.killed_sync(Moment(stage, after_s, nth=number % 60 + 1))

    @rule(events=EVENTS)
    def sync_finds_the_file_held(self, events: Events) -> None:
        self._happen(events)
        self.world.blocked_sync()

    @rule(events=EVENTS)
    def sync_without_faults(self, events: Events) -> None:
        self._happen(events)
        self.world.settle()

    def _happen(self, events: Events) -> None:
        for kind, numbers in events:
            getattr(self, f"_{kind}")(*numbers)

    # --- Sage's users work

    def _record(self, *numbers: int) -> None:
        if (found := self.world.record_edit(numbers)) is not None:
            business, edit = found
            self.world.edit(business, **edit)

    def _document(self, which: int, what: int, where: int, who: int, how: int) -> None:
        business = self.world.business(which)
        op = pick(("add_invoice", "add_payment", "change_document", "void", "delete"), what)
        edit: dict[str, Any] = {"op": op}
        if op == "add_invoice":
            edit["resource"] = pick(("sales_invoices", "purchase_invoices"), where)
        elif op != "add_payment":
            resource = pick([d for d in DOCUMENTS if d in business.collections], where)
            keys = list(business.collections[resource].live)
            if not keys:
                return
            edit |= {"resource": resource, "id": pick(keys, who)}
            if op == "change_document":
                edit["drop_line"] = bool(how % 2)
        self.world.edit(business, **edit)

    def _account(self, which: int, what: int, count: int, *_: int) -> None:
        """Another lead business, one more user, one more business selected, a business renamed."""
        world, business = self.world, self.world.business(which)
        name, value = pick((("name", "Other Ltd"), ("levyClass", "x"), ("website", None)), what)
        world.note(f"lead {business.country}, its {name} is {value!r}")
        world.control("change_business", business=business.id, fields={name: value})
        world.control("lead", business=business.id)
        world.control("add_user", businesses=[business.id])
        world.select(count % 3 + 1)

    def _time(self, seconds: int, *_: int) -> None:
        self.world.pass_time(seconds % 7200)

    # --- Sage looks different

    def _look(self, number: int, *_: int) -> None:
        operation, arguments = pick(LOOKS, number)
        self.world.note(f"{operation} {arguments}")
        self.world.control(operation, **arguments)

    def _hide(self, one: int, other: int, how: int, *_: int) -> None:
        numbers = (one, other)[: how % 3]
        hidden = sorted({self.world.resource(number) for number in numbers} - {"businesses"})
        self.world.note(f"hide children of {hidden}")
        self.world.control("hide_children", resources=hidden)

    # --- things go wrong

    def _fault(self, what: int, where: int, when: int, status: int, how: int) -> None:
        kind = pick(("status", "status", "refused", "reset", "truncate", "malform", "slow"), what)
        fault: dict[str, Any] = {"kind": kind, "count": pick((1, 1, 2, ENOUGH), how)}
        if how % 8 < 4:
            fault |= {"path": f"/{self.world.resource(where)}*", "nth": when % 6 + 1}
        else:  # below /v3.1: a lost answer of the token endpoint loses the sign-in
            fault |= {"path": "/*s", "nth": when % 40 + 1}
        if kind == "status":
            forms = ("array", "object", "html", "empty")
            fault |= {"status": pick(REPEATED, status), "body": pick(forms, status // 5)}
            fault["retry_after"] = pick(("none", "seconds", "date"), status // 20)
        elif kind == "refused":
            fault |= {"kind": "status", "status": pick(REFUSED, status)}
        elif kind == "slow":
            fault["delay_ms"] = 20
        elif kind == "reset":
            fault["moment"] = pick(("before", "after"), status)
        self._add_fault(fault)

    def _beside(self, which: int, where: int, what: int, who: int, how: int) -> None:
        """A record changes while a list is read."""
        found = self.world.record_edit((which, where, what, who, how))
        if found is None:
            return
        business, edit = found
        path = f"/{edit['resource'] if how % 3 else self.world.resource(who)}"
        operation = {"operation": "attempt", "business": business.id, **edit}
        fault = {"kind": "then", "path": path, "nth": who % 8 + 1, "count": pick((1, 1, 2, 5), how)}
        self._add_fault({**fault, "operations": [operation]})

    def _meanwhile(self, what: int, which: int, where: int, when: int, *_: int) -> None:
        """Something else happens while lists are read."""
        business = self.world.business(which)
        operation: dict[str, Any] = pick(
            (
                {"operation": "expire_access_tokens"},
                {"operation": "lead", "business": business.id},
                {"operation": "page_size", "largest": 50},
                {"operation": "subscription", "business": business.id, "active": False},
                {"operation": "hide_children", "resources": [self.world.resource(where)]},
            ),
            what,
        )
        fault = {"kind": "then", "nth": when % 30 + 1, "path": "/*s", "operations": [operation]}
        self._add_fault(fault)

    def _calm(self, *_: int) -> None:
        self.world.note("faults end")
        self.world.control("clear_faults")

    def _add_fault(self, fault: dict[str, Any]) -> None:
        self.world.note(f"fault {fault}")
        self.world.control("fault", **fault)

    def teardown(self) -> None:
        failed = sys.exc_info()[0] is not None
        try:
            if self._world is not None and not failed:
                self._world.settle()
        except BaseException:
            failed = True
            raise
        finally:
            if self._world is not None and failed:
                sys.stderr.write("\n".join(["", "The history:", *self._world.log, ""]))
            self._stack.close()


def history_settings(histories: int, steps: int, *, is_shrunk: bool = False) -> settings:
    """So many histories of so many steps. Shrinking tells each again: minutes."""
    phases = [Phase.explicit, Phase.reuse, Phase.generate]
    return settings(
        max_examples=histories,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=[*phases, Phase.shrink] if is_shrunk else phases,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
