"""Invoices, credit notes and corrective invoices: written, totalled from their lines, posted."""

from __future__ import annotations

from decimal import Decimal

from sage_sandbox.document_headers import header
from sage_sandbox.document_kinds import KINDS, Document, Kind
from sage_sandbox.ledger import Ledger, Leg
from sage_sandbox.lines import Terms, purchase_line, sales_line
from sage_sandbox.open_items import open_item
from sage_sandbox.records import ZERO, cents, stub_of
from sage_sandbox.store import Record


def write(ledger: Ledger, document: Document, at: str) -> Record:
    """Store a document and, unless it is a draft or an offer, post it; give its record."""
    kind = KINDS[document.resource]
    document_id = ledger.new_id(document.resource)
    terms = Terms(
        document_id=document_id,
        day=document.day,
        exchange_rate=document.exchange_rate,
        foreign_supply=not document.contact["tax_treatment"]["home_tax"],
        uncharged=document.uncharged,
    )
    line_of = sales_line if kind.side == "sale" else purchase_line
    record = header(ledger, document, kind, document_id, terms, at)
    record[kind.lines] = [
        line_of(ledger, line, terms, n) for n, line in enumerate(document.lines, 1)
    ]
    record |= totals(record, kind)
    if kind.direction:
        record["outstanding_amount"] = record["total_amount"]
        record["base_currency_outstanding_amount"] = record["base_currency_total_amount"]
    posted = kind.direction != 0 and not document.draft
    if posted:
        record["transaction"] = post_document(ledger, kind, record, at)
    ledger.put(document.resource, record)
    if posted:
        open_item(ledger, kind.resource, record, kind.side, kind.direction, at)
    return record


def post_document(ledger: Ledger, kind: Kind, record: Record, at: str) -> Record:
    """Book a document's transaction; give its stub."""
    return ledger.post(
        kind.transaction_type,
        stub_of(record),
        legs_of(ledger, kind, record),
        day=record["date"],
        at=at,
        reference=record["displayed_as"],
        journal=kind.journal,
        total=record["base_currency_total_amount"],
        total_in_currency=record["total_amount"],
        contact=record["contact"],
        description=f"{record['contact_name']} {record['displayed_as']}",
    )


def legs_of(ledger: Ledger, kind: Kind, record: Record) -> list[Leg]:
    """Give the postings of a document as its record shows it.

    A purchase line with a percentage but no tax charged is one whose tax the buyer accounts for: it is
    booked as output and as input tax.
    """
    sale = kind.side == "sale"
    sign = kind.direction if sale else -kind.direction
    own, other = ("sales", "purchases") if sale else ("purchases", "sales")
    legs: dict[tuple[str, str], Leg] = {}

    def add(account: Record, amount: Decimal, tax_rate: Record) -> None:
        key = (account["id"], tax_rate["id"])
        known = legs.get(key)
        total = amount if known is None else known.amount + amount
        legs[key] = Leg(account, total, tax_rate)

    def add_tax(parts: list[Record], base_net: Decimal) -> None:
        for part in parts:
            rate = part["tax_rate"]
            suffix = ledger.rate_of[rate["id"]].account
            if part["amount"]:
                add(ledger.account(f"tax_on_{own}{suffix}"), -sign * part["amount"], rate)
            elif not sale and part["percentage"] and base_net:
                notional = sign * cents(base_net * part["percentage"] / 100)
                add(ledger.account(f"tax_on_{own}{suffix}"), -notional, rate)
                add(ledger.account(f"tax_on_{other}{suffix}"), notional, rate)

    for line in record[kind.lines]:
        add(line["ledger_account"], -sign * line["base_currency_net_amount"], line["tax_rate"])
        add_tax(line["base_currency_tax_breakdown"], line["base_currency_net_amount"])
    if sale and record["base_currency_shipping_net_amount"]:
        net = record["base_currency_shipping_net_amount"]
        add(ledger.account("shipping"), -sign * net, record["shipping_tax_rate"])
        add_tax(record["base_currency_shipping_tax_breakdown"], net)
    control = ledger.account("receivable" if sale else "payable")
    return [Leg(control, sign * record["base_currency_total_amount"]), *legs.values()]


