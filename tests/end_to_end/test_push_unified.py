"""Documents in the unified vocabulary arrive with the tenant's ids, and come back as they were."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from shell import User, new_user

from sage_sandbox.audit import audit
from sage_sandbox.server import COUNTRIES, running_sandbox
from sage_sandbox.store import Business
from sage_unified.mapping import RESOURCES

READ = (
    "businesses", "financial_settings", "business_settings", "ledger_accounts", "tax_rates", "contacts",
    "bank_accounts", "sales_invoices", "sales_credit_notes", "sales_corrective_invoices",
    "contact_payments",
)  # fmt: skip
STANDARD = {
    "GB": "20", "IE": "23", "FR": "20", "ES": "21", "DE": "19", "CA": "14.975", "US": "8.875",
}  # fmt: skip
"""A percentage of category S that names one rate of the tenant."""


@dataclass
class Trip:
    """A user whose documents went to Sage and came back."""

    user: User
    sent: dict[str, dict[str, Any]]
    """Lines of the files, by key."""
    bodies: dict[str, dict[str, Any]]
    """What was sent to Sage, by key."""
    ids: dict[str, str]
    """Sage's ids, by key."""

    def rows(self, sql: str, *parameters: object) -> list[dict[str, Any]]:
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH '{self.user.warehouse}' AS books (READ_ONLY)")
            connection.execute("USE books")
            found = connection.execute(sql, list(parameters))
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def business_of(user: User, country: str) -> Business:
    return next(b for b in user.sandbox.state.businesses.values() if b.country == country)


def lines_of(user: User, country: str, sign: int) -> list[dict[str, Any]]:
    accounts = business_of(user, country).collections["ledger_accounts"]
    code = str(next(a for a in accounts if a["visible_in_sales"])["nominal_code"])
    tax = {"category_code": "S", "percentage": STANDARD[country]}
    return [
        {
            "description": f"Chairs {number}",
            "quantity": sign * number,
            "unit_price": price,
            "account": {"code": code},
            "tax": tax,
        }
        for number, price in ((3, 19.99), (1, 0.35), (7, 33.33))
    ]


def documents(user: User, country: str) -> Iterator[dict[str, Any]]:
    business = business_of(user, country)
    customer = next(
        c
        for c in business.collections["contacts"]
        if c["tax_treatment"]["home_tax"] and c["contact_types"][0]["id"] == "CUSTOMER"
    )
    base = business.collections["financial_settings"].live["singleton"]["base_currency"]["id"]
    common = {"contact": {"reference": customer["reference"]}, "currency": base}
    yield {
        "key": f"{country}-invoice",
        "business_id": business.id,
        "type": "sales_invoice",
        "data": {
            **common,
            "date": "2026-07-01",
            "due_date": "2026-07-31",
            "reference": f"{country}-invoice",
            "lines": lines_of(user, country, 1),
        },
    }
    # Spain has no credit notes: a corrective invoice takes back
    is_spain = country == "ES"
    yield {
        "key": f"{country}-credit",
        "business_id": business.id,
        "type": "sales_corrective_invoice" if is_spain else "sales_credit_note",
        "data": {
            **common,
            "date": "2026-07-02",
            "reference": f"{country}-credit",
            "lines": lines_of(user, country, -1 if is_spain else 1),
        },
    }


def payment(user: User, country: str, invoice_id: str) -> dict[str, Any]:
    business = business_of(user, country)
    record = business.collections["sales_invoices"].live[invoice_id]
    bank = next(iter(business.collections["bank_accounts"]))
    return {
        "key": f"{country}-payment",
        "business_id": business.id,
        "type": "contact_payment",
        "data": {
            "payment_kind": "customer_receipt",
            "contact": {"id": record["contact"]["id"]},
            "bank_account": {"id": bank["id"]},
            "date": "2026-07-03",
            "amount": 100,
            "reference": f"{country}-payment",
            "allocations": [{"document": {"id": invoice_id}, "amount": 42.5}],
        },
    }


