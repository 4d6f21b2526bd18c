"""What keeps a connection from working: settings, tokens, clock, permissions, destination."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sage_accounting.businesses import COLLECTION, Business, choose, list_businesses
from sage_accounting.catalogue import load_catalogue
from sage_accounting.client import Answer, SageClient
from sage_accounting.decode import Decoder
from sage_accounting.errors import (
    ReauthorisationError,
    ResourceUnavailableError,
    SageError,
    SubscriptionEndedError,
)
from sage_accounting.settings import load_settings
from sage_accounting.tokens import SageAuth, Vault
from sage_elt.connections import open_connection
from sage_elt.failures import explain
from sage_elt.warehouse import RAW_SCHEMA, Warehouse

Verdict = Literal["ok", "warning", "failed"]

MOST_CLOCK_DIFFERENCE_S = 60
"""More, and the expiry that we compute from our clock is worth little."""
AREAS = {
    # one cheap list that needs a role in the area
    "Bank": "bank_accounts",
    "Contacts": "contacts",
    "Journals": "ledger_entries",
    "Purchases": "purchase_invoices",
    "Sales": "sales_invoices",
    "Settings": "tax_profiles",
}


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    subject: str
    verdict: Verdict
    detail: str
    heals_by_sign_in: bool = False
    error_code: str | None = None
    """Of the catalogue of errors."""

    def to_json(self) -> dict[str, str | None]:
        return {
            "subject": self.subject,
            "verdict": self.verdict,
            "detail": self.detail,
            "error_code": self.error_code,
        }


def examine(connection: str | None, warehouse: Warehouse) -> Iterator[Finding]:
    """Look at everything in the order in which it must work; stops at what makes the rest moot."""
    yield _destination(warehouse)
    try:
        settings = load_settings(connection)
        vault = open_connection(settings, warehouse)
        yield Finding("settings", "ok", f"connection {settings.connection}, {settings.base_url}")
        tokens = _tokens(vault)
        yield tokens
        if tokens.verdict == "failed":
            return
        with SageClient(settings, SageAuth(vault)) as client:
            yield _clock(client)
            yield from _businesses(client, vault)
    except SageError as error:
        is_sign_in = isinstance(error, ReauthorisationError)
        yield Finding(_subject(error), "failed", error.coded, is_sign_in, error.error_code)


def _destination(warehouse: Warehouse) -> Finding:
    """Whether the file is writable and free, or the server or lake answers."""
    name = str(warehouse.destination.destination_name)
    try:
        warehouse.check_writable()
        warehouse.wait_until_free(0)
        warehouse.tables(RAW_SCHEMA, (COLLECTION.name,))
    except Exception as error:  # noqa: BLE001 - drivers raise what they like
        failure = explain(error)
        detail = f"{failure.text} ({failure.error_code})"
        return Finding("destination", "failed", detail, error_code=failure.error_code)
    detail = f"{warehouse.path} is writable and free" if warehouse.path else f"{name} answers"
    return Finding("destination", "ok", detail)


def _tokens(vault: Vault) -> Finding:
    status = vault.status()
    until = status.refresh_expires_at
    detail = f"generation {status.generation}, good until {until or 'unknown'}"
    if status.state != "ok":
        cure = f"sage-elt connect --connection {vault.connection}"
        detail = f"{status.state}: a person must sign in. Run: {cure}"
        return Finding("tokens", "failed", detail, heals_by_sign_in=True)
    return Finding("tokens", "warning" if status.expires_soon else "ok", detail)


def _clock(client: SageClient) -> Finding:
    theirs = client.get_account(COLLECTION.path, {}, read=_moment)
    off_s = abs((datetime.now(UTC) - theirs).total_seconds())
    detail = f"Sage answers; clocks differ by {off_s:.0f} s"
    if off_s > MOST_CLOCK_DIFFERENCE_S:
        return Finding("clock", "warning", f"{detail}; set this machine's clock by NTP")
    return Finding("clock", "ok", detail)


def _businesses(client: SageClient, vault: Vault) -> Iterator[Finding]:
    found = list_businesses(client, Decoder(COLLECTION))
    for business in choose(found, (), vault.selection()):
        yield _permissions(client, business)


def _permissions(client: SageClient, business: Business) -> Finding:
    """Ask one record of one list in each area of Sage."""
    missing = []
    for area, name in AREAS.items():
        collection = load_catalogue()[name]
        try:
            client.get(
                collection.path,
                {"items_per_page": "1"},
                business_id=business.id,
                resource=name,
                read=_moment,
            )
        except ResourceUnavailableError:
            missing.append(area)
        except SubscriptionEndedError as error:
            subject = f"business {business.id}"
            return Finding(subject, "failed", error.coded, error_code=error.error_code)
    if missing:
        detail = f"no role in {', '.join(missing)}; those lists are left out"
        return Finding(f"business {business.id}", "warning", detail)
    return Finding(f"business {business.id}", "ok", f"{business.country}, all areas readable")


def _moment(answer: Answer) -> datetime:
    return answer.sent_at


def _subject(error: SageError) -> str:
    return type(error).__name__.removesuffix("Error")
