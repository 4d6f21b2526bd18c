"""Two years of business: what happens on which day, from the opening balances to the last day."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Literal

from sage_sandbox import routine
from sage_sandbox.banking import bank_account
from sage_sandbox.contacts import zone_of
from sage_sandbox.documents import write
from sage_sandbox.edits import delete, void
from sage_sandbox.ledger import Ledger, OpenItem
from sage_sandbox.payments import Payment, allocate, pay, pay_items
from sage_sandbox.quick_entries import QuickEntry, write_quick_entry
from sage_sandbox.records import FIRST_DAY, LAST_DAY, ZERO, cents, stub_of
from sage_sandbox.store import Record
from sage_sandbox.trade import correction_of, purchase_document, sales_document

_SALES_SHARE = Decimal("0.6")
_FATES = (
    "discount", "part", "correct", "void", "draft", "delete", "unpaid", "on_account", "quick",
    "offer", "credit", "repay", "refund",
    *("full",) * 37,
)  # fmt: skip
"""What becomes of the n-th invoice of a side; ``full`` is paid at or after its due date."""
_PAY_DAYS = (5, 15, 25)


@dataclass
class Scenario:
    """The generator's state: the ledger, chance, and what is still to come."""

    ledger: Ledger
    rng: Random
    customers: list[str]
    suppliers: list[str]
    seconds_apart: int
    due: defaultdict[date, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    """(artefact id, fate) by the day on which something happens to it."""
    today: date = FIRST_DAY
    happened: int = 0

    def at(self) -> str:
        """Give the time of the next event of the day, from eight in the morning."""
        second = min(8 * 3600 + self.happened * self.seconds_apart, 86399)
        self.happened += 1
        hours, rest = divmod(second, 3600)
        return f"{self.today.isoformat()}T{hours:02d}:{rest // 60:02d}:{rest % 60:02d}Z"

    @property
    def day(self) -> str:
        """The business date."""
        return self.today.isoformat()

    def later(self, artefact_id: str, fate: str, days: int) -> None:
        """Plan what becomes of an artefact."""
        self.due[self.today + timedelta(days=days)].append((artefact_id, fate))


def live(scenario: Scenario, invoices: int) -> None:
    """Play the two years with so many sales and purchase invoices."""
    sales = int((invoices * _SALES_SHARE).to_integral_value())
    days = [
        FIRST_DAY + timedelta(days=n)
        for n in range((LAST_DAY - FIRST_DAY).days + 1)
        if (FIRST_DAY + timedelta(days=n)).weekday() < 5
    ]
    plan: defaultdict[date, list[tuple[str, int]]] = defaultdict(list)
    for count, kind in ((sales, "sale"), (invoices - sales, "purchase")):
        for n in range(count):
            plan[days[n * len(days) // count]].append((kind, n))
    for n, balance_id in enumerate(list(scenario.ledger.open_items)):
        if n % 3 < 2:  # the third stays open
            scenario.later(balance_id, ("full", "part")[n % 3], 14)
    day = FIRST_DAY
    while day <= LAST_DAY:
        scenario.today, scenario.happened = day, 0
        for kind, n in plan.get(day, ()):
            _invoice(scenario, kind, n)
        for artefact_id, fate in _grouped(scenario, scenario.due.pop(day, [])):
            _FATE_OF[fate](scenario, artefact_id)
        routine.month(scenario.ledger, scenario.rng, day, scenario.at, invoices)
        day += timedelta(days=1)


def _invoice(scenario: Scenario, kind: str, n: int) -> None:
    """Write the n-th invoice of a side and plan what becomes of it."""
    ledger, rng = scenario.ledger, scenario.rng
    fate = _FATES[n % len(_FATES)]
    sale = kind == "sale"
    ids = scenario.customers if sale else scenario.suppliers
    contact = ledger.collection("contacts").live[
        ids[n if n < len(ids) else rng.randrange(len(ids))]
    ]
    if fate == "quick":
        _quick_entries(scenario, contact, sale, n)
    if fate == "on_account" and contact["currency"]["id"] == ledger.currency:
        _pay_on_account(scenario, contact, sale)
    draft = fate == "draft"
    if sale:
        quote = _offer(scenario, contact) if fate == "offer" else None
        document = sales_document(ledger, rng, "sales_invoices", contact, scenario.today, draft)
    else:
        quote = None
        document = purchase_document(ledger, rng, contact, scenario.today, n + 1, draft)
    record = write(ledger, document, scenario.at())
    if quote:
        _accept(scenario, quote, record)
    if draft:
        return
    match fate:
        case "correct" | "credit":
            scenario.later(record["id"], fate, 9)
        case "void" if sale:
            scenario.later(record["id"], "void", 3)
        case "void" | "delete":
            scenario.later(record["id"], "delete", 5)
        case "on_account":
            scenario.later(record["id"], "allocate", 6)
        case "discount" | "part" | "repay":
            _plan_payment(scenario, record, fate, rng.randrange(25))
        case "refund":
            _plan_payment(scenario, record, "full", 0)
            scenario.later(record["id"], "refund", 90)
        case "full" | "quick" | "offer":
            _plan_payment(scenario, record, "full", rng.randrange(25))


def _plan_payment(scenario: Scenario, record: Record, fate: str, late: int) -> None:
    """Payments are made on a few days of the month, so that one pays several invoices."""
    day = date.fromisoformat(record["due_date"]) + timedelta(days=late)
    if fate == "discount":
        day = scenario.today + timedelta(days=4)  # for prompt payment
    while day.day not in _PAY_DAYS:
        day += timedelta(days=1)
    scenario.due[day].append((record["id"], fate))


def _grouped(scenario: Scenario, events: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Settle in one payment what a contact pays in full on a day; give the other events."""
    groups: dict[tuple[str, str, str, int], list[OpenItem]] = {}
    others = []
    for artefact_id, fate in events:
        item = scenario.ledger.open_items.get(artefact_id)
        if item is None:
            continue
        if fate != "full":
            others.append((artefact_id, fate))
        elif item.outstanding:
            key = (item.contact_id, item.side, item.currency, item.direction)
            groups.setdefault(key, []).append(item)
    for items in groups.values():
        _pay_items(scenario, [(item, item.outstanding, ZERO) for item in items])
    return others


def _pay_items(
    scenario: Scenario, pays: list[tuple[OpenItem, Decimal, Decimal]], method: str = "ELECTRONIC"
) -> Record:
    return pay_items(scenario.ledger, pays, scenario.day, scenario.at(), method)


def _pay_discounted(scenario: Scenario, artefact_id: str) -> None:
    item = scenario.ledger.open_items[artefact_id]
    discount = cents(item.outstanding / 50)
    _pay_items(scenario, [(item, item.outstanding - discount, discount)])


def _pay_part(scenario: Scenario, artefact_id: str) -> None:
    item = scenario.ledger.open_items[artefact_id]
    _pay_items(scenario, [(item, cents(item.outstanding * 2 / 5), ZERO)], method="CHECK")


def _pay_twice(scenario: Scenario, artefact_id: str) -> None:
    """A payment typed in wrongly, deleted the next minute and entered again."""
    item = scenario.ledger.open_items[artefact_id]
    wrong = _pay_items(scenario, [(item, item.outstanding, ZERO)])
    delete(scenario.ledger, "contact_payments", wrong["id"], scenario.at())
    _pay_items(scenario, [(item, item.outstanding, ZERO)])


def _pay_on_account(scenario: Scenario, contact: Record, sale: bool) -> None:
    ledger = scenario.ledger
    pay(
        ledger,
        Payment(
            side="sale" if sale else "purchase",
            contact=contact,
            bank_account=bank_account(ledger, "bank"),
            day=scenario.day,
            reference=f"PAY-{ledger.number('PAY')}",
            currency=ledger.currency,
            exchange_rate=Decimal(1),
            pays=[],
            on_account=Decimal(scenario.rng.randrange(100, 900)),
        ),
        scenario.at(),
    )


def _allocate(scenario: Scenario, artefact_id: str) -> None:
    """Set what the contact has in credit off against the invoice."""
    ledger = scenario.ledger
    item = ledger.open_items[artefact_id]
    for credit_id in ledger.credits_of[item.contact_id]:
        credit = ledger.open_items[credit_id]
        if credit.currency == item.currency and credit.outstanding and item.outstanding:
            amount = min(credit.outstanding, item.outstanding)
            contact = ledger.collection("contacts").live[item.contact_id]
            allocate(ledger, contact, item, credit, amount, scenario.day, scenario.at())


def _credit(scenario: Scenario, artefact_id: str) -> OpenItem:
    """Take back the last line of an invoice; the credit stays open."""
    ledger = scenario.ledger
    item = ledger.open_items[artefact_id]
    invoice = ledger.collection(item.resource).live[artefact_id]
    correction = write(ledger, correction_of(ledger, invoice, scenario.today), scenario.at())
    if "corrections" in invoice and "original_invoice" in correction:
        ledger.update(item.resource, artefact_id, scenario.at(), corrections=[stub_of(correction)])
    return ledger.open_items[correction["id"]]


def _correct(scenario: Scenario, artefact_id: str) -> None:
    """Take back the last line and set the credit off against its invoice."""
    ledger = scenario.ledger
    item, credit = ledger.open_items[artefact_id], _credit(scenario, artefact_id)
    contact = ledger.collection("contacts").live[item.contact_id]
    amount = min(item.outstanding, credit.outstanding)
    allocate(ledger, contact, item, credit, amount, scenario.day, scenario.at())


def _refund(scenario: Scenario, artefact_id: str) -> None:
    """Take back the last line of what was paid, and pay it back."""
    scenario.later(_credit(scenario, artefact_id).stub["id"], "full", 10)


def _void(scenario: Scenario, artefact_id: str) -> None:
    void(scenario.ledger, "sales_invoices", artefact_id, "Sent twice", scenario.at())


def _delete(scenario: Scenario, artefact_id: str) -> None:
    item = scenario.ledger.open_items[artefact_id]
    delete(scenario.ledger, item.resource, artefact_id, scenario.at())


_FATE_OF = {
    "discount": _pay_discounted,
    "part": _pay_part,
    "repay": _pay_twice,
    "allocate": _allocate,
    "credit": _credit,
    "correct": _correct,
    "refund": _refund,
    "void": _void,
    "delete": _delete,
}


def _offer(scenario: Scenario, contact: Record) -> Record:
    """A quote, which becomes an invoice, and an estimate where the country has them."""
    ledger = scenario.ledger
    if "sales_estimates" in ledger.business.collections:
        estimate = sales_document(ledger, scenario.rng, "sales_estimates", contact, scenario.today)
        write(ledger, estimate, scenario.at())
    quote = sales_document(ledger, scenario.rng, "sales_quotes", contact, scenario.today)
    return write(ledger, quote, scenario.at())


def _accept(scenario: Scenario, quote: Record, invoice: Record) -> None:
    ledger = scenario.ledger
    ledger.update(
        "sales_quotes",
        quote["id"],
        scenario.at(),
        invoice={**stub_of(invoice), "links": []},
        status={"id": "INVOICED", "displayed_as": "Invoiced"},
    )
    origin = {**stub_of(quote), "links": []}
    ledger.update("sales_invoices", invoice["id"], scenario.at(), original_quote_estimate=origin)


def _quick_entries(scenario: Scenario, contact: Record, sale: bool, n: int) -> None:
    """A quick invoice, paid later, and a smaller quick credit note that stays open."""
    ledger = scenario.ledger
    if contact["currency"]["id"] != ledger.currency or zone_of(contact) != "home":
        ids = scenario.customers if sale else scenario.suppliers
        contact = ledger.collection("contacts").live[ids[0]]
    prefix = "QS" if sale else "QP"
    entries: tuple[tuple[Literal["INVOICE", "CREDIT_NOTE"], Decimal], ...]
    entries = (("INVOICE", Decimal(240)), ("CREDIT_NOTE", Decimal("37.50")))
    for kind, net in entries:
        record = write_quick_entry(
            ledger,
            QuickEntry(
                side="sale" if sale else "purchase",
                kind=kind,
                contact=contact,
                day=scenario.day,
                due=(scenario.today + timedelta(days=30)).isoformat(),
                reference=f"{prefix}-{ledger.number(prefix)}",
                details=f"Quick entry {n}",
                account=ledger.account("sales_services" if sale else "cost_services"),
                rate=ledger.rates["exempt" if ledger.business.country == "US" else "standard"],
                net=net,
            ),
            scenario.at(),
        )
        if kind == "INVOICE":
            _plan_payment(scenario, record, "full", 3)
