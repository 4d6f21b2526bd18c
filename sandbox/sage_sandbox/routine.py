"""What comes back every month: wages, depreciation, cash, bank charges, stock, reconciliation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from sage_sandbox.banking import OtherLine, bank_account, move, other_payment
from sage_sandbox.edits import delete
from sage_sandbox.items import move_stock
from sage_sandbox.journals import journal
from sage_sandbox.ledger import Ledger
from sage_sandbox.store import Record

Clock = Callable[[], str]


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
    """Cash sales without invoice, banked; small expenses by card."""
    takings = Decimal(rng.randrange(20000, 60000)) / 100
    rate = ledger.rates["standard"]
    sale = OtherLine(ledger.account("sales_goods"), "Counter sales", takings, rate)
    cash = bank_account(ledger, "cash")
    received = other_payment(ledger, "OTHER_RECEIPT", cash, [sale], day, clock(), method="CASH")
    amount = received["total_amount"] - Decimal(20)
    cash, bank = bank_account(ledger, "cash"), bank_account(ledger, "bank")
    move(ledger, "bank_deposits", cash, bank, amount, day, clock())
    _card_expenses(ledger, day, clock())


def _card_expenses(ledger: Ledger, day: str, at: str) -> None:
    rate = ledger.rates["no_tax" if ledger.business.country == "US" else "standard"]
    first, second = ledger.accounts["overhead"][-2:]
    lines = [
        OtherLine(first, first["displayed_as"].rpartition(" (")[0], Decimal("48.20"), rate),
        OtherLine(second, second["displayed_as"].rpartition(" (")[0], Decimal("115.00"), rate),
    ]
    other_payment(
        ledger,
        "OTHER_PAYMENT",
        bank_account(ledger, "credit_card"),
        lines,
        day,
        at,
        contact=next(
            c for c in ledger.collection("contacts") if c["contact_types"][0]["id"] == "VENDOR"
        ),
        method="CREDIT_DEBIT",
    )


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
    _transfer(ledger, "bank", "savings", Decimal(250), text, clock)
    spent = -bank_account(ledger, "credit_card")["balance"]
    if spent > 0:
        _transfer(ledger, "bank", "credit_card", spent, text, clock)
    if day.month == 1:
        wrong = _transfer(ledger, "savings", "bank", Decimal(99), text, clock)
        delete(ledger, "bank_transfers", wrong["id"], clock())


def _transfer(
    ledger: Ledger, source: str, target: str, amount: Decimal, day: str, clock: Clock
) -> Record:
    accounts = bank_account(ledger, source), bank_account(ledger, target)
    return move(ledger, "bank_transfers", *accounts, amount, day, clock())


def _stock(ledger: Ledger, rng: Random, day: str, clock: Clock) -> None:
    for item in list(ledger.collection("stock_items")):
        move_stock(ledger, item["id"], Decimal(rng.randrange(-20, 25)), "Stock count", day, clock())


def _month_end(ledger: Ledger, day: date, clock: Clock, size: int) -> None:
    """Wages and depreciation by journal, wages and taxes on them paid; an accrual a quarter."""
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
    depreciation = [
        (account("depreciation"), Decimal(350)),
        (account("accumulated_depreciation"), Decimal(-350)),
    ]
    journal(ledger, f"DEP-{text[:7]}", "Depreciation", depreciation, text, clock())
    if day.month % 3 == 0:
        _accrue(ledger, day, clock)


def _accrue(ledger: Ledger, day: date, clock: Clock) -> None:
    """An accrual and its reversal; in December the first try is deleted and made again."""
    text = day.isoformat()
    accrual = [
        (ledger.accounts["overhead"][0], Decimal(420)),
        (ledger.account("accrual"), Decimal(-420)),
    ]
    made = journal(ledger, f"ACC-{text[:7]}", "Accrual", accrual, text, clock())
    back = [(account, -amount) for account, amount in accrual]
    journal(ledger, f"REV-{text[:7]}", "Accrual reversed", back, text, clock())
    if day.month == 12:
        delete(ledger, "journals", made["id"], clock())
        journal(ledger, f"ACC2-{text[:7]}", "Accrual", accrual, text, clock())
