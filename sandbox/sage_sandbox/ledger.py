"""Double entry: accounts, postings, open items. Everything that moves money passes through here.

Amounts in the ledger are in base currency, signed debit positive. A posting whose legs do not sum
to zero is refused, so that no caller can unbalance the books.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from sage_sandbox.records import ZERO, hex_id, stub, stub_of
from sage_sandbox.store import Business, Collection, Record
from sage_sandbox.tax import Rate

Side = Literal["sale", "purchase"]


class Leg(NamedTuple):
    """One line of a posting: an account, its amount (debit positive), the tax rate it shows.

    ``currency_amount`` is the same movement in the bank account's own currency, where that differs.
    """

    account: Record
    amount: Decimal
    tax_rate: Record | None = None
    currency_amount: Decimal | None = None


@dataclass(slots=True)
class OpenItem:
    """What a contact owes us or we owe it through one artefact, in its currency and in base.

    ``direction`` is +1 where the artefact adds to the debt (an invoice), -1 where it takes away (a
    credit note, a payment on account). Amounts are absolute; they shrink to 0 as it is settled.
    """

    resource: str
    stub: Record
    contact_id: str
    side: Side
    direction: int
    currency: str
    total: Decimal
    base_total: Decimal
    outstanding: Decimal
    base_outstanding: Decimal
    payment_id: str = ""
    """Of a payment on account: the contact payment that shows it."""


class Settlement(NamedTuple):
    """What one payment or allocation took off one open item."""

    artefact_id: str
    amount: Decimal
    discount: Decimal
    base_amount: Decimal


@dataclass
class Ledger:
    """The state of one business's books."""

    business: Business
    currency: str
    accounts: dict[str, list[Record]]
    """Account stubs by role; a role with several accounts lists them all."""
    rates: dict[str, Rate]
    """Tax rates by role."""
    rate_of: dict[str, Rate]
    """Tax rates by id."""
    journal_codes: dict[str, Record] = field(default_factory=dict)
    """France: the journal by the kind of posting (sales, purchases, bank, other, opening)."""
    names: dict[str, dict[str, Record]] = field(default_factory=dict)
    """Stubs of the enumerations (currencies, statuses, transaction types …) by list and id."""
    balances: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(lambda: ZERO))
    """Balance by account id, deleted entries left out."""
    open_items: dict[str, OpenItem] = field(default_factory=dict)
    """By artefact id; settled ones stay, with nothing outstanding."""
    credits_of: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Ids of the open items that take away from the debt, by contact id."""
    settlements: dict[str, list[Settlement]] = field(default_factory=dict)
    """By the id of the payment or allocation."""
    entries_of: dict[str, list[str]] = field(default_factory=dict)
    """Entry ids by transaction id."""
    bank_of: dict[str, str] = field(default_factory=dict)
    """Bank account id by the id of its ledger account."""
    foreign: dict[str, Decimal] = field(default_factory=dict)
    """Amount in the bank account's own currency by entry id, foreign bank accounts only."""
    numbers: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def collection(self, name: str) -> Collection:
        """Give a collection of the business."""
        return self.business.collections[name]

    def account(self, role: str) -> Record:
        """Give the (first) account of a role."""
        return self.accounts[role][0]

    def name(self, collection: str, key: str) -> Record:
        """Give the stub of an enumeration's value."""
        return self.names[collection][key]

    def home_region(self) -> Record | None:
        """Canada: give the province of the business, which entries without an address bear."""
        return self.names["address_regions"]["CA-ON"] if self.business.country == "CA" else None

    def number(self, name: str) -> int:
        """Give the next number of a sequence, from 1."""
        self.numbers[name] += 1
        return self.numbers[name]

    def new_id(self, resource: str) -> str:
        """Give the id of the next record of a resource."""
        return hex_id(self.business.id, resource, self.number(f"id:{resource}"))

    def put(self, name: str, record: Record) -> Record:
        """Add a record and give it back."""
        self.business.collections[name].put(record["id"], record)
        return record

    def update(self, name: str, record_id: str, at: str, /, **fields: Any) -> Record:
        """Replace attributes of a live record, ``updated_at`` among them where it has one."""
        collection = self.business.collections[name]
        record = {**collection.live[record_id], **fields}
        if "updated_at" in record:
            record["updated_at"] = at
        collection.put(record_id, record)
        return record

    def post(
        self,
        kind: str,
        origin: Record,
        legs: Iterable[Leg],
        *,
        day: str,
        at: str,
        reference: str,
        journal: str,
        total: Decimal,
        total_in_currency: Decimal | None = None,
        contact: Record | None = None,
        description: str | None = None,
    ) -> Record:
        """Book a transaction and its entries; give the transaction's stub.

        ``total`` is in base currency. Raises ValueError when the legs do not sum to zero.
        """
        transaction_id = self.new_id("transactions")
        transaction = stub("transactions", transaction_id, reference)
        record = {
            **transaction,
            "created_at": at,
            "updated_at": at,
            "date": day,
            "deleted": False,
            "reference": reference,
            "total": total,
            "total_in_transaction_currency": total_in_currency,
            "contact": contact,
            "transaction_type": self.names["transaction_types"][kind],
            "origin": origin,
            "audit_trail_id": str(self.numbers["id:transactions"]),
            "number_of_attachments": "0",
        }
        self.collection("transactions").put(transaction_id, record)
        self.entries_of[transaction_id] = []
        journal_code = self.journal_codes.get(journal)
        self._enter(transaction, contact, legs, day, at, description or reference, journal_code)
        return transaction

    def repost(self, transaction_id: str, legs: Iterable[Leg], at: str, **fields: Any) -> None:
        """Replace the entries of a transaction: the old ones stay, flagged deleted."""
        first = self.collection("ledger_entries").live[self.entries_of[transaction_id][0]]
        self._strike(transaction_id, at)
        record = self.update("transactions", transaction_id, at, **fields)
        self._enter(
            stub_of(record),
            record["contact"],
            legs,
            record["date"],
            at,
            first["description"],
            first["journal_code"],
        )

    def unpost(self, transaction_id: str, at: str) -> None:
        """Take a transaction out of the books: it and its entries stay, flagged deleted."""
        self._strike(transaction_id, at)
        self.update("transactions", transaction_id, at, deleted=True)

    def balance(self, role: str) -> Decimal:
        """Give the balance of a role's accounts, debit positive."""
        return sum((self.balances[account["id"]] for account in self.accounts[role]), ZERO)

    def open_balance(self, side: Side) -> Decimal:
        """Give what the open items of a side sum to in base currency: its control account."""
        sign = 1 if side == "sale" else -1
        return sum(
            (
                sign * item.direction * item.base_outstanding
                for item in self.open_items.values()
                if item.side == side
            ),
            ZERO,
        )

    def _enter(
        self,
        transaction: Record,
        contact: Record | None,
        legs: Iterable[Leg],
        day: str,
        at: str,
        description: str,
        journal_code: Record | None,
    ) -> None:
        legs = [leg for leg in legs if leg.amount]
        if sum(leg.amount for leg in legs) != 0:
            raise ValueError(f"transaction {transaction['id']} does not balance: {legs}")
        entries = self.collection("ledger_entries")
        ids = self.entries_of[transaction["id"]]
        for account, amount, tax_rate, currency_amount in legs:
            entry_id = self.new_id("ledger_entries")
            ids.append(entry_id)
            self.balances[account["id"]] += amount
            entries.put(
                entry_id,
                {
                    "id": entry_id,
                    "displayed_as": description,
                    "$path": f"/ledger_entries/{entry_id}",
                    "created_at": at,
                    "updated_at": at,
                    "date": day,
                    "credit": -amount if amount < 0 else ZERO,
                    "debit": amount if amount > 0 else ZERO,
                    "ledger_account": account,
                    "transaction": transaction,
                    "contact": contact,
                    "deleted": False,
                    "tax_rate": tax_rate,
                    "description": description,
                    "journal_code": journal_code,
                },
            )
            if account["id"] in self.bank_of:
                if currency_amount is not None:
                    self.foreign[entry_id] = currency_amount
                self._move_bank(account["id"], self.foreign.get(entry_id, amount), at)

    def _strike(self, transaction_id: str, at: str) -> None:
        entries = self.collection("ledger_entries")
        for entry_id in self.entries_of[transaction_id]:
            entry = entries.live[entry_id]
            if entry["deleted"]:
                continue
            amount = entry["debit"] - entry["credit"]
            account_id = entry["ledger_account"]["id"]
            self.balances[account_id] -= amount
            self.update("ledger_entries", entry_id, at, deleted=True)
            if account_id in self.bank_of:
                self._move_bank(account_id, -self.foreign.get(entry_id, amount), at)

    def _move_bank(self, account_id: str, amount: Decimal, at: str) -> None:
        """``amount`` is in the bank account's own currency."""
        bank_id = self.bank_of[account_id]
        balance = self.collection("bank_accounts").live[bank_id]["balance"]
        self.update("bank_accounts", bank_id, at, balance=balance + amount)
