"""What the business buys and sells: documents made up from a contact, a day and a generator."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from sage_sandbox.contacts import zone_of
from sage_sandbox.document_kinds import Document
from sage_sandbox.ledger import Ledger
from sage_sandbox.lines import Line
from sage_sandbox.records import ZERO, stub_of
from sage_sandbox.reference import exchange_rate
from sage_sandbox.store import Record
from sage_sandbox.tax import Rate

_LINE_COUNTS = (1, 1, 2, 2, 3, 4, 5)
_OWN = ("meaningless", "own")
_OWN_RATE_EVERY = 60
"""One home line in so many has one of the user's own rates; one has a name that says nothing."""


def sales_document(
    ledger: Ledger, rng: Random, resource: str, contact: Record, day: date, draft: bool = False
) -> Document:
    """Make up a sales document of one to five lines, a fifth of those with goods with shipping."""
    zone = zone_of(contact)
    reverse = contact["tax_calculation"] == "domestic_reverse_charge"
    lines = [_sales_line(ledger, rng, contact, reverse) for _ in range(rng.choice(_LINE_COUNTS))]
    goods = any(line.goods for line in lines)
    shipping = None
    if goods and not reverse and rng.random() < 0.2:
        rate = _home_rate(ledger, contact, "standard") if zone in ("home", "eu_consumer") else None
        rate = rate or _foreign_sales_rate(ledger, zone, goods=True)
        shipping = (Decimal(rng.choice((495, 795, 1250))) / 100, rate)
    return Document(
        resource=resource,
        contact=contact,
        lines=lines,
        reference=f"PO-{rng.randrange(1000, 99999)}",
        notes="Deliver to the side entrance." if rng.random() < 0.1 else None,
        shipping=shipping,
        uncharged=reverse,
        reverse_charge=reverse,
        draft=draft,
        **_common(ledger, contact, day),
    )


def purchase_document(
    ledger: Ledger, rng: Random, contact: Record, day: date, number: int, draft: bool = False
) -> Document:
    """Make up a purchase invoice.

    From abroad no tax is charged: the buyer accounts for it (acquisition, reverse charge, postponed
    import) or owes none.
    """
    zone = zone_of(contact)
    reverse = contact["tax_calculation"] == "domestic_reverse_charge"
    foreign = zone in ("eu", "world")
    goods = not reverse and rng.random() < 0.6
    rate, notional = _foreign_purchase_rate(ledger, zone, goods) if foreign else (None, reverse)
    count = rng.choice(_LINE_COUNTS)
    lines = [_purchase_line(ledger, rng, goods, rate, reverse) for _ in range(count)]
    return Document(
        resource="purchase_invoices",
        contact=contact,
        lines=lines,
        reference=f"B{number:05d}",
        uncharged=notional,
        reverse_charge=reverse,
        postponed=foreign and goods and notional and zone == "world",
        draft=draft,
        **_common(ledger, contact, day),
    )


def correction_of(ledger: Ledger, record: Record, day: date) -> Document:
    """Make up what takes back the last line of an invoice: a credit note, in Spain a corrective one.

    A credit note is positive; a corrective invoice carries negative quantities.
    """
    side = "sales" if record["$path"].startswith("/sales") else "purchase"
    corrective = f"{side}_corrective_invoices" in ledger.business.collections
    contact = ledger.collection("contacts").live[record["contact"]["id"]]
    line = record["invoice_lines"][-1]
    quantity = -line["quantity"] if corrective else line["quantity"]
    uncharged = not line["tax_amount"] and any(part["percentage"] for part in line["tax_breakdown"])
    resource = f"{side}_corrective_invoices" if corrective else f"{side}_credit_notes"
    common = _common(ledger, contact, day)
    common |= {"exchange_rate": record["exchange_rate"], "currency": record["currency"]["id"]}
    return Document(
        resource=resource,
        contact=contact,
        lines=[
            Line(
                description=line["description"],
                account=line["ledger_account"],
                rate=ledger.rate_of[line["tax_rate"]["id"]],
                quantity=quantity,
                unit_price=line["unit_price"],
                item=line["service"] or line["product"],
                goods=_is_goods(line),
                discount_percentage=line.get("discount_percentage") or ZERO,
            )
        ],
        reference=record["reference"] if side == "sales" else f"{record['reference']}-C",
        notes="Returned",
        uncharged=uncharged,
        reverse_charge=record["vat_reverse_charge"],
        postponed=record.get("postponed_accounting") or False,
        original=record,
        **common,
    )


def _is_goods(line: Record) -> bool:
    """What a line was declared as; at home, where none says so, what its item is."""
    declared = line["eu_goods_services_type"]
    return declared["id"] == "GOODS" if declared else line["service"] is None


def _common(ledger: Ledger, contact: Record, day: date) -> dict[str, Any]:
    currency = contact["currency"]["id"]
    province = contact["main_address"]["region"] if ledger.business.country == "CA" else None
    return {
        "day": day.isoformat(),
        "due": (day + timedelta(days=contact["credit_days"])).isoformat(),
        "currency": currency,
        "exchange_rate": exchange_rate(ledger.currency, currency, day.isoformat()),
        "region": ledger.names["address_regions"].get(f"CA-{province}") if province else None,
    }


