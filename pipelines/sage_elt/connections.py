"""A connection: one authorised Sage user, its businesses, and how its syncs went."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import dlt

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
from sage_accounting.tokens import SageAuth, TokenStatus, Vault, open_vault
from sage_elt.jobs import books_pipeline
from sage_elt.warehouse import RAW_SCHEMA, Warehouse, WarehouseBusyError


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


def status_of(settings: Settings, warehouse: Warehouse, vault: Vault) -> dict[str, Any]:
    """Token state, and per business and resource: cursor, rows, last success, last error.

    Asks Sage nothing. Rows and names come from the warehouse and are null while it is held.
    """
    pipeline = books_pipeline(warehouse, settings.connection)
    resources = _resource_states(pipeline)
    selected = vault.selection()
    ids = dict.fromkeys([*selected, *(i for state in resources.values() for i in state)])
    names = _names(warehouse)
    counts = _counts(warehouse, resources)
    return {
        "connection": settings.connection,
        "token": _token(vault.status()),
        "businesses": [
            {
                "id": business_id,
                "name": names.get(business_id, (None, None))[0],
                "country": names.get(business_id, (None, None))[1],
                "selected": business_id in selected,
                "resources": {
                    name: {
                        "cursor": state[business_id].get("since"),
                        "rows": counts.get((name, business_id), 0) if counts is not None else None,
                        "last_success": state[business_id].get("last_success"),
                        "last_error": state[business_id].get("last_error"),
                    }
                    for name, state in sorted(resources.items())
                    if business_id in state
                },
            }
            for business_id in ids
        ],
    }


def _token(status: TokenStatus) -> dict[str, Any]:
    found = asdict(status)
    expires = status.refresh_expires_at
    return {
        "state": found["state"],
        "generation": found["generation"],
        "refresh_expires_at": expires.isoformat() if expires else None,
    }


def _resource_states(pipeline: dlt.Pipeline) -> dict[str, dict[str, dict[str, Any]]]:
    source = pipeline.state.get("sources", {}).get("sage_accounting", {})
    found = source.get("resources", {})
    return {name: state.get("businesses", {}) for name, state in found.items()}


def _counts(warehouse: Warehouse, resources: Iterable[str]) -> dict[tuple[str, str], int] | None:
    """Records by resource and business; None while another process writes to the file."""
    try:
        present = warehouse.tables(RAW_SCHEMA)
        counted = [
            f'SELECT \'{name}\', business_id, count(*) FROM "{RAW_SCHEMA}"."{name}" GROUP BY ALL'
            for name in resources
            if name in present
        ]
        rows = warehouse.rows(" UNION ALL ".join(counted)) if counted else []
    except WarehouseBusyError:
        return None
    return {(row[0], row[1]): row[2] for row in rows}


def _names(warehouse: Warehouse) -> dict[str, tuple[str | None, str | None]]:
    try:
        columns = warehouse.tables(RAW_SCHEMA).get("businesses", ())
        country = "country__id" if "country__id" in columns else "country"
        if not {"id", "name", country} <= set(columns):
            return {}
        rows = warehouse.rows(f'SELECT id, name, {country} FROM "{RAW_SCHEMA}".businesses')
    except WarehouseBusyError:
        return {}
    return {row[0]: (row[1], row[2]) for row in rows}
