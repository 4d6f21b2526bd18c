"""The lines of sales and purchase documents: what each costs, what tax it bears."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sage_sandbox.ledger import Ledger
from sage_sandbox.records import ZERO, cents, hex_id
from sage_sandbox.store import Record
from sage_sandbox.tax import Rate


@dataclass(frozen=True, slots=True)
class Line:
    """One line to be written; money in the document's currency."""

    description: str
    account: Record
    rate: Rate
    quantity: Decimal
    unit_price: Decimal
    item: Record | None = None
    goods: bool = True
    discount_percentage: Decimal = ZERO
    analysis: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """What the lines of one document share.

    ``uncharged``: the supplier charges no tax because the customer accounts for it (reverse charge,
    acquisition, postponed import); the line keeps the rate and its percentage, its tax is 0.
    """

    document_id: str
    day: str
    exchange_rate: Decimal
    foreign_supply: bool
    uncharged: bool


def to_base(amount: Decimal, exchange_rate: Decimal) -> Decimal:
    """Give an amount in base currency; a rate is foreign units for one of base."""
    return amount if exchange_rate == 1 else cents(amount / exchange_rate)


def breakdown(rate: Rate, net: Decimal, terms: Terms) -> tuple[list[Record], Decimal]:
    """Give the tax breakdown of a net amount and its sum."""
    shares = rate.shares(net, terms.day)
    if terms.uncharged:
        shares = [share._replace(amount=ZERO) for share in shares]
    parts = [{"tax_rate": s.rate, "percentage": s.percentage, "amount": s.amount} for s in shares]
    return parts, sum((s.amount for s in shares), ZERO)


def base_breakdown(parts: list[Record], exchange_rate: Decimal) -> list[Record]:
    """Give a breakdown in base currency; the very list when the document is in it."""
    if exchange_rate == 1:
        return parts
    return [{**part, "amount": to_base(part["amount"], exchange_rate)} for part in parts]


def sales_line(ledger: Ledger, line: Line, terms: Terms, position: int) -> Record:
    """Give a line of a sales document."""
    record = _line(ledger, line, terms, position)
    discount = cents(line.quantity * line.unit_price) - record["net_amount"]
    record["unit_price_includes_tax"] = False
    record["discount_amount"] = discount
    record["base_currency_discount_amount"] = to_base(discount, terms.exchange_rate)
    record["discount_percentage"] = line.discount_percentage
    record["eu_sales_description"] = None
    if terms.foreign_supply:
        record["eu_sales_description"] = ledger.name(
            "eu_sales_descriptions", "EU_GOODS" if line.goods else "EU_SERVICES"
        )
    return record


def purchase_line(ledger: Ledger, line: Line, terms: Terms, position: int) -> Record:
    """Give a line of a purchase document."""
    record = _line(ledger, line, terms, position)
    parts = record["tax_breakdown"]
    canadian = ledger.business.country == "CA"
    record["unit_price_includes_tax"] = False
    record["is_purchase_for_resale"] = (
        line.account is ledger.account("cost_goods") if ledger.business.country == "IE" else None
    )
    record["gst_amount"] = parts[0]["amount"] if canadian else None
    record["pst_amount"] = (parts[1]["amount"] if len(parts) > 1 else ZERO) if canadian else None
    record["tax_recoverable"] = True if canadian else None
    return record


def _line(ledger: Ledger, line: Line, terms: Terms, position: int) -> Record:
    rate = terms.exchange_rate
    net = cents(line.quantity * line.unit_price)
    if line.discount_percentage:
        net -= cents(net * line.discount_percentage / 100)
    parts, tax = breakdown(line.rate, net, terms)
    base_parts = base_breakdown(parts, rate)
    base_net = to_base(net, rate)
    base_tax = tax if base_parts is parts else sum((p["amount"] for p in base_parts), ZERO)
    item = line.item
    is_service = item is not None and item["$path"].startswith("/services/")
    return {
        "id": hex_id(terms.document_id, position),
        "displayed_as": line.description,
        "analysis_type_categories": list(line.analysis),
        "description": line.description,
        "product": None if is_service else item,
        "service": item if is_service else None,
        "ledger_account": line.account,
        "trade_of_asset": line.account["id"] == ledger.account("fixed_asset")["id"],
        "quantity": line.quantity,
        "unit_price": line.unit_price,
        "net_amount": net,
        "tax_rate": line.rate.stub,
        "tax_amount": tax,
        "tax_breakdown": parts,
        "total_amount": net + tax,
        "base_currency_unit_price": to_base(line.unit_price, rate),
        "base_currency_net_amount": base_net,
        "base_currency_tax_amount": base_tax,
        "base_currency_tax_breakdown": base_parts,
        "base_currency_total_amount": base_net + base_tax,
        "eu_goods_services_type": (
            ledger.name("eu_goods_services_types", "GOODS" if line.goods else "SERVICES")
            if terms.foreign_supply
            else None
        ),
    }