def totals(record: Record, kind: Kind) -> Record:
    """Give the header's sums over a document's lines and shipping, and its tax analysis."""
    lines = record[kind.lines]
    sums = [ZERO] * 6
    quantity = ZERO
    analysis: dict[str, Record] = {}
    goods_total = services_total = base_goods = base_services = ZERO
    for line in lines:
        net, tax = line["net_amount"], line["tax_amount"]
        base_net, base_tax = line["base_currency_net_amount"], line["base_currency_tax_amount"]
        sums[0] += net
        sums[1] += tax
        sums[2] += base_net
        sums[3] += base_tax
        quantity += line["quantity"]
        goods = line["service"] is None
        if goods:
            goods_total, base_goods = goods_total + net, base_goods + base_net
        else:
            services_total, base_services = services_total + net, base_services + base_net
        _analyse(analysis, line["tax_rate"], net, tax, goods)
        if kind.side == "sale":
            sums[4] += line["discount_amount"]
            sums[5] += line["base_currency_discount_amount"]
    net, tax, base_net, base_tax, discount, base_discount = sums
    if kind.side == "sale" and record["shipping_net_amount"]:
        shipping, shipping_tax = record["shipping_net_amount"], record["shipping_tax_amount"]
        net, tax = net + shipping, tax + shipping_tax
        base_net += record["base_currency_shipping_net_amount"]
        base_tax += record["base_currency_shipping_tax_amount"]
        services_total += shipping
        base_services += record["base_currency_shipping_net_amount"]
        _analyse(analysis, record["shipping_tax_rate"], shipping, shipping_tax, False)
    total, base_total = net + tax, base_net + base_tax
    fields: Record = {
        "total_quantity": quantity,
        "net_amount": net,
        "tax_amount": tax,
        "total_amount": total,
        "base_currency_net_amount": base_net,
        "base_currency_tax_amount": base_tax,
        "base_currency_total_amount": base_total,
        "tax_analysis": list(analysis.values()),
        "detailed_tax_analysis": {
            "tax_rates_breakdown": None,
            "total_net": net,
            "total_tax": tax,
            "total": total,
            "total_goods_amount": goods_total,
            "total_services_amount": services_total,
            "base_currency_total_net": base_net,
            "base_currency_total_tax": base_tax,
            "base_currency_total": base_total,
            "base_currency_total_goods_amount": base_goods,
            "base_currency_total_services_amount": base_services,
            "total_retailer_tax": None,
        },
    }
    if kind.side == "sale":
        fields["total_discount_amount"] = discount
        fields["base_currency_total_discount_amount"] = base_discount
    elif record.get("part_recoverable") is not None:
        fields |= _input_tax(lines)
    return fields


def _analyse(
    analysis: dict[str, Record], rate: Record, net: Decimal, tax: Decimal, goods: bool
) -> None:
    row = analysis.get(rate["id"])
    if row is None:
        row = analysis[rate["id"]] = {
            "tax_rate": rate,
            "net_amount": ZERO,
            "tax_amount": ZERO,
            "total_amount": ZERO,
            "goods_amount": ZERO,
            "service_amount": ZERO,
        }
    row["net_amount"] += net
    row["tax_amount"] += tax
    row["total_amount"] += net + tax
    row["goods_amount" if goods else "service_amount"] += net


def _input_tax(lines: list[Record]) -> Record:
    """Canada: input tax credits (GST/HST) and refunds (QST) of a purchase."""
    credit = sum((line["gst_amount"] for line in lines), ZERO)
    refund = sum((line["pst_amount"] for line in lines), ZERO)
    return {
        "total_itc_amount": credit,
        "base_currency_total_itc_amount": credit,
        "total_itr_amount": refund,
        "base_currency_total_itr_amount": refund,
    }
