"""A connection: one authorised Sage user and its businesses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sage_accounting.businesses import (
    COLLECTION,
    Business,
    choose,
    lead_business_id,
    list_businesses,
)
from sage_accounting.client import SageClient
from sage_accounting.decode import Decoder
from sage_accounting.settings import Settings
from sage_accounting.tokens import SageAuth, Vault, open_vault
from sage_elt.jobs.syncing import books_pipeline
from sage_elt.warehouse import Warehouse


@dataclass(frozen=True)
class ListedBusiness:
    """One business as ``sage-elt businesses`` shows it."""

    id: str
    name: str
    country: str
    is_selected: bool
    is_lead: bool

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "country": self.country,
            "selected": self.is_selected,
            "lead": self.is_lead,
        }


def open_connection(settings: Settings, warehouse: Warehouse) -> Vault:
    """The connection's vault, beside the warehouse's destination."""
    pipelines_dir = books_pipeline(warehouse, settings.connection).pipelines_dir
    return open_vault(settings, destination=warehouse.destination, pipelines_dir=pipelines_dir)


def list_connection(settings: Settings, vault: Vault) -> list[ListedBusiness]:
    """All businesses of the connection, asked from Sage."""
    selected = set(vault.selection())
    with SageClient(settings, SageAuth(vault)) as client:
        found = list_businesses(client, Decoder(COLLECTION))
        lead = lead_business_id(client)
    return [ListedBusiness(b.id, b.name, b.country, b.id in selected, b.id == lead) for b in found]


def select(settings: Settings, vault: Vault, ids: Sequence[str] | None) -> list[Business]:
    """Store which businesses syncs read; None = all that the connection has now."""
    with SageClient(settings, SageAuth(vault)) as client:
        found = list_businesses(client, Decoder(COLLECTION))
    chosen = choose(found, ids if ids is not None else [b.id for b in found], ())
    vault.select([business.id for business in chosen])
    vault.save_to_destination()
    return chosen


def chosen(settings: Settings, vault: Vault, asked: Sequence[str] = ()) -> list[Business]:
    """The businesses that a sync reads: those asked for, else those selected, else the only one.

    Raises :class:`sage_accounting.errors.BusinessSelectionError` when that is not clear.
    """
    with SageClient(settings, SageAuth(vault)) as client:
        return choose(list_businesses(client, Decoder(COLLECTION)), asked, vault.selection())
