"""The header of a document: everything but its lines and the sums over them."""

from __future__ import annotations

from sage_sandbox.document_kinds import Document, Kind, prefix_of
from sage_sandbox.ledger import Ledger
from sage_sandbox.lines import Terms, base_breakdown, breakdown, to_base
from sage_sandbox.records import ZERO, inverse, stub, stub_of
from sage_sandbox.store import Record

_NUMBERED = {
    "sales_invoices": "invoice_number",
    "sales_corrective_invoices": "invoice_number",
    "sales_credit_notes": "credit_note_number",
    "sales_quotes": "quote_number",
    "sales_estimates": "estimate_number",
}


def header(
    ledger: Ledger, document: Document, kind: Kind, document_id: str, terms: Terms, at: str
) -> Record:
    """Give the header of a new document, sums still missing."""
    sale = kind.side == "sale"
    prefix = prefix_of(document.resource, ledger.business.country)
    number = f"{prefix}{ledger.number(document.resource)}"
    if not sale and document.reference:
        number = document.reference
    contact = document.contact
    offer = not kind.direction
    record: Record = {
        **stub(document.resource, document_id, number),
        "created_at": at,
        "updated_at": at,
        "links": [
            {
                "href": f"/{document.resource}/{document_id}",
                "rel": "self",
                "type": "application/json",
            }
        ],
        "editable": True,
        "vat_reverse_charge": document.reverse_charge,
        "contact": stub_of(contact),
        "contact_name": contact["name"],
        "contact_reference": contact["reference"],
        "date": document.day,
        "reference": document.reference,
        "notes": document.notes,
        "payments_allocations_total_amount": ZERO,
        "payments_allocations_total_discount": ZERO,
        "total_paid": ZERO,
        "currency": ledger.name("currencies", document.currency),
        "exchange_rate": document.exchange_rate,
        "inverse_exchange_rate": inverse(document.exchange_rate),
        "withholding_tax_rate": None,
        "withholding_tax_amount": None,
        "base_currency_withholding_tax_amount": None,
        "tax_reconciled": False,
    }
    if offer:
        record["status"] = {"id": "PENDING", "displayed_as": "Pending"}
    else:
        record |= {
            "transaction": None,
            "transaction_type": ledger.name("transaction_types", kind.transaction_type),
            "deleted_at": None,
            "status": ledger.name("artefact_statuses", "DRAFT" if document.draft else "UNPAID"),
            "void_reason": None,
            "payments_allocations": [],
            "last_paid": None,
        }
    if sale:
        record |= _sales_fields(ledger, document, terms)
        record[_NUMBERED[document.resource]] = number
        record[f"{_NUMBERED[document.resource]}_prefix"] = prefix
    else:
        record |= _purchase_fields(ledger, document)
    record |= _fields_of_resource(ledger, document)
    return record


def _sales_fields(ledger: Ledger, document: Document, terms: Terms) -> Record:
    contact, country = document.contact, ledger.business.country
    main, delivery = contact["main_address"], contact["delivery_address"] or contact["main_address"]
    net, rate = document.shipping or (ZERO, ledger.rates["standard"])
    parts, tax = breakdown(rate, net, terms) if net else ([], ZERO)
    base_parts = base_breakdown(parts, document.exchange_rate)
    base_net = to_base(net, document.exchange_rate)
    base_tax = sum((part["amount"] for part in base_parts), ZERO)
    return {
        "tax_calculation_method": "invoice" if country in ("GB", "IE") else None,
        "destination_consignment": False,
        "destination_vat_rates_in_use": False,
        "main_address_free_form": _free_form(main),
        "main_address": _artefact_address(main),
        "delivery_address_free_form": _free_form(delivery),
        "delivery_address": _artefact_address(delivery),
        "terms_and_conditions": contact["credit_terms_and_conditions"],
        "shipping_net_amount": net,
        "shipping_tax_rate": rate.stub if net else None,
        "shipping_tax_amount": tax,
        "shipping_tax_breakdown": parts,
        "shipping_total_amount": net + tax,
        "base_currency_shipping_net_amount": base_net,
        "base_currency_shipping_tax_amount": base_tax,
        "base_currency_shipping_tax_breakdown": base_parts,
        "base_currency_shipping_total_amount": base_net + base_tax,
        "sent": not document.draft,
        "sent_by_email": not document.draft and contact["email"] is not None,
    }


def _purchase_fields(ledger: Ledger, document: Document) -> Record:
    country, resource = ledger.business.country, document.resource
    record: Record = {
        "vendor_reference": f"{document.contact['reference']}/{document.reference}",
        "import": document.postponed,
    }
    if resource != "purchase_invoices":  # these two models declare it as text
        record["inverse_exchange_rate"] = str(inverse(document.exchange_rate))
    if resource == "purchase_corrective_invoices":
        return record
    return {
        **record,
        "postponed_accounting": document.postponed,
        "vat_exempt_consignment": False,
        "part_recoverable": False if country == "CA" else None,
        "total_itc_amount": None,
        "base_currency_total_itc_amount": None,
        "total_itr_amount": None,
        "base_currency_total_itr_amount": None,
        "tax_calculation_method": "invoice" if country in ("GB", "IE") else None,
    }


def _fields_of_resource(ledger: Ledger, document: Document) -> Record:
    """Give what only one kind of document has."""
    resource, original = document.resource, document.original
    construction: Record = {
        "is_cis": False,
        "cis_applicable_amount": None,
        "base_currency_cis_applicable_amount": None,
        "total_after_cis_deduction": None,
        "base_currency_total_after_cis_deduction": None,
        "has_cis_labour": False,
        "has_cis_materials": False,
        "migrated": False,
        "tax_address_region": document.region,
    }
    original_date = original["date"] if original else None
    match resource:
        case "sales_invoices":
            return {
                **construction,
                "due_date": document.due,
                "recurring_invoice": None,
                "original_quote_estimate": None,
                "delivery_performance_date": None,
                "corrections": [],
            }
        case "purchase_invoices":
            return {**construction, "due_date": document.due, "corrections": []}
        case "sales_credit_notes" | "purchase_credit_notes":
            return {**construction, "original_invoice_date": original_date}
        case "sales_quotes" | "sales_estimates":
            return {
                "expiry_date": document.due,
                "tax_address_region": document.region,
                "profit_analysis": None,
                "invoice": None,
            }
    fields: Record = {
        "due_date": document.due,
        "original_invoice": stub_of(original) if original else None,
        "original_invoice_number": original["displayed_as"] if original else None,
        "original_invoice_date": original_date,
    }
    if resource == "sales_corrective_invoices":
        fields["corrective_reason_code"] = ledger.name("corrective_reason_codes", "R4")
        fields["details"] = document.notes
    return fields


def _free_form(address: Record) -> str:
    return "\n".join(
        address[key] for key in ("address_line_1", "city", "region", "postal_code") if address[key]
    )


def _artefact_address(address: Record) -> Record:
    return {key: address[key] for key in _ADDRESS_KEYS}


_ADDRESS_KEYS = (
    "id",
    "displayed_as",
    "$path",
    "address_line_1",
    "address_line_2",
    "city",
    "postal_code",
    "country",
    "deleted_at",
    "address_type",
    "region",
    "country_group",
)
