"""What is added once the two years are written: settings, attachments, a few deletions."""

from __future__ import annotations

from sage_sandbox.banking import bank_account, reconcile
from sage_sandbox.business_settings import add_settings
from sage_sandbox.edits import delete
from sage_sandbox.founding import FOUNDED_AT
from sage_sandbox.items import discontinue_a_product
from sage_sandbox.ledger import Ledger
from sage_sandbox.records import hex_id, stub, stub_of
from sage_sandbox.reference import add_migration_tax_returns


def close_books(ledger: Ledger, at: str) -> None:
    """Add settings with the numbers reached, attachments and what else hangs on documents."""
    add_settings(ledger, stub_of(bank_account(ledger, "bank")), at)
    if "migration_tax_returns" in ledger.business.collections:
        add_migration_tax_returns(ledger, at)
    reconcile(ledger, bank_account(ledger, "bank"))
    _attach(ledger, at)
    _hosted_payments(ledger)
    _forget_an_address(ledger, at)
    discontinue_a_product(ledger, FOUNDED_AT, at)
    _forget_a_prospect(ledger, at)


def _attach(ledger: Ledger, at: str) -> None:
    """A scan on the first purchase invoices; metadata only."""
    for invoice in list(ledger.collection("purchase_invoices"))[:3]:
        if not invoice["transaction"]:
            continue
        attachment_id = ledger.new_id("attachments")
        name = f"{invoice['reference']}.pdf"
        ledger.put(
            "attachments",
            {
                **stub("attachments", attachment_id, name),
                "deleted_at": None,
                "file": None,
                "mime_type": "application/pdf",
                "description": "Scan",
                "file_extension": ".pdf",
                "transaction": invoice["transaction"],
                "file_size": 48213,
                "file_name": name,
                "$file_path": f"/attachments/{attachment_id}/file",
                "attachment_context_type": ledger.name(
                    "attachment_context_types", "PURCHASE_INVOICE"
                ),
                "attachment_context": stub_of(invoice),
                "is_public": False,
                "created_at": at,
                "updated_at": at,
            },
        )
        ledger.update("transactions", invoice["transaction"]["id"], at, number_of_attachments="1")


def _hosted_payments(ledger: Ledger) -> None:
    for invoice in list(ledger.collection("sales_invoices"))[:1]:
        setting_id = hex_id(ledger.business.id, "hosted", invoice["id"])
        ledger.put(
            "hosted_artefact_payment_settings",
            {
                **stub("hosted_artefact_payment_settings", setting_id, invoice["displayed_as"]),
                "object_guid": invoice["id"],
                "disable_payment": False,
            },
        )


def _forget_an_address(ledger: Ledger, at: str) -> None:
    """One depot was given up: a tombstone in a list of master data."""
    for contact in list(ledger.collection("contacts")):
        if contact["delivery_address"]:
            delete(ledger, "addresses", contact["delivery_address"]["id"], at)
            ledger.update("contacts", contact["id"], at, delivery_address=None)
            return


def _forget_a_prospect(ledger: Ledger, at: str) -> None:
    """The last contact never bought: it goes, with its address and person."""
    contact = list(ledger.collection("contacts"))[-1]
    delete(ledger, "contacts", contact["id"], at)
    delete(ledger, "contact_persons", contact["main_contact_person"]["id"], at)
    for address in (contact["main_address"], contact["delivery_address"]):
        if address:
            delete(ledger, "addresses", address["id"], at)
