"""What comes back every month: wages, depreciation, cash, bank charges, stock, reconciliation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from sage_sandbox.banking import OtherLine, bank_account, move, other_payment
from sage_sandbox.edits import delete
from sage_sandbox.items import move_stock
from sage_sandbox.journals import journal, open_account, open_bank, open_contact, opening_journal
from sage_sandbox.ledger import Ledger
from sage_sandbox.records import FIRST_DAY
from sage_sandbox.store import Record

Clock = Callable[[], str]


def open_books(ledger: Ledger, customers: list[Record], suppliers: list[Record], size: int) -> None:
    """Post the opening balances, dated the day before the books start; suspense ends at zero."""
    day, at = (FIRST_DAY - timedelta(days=1)).isoformat(), f"{FIRST_DAY.isoformat()}T07:00:00Z"
    open_bank(ledger, bank_account(ledger, "bank"), Decimal(20000 + 40 * size), day, at)
    open_bank(ledger, bank_account(ledger, "savings"), Decimal(15000), day, at)
    open_bank(ledger, bank_account(ledger, "credit_card"), Decimal("-640.25"), day, at)
    for role, amount in (
        ("fixed_asset", "42000"),
        ("accumulated_depreciation", "-9500"),
        ("stock", "18250.40"),
        ("loan", "-25000"),
    ):
        open_account(ledger, ledger.account(role), Decimal(amount), day, at)
    for number, contact in enumerate([*customers[:4], *suppliers[:4]]):
        if contact["currency"]["id"] == ledger.currency:
            total = Decimal(310 + 85 * number) + Decimal("0.45")
            open_contact(ledger, contact, total, number % 4 == 3, day, at)
    suspense = ledger.account("suspense")
    capital = Decimal(-10000)
    opening_journal(
        ledger,
        [
            (ledger.account("capital"), capital),
            (ledger.account("retained_earnings"), ledger.balance("suspense") - capital),
            (suspense, -ledger.balance("suspense")),
        ],
        day,
        at,
    )
    for number, item in enumerate(list(ledger.collection("stock_items"))):
        move_stock(ledger, item["id"], Decimal(120 + 30 * number), "Opening stock", day, at)


def month(ledger: Ledger, rng: Random, day: date, clock: Clock, size: int) -> None:
    """Book what falls on this day of the month; ``size`` (invoices in all) scales the amounts."""
    if day.day == 3:
        _cash(ledger, rng, day.isoformat(), clock)
    if day.day == 12:
        _bank_charges(ledger, rng, day, clock)
    if day.day == 20:
        _stock(ledger, rng, day.isoformat(), clock)
    if (day + timedelta(days=1)).day == 1:
        _month_end(ledger, day, clock, size)


def _cash(ledger: Ledger, rng: Random, day: str, clock: Clock) -> None:
    """Cash sales without invoice, banked; petty expenses by card."""
    takings = Decimal(rng.randrange(20000, 60000)) / 100
    rate = ledger.rates["standard"]
    sale = OtherLine(ledger.account("sales_goods"), "Counter sales", takings, rate)
    cash = bank_account(ledger, "cash")
    received = other_payment(ledger, "OTHER_RECEIPT", cash, [sale], day, clock(), method="CASH")
    amount = received["total_amount"] - Decimal(20)
    cash, bank = bank_account(ledger, "cash"), bank_account(ledger, "bank")
    move(ledger, "bank_deposits", cash, bank, amount, day, clock())
    no_tax = ledger.country_rate_on_costs()
    lines = [
        OtherLine(account, account["displayed_as"].rpartition(" (")[0], net, no_tax)
        for account, net in zip(
            ledger.accounts["overhead"][-2:], (Decimal("48.20"), Decimal("115.00")), strict=True
        )
    ]
    card = bank_account(ledger, "credit_card")
    other_payment(ledger, "OTHER_PAYMENT", card, lines, day, clock(), method="CREDIT_DEBIT")


def _bank_charges(ledger: Ledger, rng: Random, day: date, clock: Clock) -> None:
    """Bank charges and interest, which bear no tax; money to savings, the card paid off."""
    text, no_tax = day.isoformat(), ledger.rates["no_tax"]
    charges = OtherLine(
        ledger.account("bank_charges"),
        "Bank charges",
        Decimal(rng.randrange(900, 3500)) / 100,
        no_tax,
    )
    bank = bank_account(ledger, "bank")
    other_payment(ledger, "OTHER_PAYMENT", bank, [charges], text, clock(), method="DIRECT_DEBIT")
    if day.month % 3 == 0:
        interest = OtherLine(
            ledger.account("interest_income"), "Interest", Decimal("31.75"), no_tax
        )
        savings = bank_account(ledger, "savings")
        other_payment(ledger, "OTHER_RECEIPT", savings, [interest], text, clock())
    move(
        ledger,
        "bank_transfers",
        bank_account(ledger, "bank"),
        bank_account(ledger, "savings"),
        Decimal(250),
        text,
        clock(),
    )
    card = bank_account(ledger, "credit_card")
    if card["balance"] < 0:
        move(
            ledger,
            "bank_transfers",
            bank_account(ledger, "bank"),
            card,
            -card["balance"],
            text,
            clock(),
        )
    if day.month == 1:
        wrong = move(
            ledger,
            "bank_transfers",
            bank_account(ledger, "savings"),
            bank_account(ledger, "bank"),
            Decimal(99),
            text,
            clock(),
        )
        delete(ledger, "bank_transfers", wrong["id"], clock())


def _stock(ledger: Ledger, rng: Random, day: str, clock: Clock) -> None:
    for item in list(ledger.collection("stock_items")):
        move_stock(ledger, item["id"], Decimal(rng.randrange(-20, 25)), "Stock count", day, clock())


def _month_end(ledger: Ledger, day: date, clock: Clock, size: int) -> None:
    """Wages and depreciation by journal, wages and taxes on them paid; a quarter's accrual."""
    text = day.isoformat()
    gross = Decimal(max(1500, 7 * size))
    net = gross * 3 / 4
    account = ledger.account
    journal(
        ledger,
        f"WAGES-{text[:7]}",
        "Payroll",
        [
            (account("wages"), gross),
            (account("net_wages"), -net),
            (account("payroll_tax"), net - gross),
        ],
        text,
        clock(),
    )
    no_tax = ledger.rates["no_tax"]
    for role, amount in (("net_wages", net), ("payroll_tax", gross - net)):
        line = OtherLine(account(role), "Payroll", amount, no_tax)
        other_payment(ledger, "OTHER_PAYMENT", bank_account(ledger, "bank"), [line], text, clock())
    depreciation = [(account("depreciation"), Decimal(350))]
    depreciation.append((account("accumulated_depreciation"), Decimal(-350)))
    journal(ledger, f"DEP-{text[:7]}", "Depreciation", depreciation, text, clock())
    if day.month % 3 == 0:
        accrual = [
            (ledger.accounts["overhead"][0], Decimal(420)),
            (account("accrual"), Decimal(-420)),
        ]
        made = journal(ledger, f"ACC-{text[:7]}", "Accrual", accrual, text, clock())
        back = [(a, -amount) for a, amount in accrual]
        journal(ledger, f"REV-{text[:7]}", "Accrual reversed", back, text, clock())
        if day.month == 12:
            delete(ledger, "journals", made["id"], clock())
            journal(ledger, f"ACC2-{text[:7]}", "Accrual", accrual, text, clock())
