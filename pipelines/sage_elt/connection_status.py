"""How a connection stands: its sign-in, its businesses, and how far each resource was read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from typing import Any

import polars as pl
from dlt.common.versioned_state import decompress_state

from sage_accounting.settings import Settings
from sage_accounting.tokens import TokenStatus, Vault
from sage_elt.jobs.syncing import apart_prefix, books_pipeline
from sage_elt.warehouse import RAW_SCHEMA, Warehouse, WarehouseBusyError


def status_of(settings: Settings, warehouse: Warehouse, vault: Vault) -> dict[str, Any]:
    """Token state, and per business and resource: cursor, rows, last success, last error.

    Asks Sage nothing. Rows and names come from the warehouse and are null while it is held.
    """
    states = [books_pipeline(warehouse, settings.connection).state]
    resources = _resource_states([*states, *_states_apart(warehouse, settings.connection)])
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


def _resource_states(
    states: Iterable[Mapping[str, Any]],
) -> dict[str, dict[str, dict[str, Any]]]:
    """Progress by resource and business; of several pipelines that read a business, the latest."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for state in states:
        resources = state.get("sources", {}).get("sage_accounting", {}).get("resources", {})
        for name, resource in resources.items():
            businesses = found.setdefault(name, {})
            for business_id, progress in resource.get("businesses", {}).items():
                known = businesses.get(business_id, {})
                if (progress.get("last_success") or "") >= (known.get("last_success") or ""):
                    businesses[business_id] = progress
    return found


def _states_apart(warehouse: Warehouse, connection: str) -> list[Mapping[str, Any]]:
    """What the pipelines of single businesses stored in the warehouse, wherever they ran."""
    states = {"_dlt_pipeline_state": ["pipeline_name", "state", "_dlt_load_id"]}
    try:
        tables = warehouse.frames(RAW_SCHEMA, {**states, "_dlt_loads": ["load_id", "status"]})
    except WarehouseBusyError:
        return []
    if tables.keys() != {"_dlt_pipeline_state", "_dlt_loads"}:
        return []
    complete = tables["_dlt_loads"].filter(pl.col("status") == 0)
    stored = tables["_dlt_pipeline_state"].filter(
        pl.col("pipeline_name").str.starts_with(apart_prefix(connection))
    )
    newest = (
        stored.join(complete, left_on="_dlt_load_id", right_on="load_id", how="semi")
        .sort("_dlt_load_id")
        .unique("pipeline_name", keep="last")
    )
    return [decompress_state(text) for text in newest.collect()["state"]]


def _counts(warehouse: Warehouse, resources: Collection[str]) -> dict[tuple[str, str], int] | None:
    """Records by resource and business; None while another process writes to the file."""
    try:
        return warehouse.counts(RAW_SCHEMA, resources)
    except WarehouseBusyError:
        return None


def _names(warehouse: Warehouse) -> dict[str, tuple[str | None, str | None]]:
    """Name and country by business."""
    try:
        found = warehouse.frames(
            RAW_SCHEMA, {"businesses": ["id", "name", "country__id", "country"]}
        )
    except WarehouseBusyError:
        return {}
    rows = found["businesses"].collect() if "businesses" in found else pl.DataFrame()
    country = "country__id" if "country__id" in rows.columns else "country"
    if not {"id", "name", country} <= set(rows.columns):
        return {}
    return {row[0]: (row[1], row[2]) for row in rows.select("id", "name", country).rows()}