def _sales_line(ledger: Ledger, rng: Random, contact: Record, reverse: bool) -> Line:
    zone = zone_of(contact)
    kind = "services" if reverse else rng.choice(("products", "services", "stock_items"))
    item = rng.choice(list(ledger.collection(kind)))
    goods = kind != "services"
    if reverse:
        rate = ledger.rates["standard"]
    elif zone in ("home", "eu_consumer"):
        rate = _home_rate(ledger, contact, ledger.rate_of[item["sales_tax_rate"]["id"]].role)
        if rng.randrange(_OWN_RATE_EVERY) == 0:
            rate = ledger.rates[rng.choice([role for role in _OWN if role in ledger.rates])]
    else:
        rate = _foreign_sales_rate(ledger, zone, goods)
    price = item["sales_prices" if goods else "sales_rates"][0]["price" if goods else "rate"]
    account = item["sales_ledger_account"]
    if goods and rng.random() < 0.3:
        account = ledger.accounts["sales_goods"][1]
    return Line(
        description=item["description"],
        account=account,
        rate=rate,
        quantity=Decimal(rng.choice((1, 1, 2, 3, 4, 10))),
        unit_price=price,
        item=stub_of(item),
        goods=goods,
        discount_percentage=Decimal(10) if rng.random() < 0.08 else ZERO,
        analysis=_analysis(ledger, rng),
    )


def _purchase_line(
    ledger: Ledger, rng: Random, goods: bool, rate: Rate | None, reverse: bool
) -> Line:
    item = None
    if goods:
        kind = rng.choice(("products", "stock_items"))
        bought = rng.choice(list(ledger.collection(kind)))
        item, account, price = (
            stub_of(bought),
            bought["purchase_ledger_account"],
            bought["cost_price"],
        )
        description, quantity = bought["description"], Decimal(rng.choice((2, 5, 10)))
    else:
        role = "cost_services" if reverse or rng.random() < 0.3 else "overhead"
        account = rng.choice(ledger.accounts[role])
        price, quantity = Decimal(rng.randrange(2000, 60000)) / 100, Decimal(1)
        description = account["displayed_as"].rpartition(" (")[0]
        if not reverse and rng.random() < 0.03:
            account, price = ledger.account("fixed_asset"), price * 5
            description = account["displayed_as"].rpartition(" (")[0]
    if rate is None:
        rate = _home_purchase_rate(ledger, rng, account)
    return Line(description, account, rate, quantity, price, item, goods)


def _home_rate(ledger: Ledger, contact: Record, role: str) -> Rate:
    """A home sale bears the item's rate; in North America the place decides what standard is."""
    country = ledger.business.country
    if country not in ("US", "CA") or role != "standard":
        return ledger.rates[role]
    resale = ledger.rates.get("resale")
    if resale and contact["default_sales_tax_rate"]["id"] == resale.id:
        return resale
    region = contact["main_address"]["region"]
    if (country, region) in (("US", "CA"), ("CA", "ON")):
        return ledger.rates["standard"]
    return ledger.rates.get(f"region_{region}", ledger.rates["no_tax"])


def _foreign_sales_rate(ledger: Ledger, zone: str, goods: bool) -> Rate:
    if zone == "eu":
        return ledger.rates["eu_goods" if goods else "eu_services"]
    return ledger.rates["export_goods" if goods else "zero"]


def _foreign_purchase_rate(ledger: Ledger, zone: str, goods: bool) -> tuple[Rate, bool]:
    """Give the rate of a purchase from abroad, and whether the buyer accounts for its tax."""
    country = ledger.business.country
    if country in ("US", "CA"):
        return ledger.rates["no_tax"], False
    if zone == "eu":
        return ledger.rates["acquisition" if goods else "reverse_charge"], True
    if not goods:
        return ledger.rates["reverse_charge"], True
    if country in ("GB", "IE"):
        return ledger.rates["standard"], True
    return ledger.rates["no_tax"], False  # import tax is paid to customs, not on this invoice


def _home_purchase_rate(ledger: Ledger, rng: Random, account: Record) -> Rate:
    country = ledger.business.country
    if country == "US":
        return ledger.rates["no_tax"]  # sales tax paid is part of the cost
    usual = ledger.collection("ledger_accounts").live[account["id"]]["tax_rate"]
    rate = ledger.rate_of[usual["id"]] if usual else ledger.rates["no_tax"]
    if country == "CA" and rate.role == "standard":
        return ledger.rates[rng.choice(("standard", "region_AB", "region_QC"))]
    return rate


def _analysis(ledger: Ledger, rng: Random) -> tuple[Record, ...]:
    if rng.random() > 0.1:
        return ()
    category = rng.choice(list(ledger.collection("analysis_type_categories")))
    return ({**stub_of(category), "analysis_type": category["analysis_type"]},)