def push(user: User, lines: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Push lines; the bodies that a dry run showed before, by key."""
    text = "\n".join(json.dumps(line) for line in lines)
    shown = map(json.loads, user.ok("push", "-", "--dry-run", stdin=text).splitlines())
    user.ok("push", "-", stdin=text)
    return {each["key"]: next(iter(each["body"].values())) for each in shown}


@pytest.fixture(scope="module")
def trip(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trip]:
    with running_sandbox(countries=COUNTRIES, invoices=8, seed=6) as running:
        user = new_user(tmp_path_factory.mktemp("trip") / "user", running)
        user.connect()
        read = [argument for name in READ for argument in ("--resource", name)]
        user.sync(*read)
        user.ok("transform")
        sent = [line for country in COUNTRIES for line in documents(user, country)]
        bodies = push(user, sent)
        held = json.loads(user.ok("outbox", "--json"))
        ids = {each["key"]: each["sage_id"] for each in held}
        payments = [payment(user, c, ids[f"{c}-invoice"]) for c in COUNTRIES]
        bodies |= push(user, payments)
        user.sync(*read)
        user.ok("transform")
        held = json.loads(user.ok("outbox", "--json"))
        yield Trip(
            user,
            {line["key"]: line for line in [*sent, *payments]},
            bodies,
            {each["key"]: each["sage_id"] for each in held},
        )


def document_back(trip: Trip, key: str) -> dict[str, Any]:
    """A document in the unified vocabulary, from the unified schema."""
    (found,) = trip.rows(
        """
        SELECT d.*, c.reference AS contact_reference FROM unified.fct_document d
        JOIN unified.dim_contact c USING (business_id, contact_id) WHERE d.document_id = ?
        """,
        trip.ids[key],
    )
    lines = trip.rows(
        """
        SELECT l.description, l.quantity, l.unit_price, a.code, r.category_code, r.percentage
        FROM unified.fct_document_line l
        JOIN unified.dim_account a USING (business_id, account_id)
        JOIN unified.dim_tax_rate r ON r.business_id = l.business_id AND r.tax_rate_id = l.tax_rate_id
            AND ? BETWEEN r.valid_from AND r.valid_to
        WHERE l.document_id = ? ORDER BY l.line_no
        """,
        found["date"],
        trip.ids[key],
    )
    data = {
        "contact": {"reference": found["contact_reference"]},
        "currency": found["currency"],
        "date": found["date"].isoformat(),
        "reference": key,
        "lines": [
            {
                "description": line["description"],
                "quantity": float(line["quantity"]),
                "unit_price": float(line["unit_price"]),
                "account": {"code": line["code"]},
                "tax": {
                    "category_code": line["category_code"],
                    "percentage": f"{line['percentage'].normalize():f}",
                },
            }
            for line in lines
        ],
    }
    if key.endswith("-invoice"):
        data["due_date"] = found["due_date"].isoformat()
    return data


@pytest.mark.parametrize("kind", ["invoice", "credit"])
@pytest.mark.parametrize("country", COUNTRIES)
def test_document_comes_back_as_it_was_pushed(trip: Trip, country: str, kind: str) -> None:
    key = f"{country}-{kind}"
    assert document_back(trip, key) == trip.sent[key]["data"]


@pytest.mark.parametrize("kind", ["invoice", "credit"])
@pytest.mark.parametrize("country", COUNTRIES)
def test_tax_is_rounded_as_sage_does(trip: Trip, country: str, kind: str) -> None:
    key = f"{country}-{kind}"
    (lines,) = (v for k, v in trip.bodies[key].items() if k.endswith("_lines"))
    resource = (
        "sales_invoices" if kind == "invoice"
        else "sales_corrective_invoices" if country == "ES" else "sales_credit_notes"
    )  # fmt: skip
    record = business_of(trip.user, country).collections[resource].live[trip.ids[key]]
    (found,) = (v for k, v in record.items() if k.endswith("_lines"))
    assert [Decimal(str(each["tax_amount"])) for each in lines] == [x["tax_amount"] for x in found]


@pytest.mark.parametrize("country", COUNTRIES)
def test_payment_comes_back_with_what_it_settles(trip: Trip, country: str) -> None:
    (found,) = trip.rows(
        "SELECT * FROM unified.fct_payment WHERE payment_id = ?", trip.ids[f"{country}-payment"]
    )
    sent = trip.sent[f"{country}-payment"]["data"]
    assert found["payment_kind"] == sent["payment_kind"]
    assert found["bank_account_id"] == sent["bank_account"]["id"]
    assert (found["date"].isoformat(), found["reference"]) == (sent["date"], sent["reference"])
    assert (found["amount"], found["unallocated_amount"]) == (100, Decimal("57.5"))
    (settled,) = trip.rows(
        "SELECT document_id, amount FROM unified.fct_payment_allocation WHERE source_id = ?",
        trip.ids[f"{country}-payment"],
    )
    assert settled == {"document_id": trip.ids[f"{country}-invoice"], "amount": Decimal("42.5")}


def of_every_type(user: User, country: str) -> dict[str, dict[str, Any]]:
    """Data by type, all of the same amounts."""
    business = business_of(user, country)
    contacts = business.collections["contacts"]
    customer, supplier = (
        next(c["reference"] for c in contacts if c["contact_types"][0]["id"] == kind)
        for kind in ("CUSTOMER", "VENDOR")
    )
    bank = next(iter(business.collections["bank_accounts"]))
    first = lines_of(user, country, 1)[0]
    account, tax = first["account"], first["tax"]
    dated: dict[str, Any] = {"date": "2026-07-05", "reference": "every-type"}
    sale = {**dated, "contact": {"reference": customer}}
    purchase = {**dated, "contact": {"reference": supplier}}
    quick = {
        "document_kind": "quick_invoice", "account": account, "tax": tax, "net_amount": 10,
        "description": "Paper",
    }  # fmt: skip
    payment = {"bank_account": {"id": bank["id"]}, "amount": 10}
    return {
        "sales_invoice": {**sale, "lines": [first]},
        "purchase_invoice": {**purchase, "due_date": "2026-08-05", "lines": [first]},
        "sales_credit_note": {**sale, "lines": [first]},
        "purchase_credit_note": {**purchase, "lines": [first]},
        "sales_corrective_invoice": {**sale, "lines": [{**first, "quantity": -1}]},
        "purchase_corrective_invoice": {**purchase, "lines": [{**first, "quantity": -1}]},
        "sales_quick_entry": {**sale, **quick},
        "purchase_quick_entry": {**purchase, **quick},
        "contact": {"name": "Somebody", "is_supplier": True, "reference": "every-type"},
        "contact_payment": {**sale, **payment, "payment_kind": "customer_receipt"},
        "journal": {
            **dated,
            "lines": [{"account": account, "debit": 5}, {"account": account, "credit": 5}],
        },
    }


@pytest.mark.parametrize("country", ["FR", "ES"])
def test_every_type_that_a_country_has_is_taken(trip: Trip, country: str) -> None:
    business = business_of(trip.user, country)
    lines = [
        {"key": f"{country} {kind}", "business_id": business.id, "type": kind, "data": data}
        for kind, data in of_every_type(trip.user, country).items()
        if ("corrective" in kind) <= (country == "ES")
        and ("credit_note" in kind) <= (country == "FR")
    ]
    text = "\n".join(map(json.dumps, lines))
    report = json.loads(trip.user.ok("push", "-", "--json", stdin=text))
    assert report["created"] == len(lines)
    assert audit(business) == []


def test_every_type_is_tried(trip: Trip) -> None:
    assert set(of_every_type(trip.user, "FR")) == set(RESOURCES)


def test_line_that_fits_several_rates_is_refused_with_the_candidates(trip: Trip) -> None:
    line = json.loads(json.dumps(trip.sent["GB-invoice"]))
    line["key"] = "ambiguous"
    line["data"]["lines"][0]["tax"] = {"category_code": "S", "percentage": 5}
    done = trip.user.run("push", "-", stdin=json.dumps(line))
    assert done.returncode == 2
    assert "data.lines[0].tax: several fit: " in done.stderr
    assert "GB_LOWER" in done.stderr


def test_refusal_of_sage_is_shown_at_the_field_of_the_line(trip: Trip) -> None:
    line = json.loads(json.dumps(trip.sent["GB-invoice"]))
    line["key"] = "nobody"
    line["data"]["contact"] = {"id": "nobody"}
    done = trip.user.run("push", "-", stdin=json.dumps(line))
    assert done.returncode == 1
    assert "Sage refuses contact_id" in done.stderr
    assert "In the line: data.contact." in done.stderr


def test_date_in_a_locked_year_is_refused(trip: Trip) -> None:
    (books,) = trip.rows(
        "SELECT year_end_lockdown_date AS locked FROM unified.dim_business WHERE country = 'GB'"
    )
    line = json.loads(json.dumps(trip.sent["GB-invoice"]))
    line["key"] = "locked"
    line["data"]["date"] = books["locked"].isoformat()
    done = trip.user.run("push", "-", stdin=json.dumps(line))
    assert done.returncode == 2
    assert "locked year" in done.stderr


def test_credit_note_in_spain_is_refused(trip: Trip) -> None:
    line = json.loads(json.dumps(trip.sent["ES-credit"]))
    line |= {"key": "spanish", "type": "sales_credit_note"}
    done = trip.user.run("push", "-", stdin=json.dumps(line))
    assert done.returncode == 2
    assert "does not offer sales_credit_notes in ES" in done.stderr
