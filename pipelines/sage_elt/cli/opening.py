"""Opening a connection for a command, with a word in time before a person must sign in again."""

from __future__ import annotations

from sage_accounting.settings import Settings, load_settings
from sage_accounting.tokens import Vault
from sage_elt import connections
from sage_elt.cli.console import warn
from sage_elt.warehouse import Warehouse


def open_connection(connection: str | None, warehouse: Warehouse) -> tuple[Settings, Vault]:
    """The connection's settings and vault; warns on stderr in the last 7 days of its sign-in."""
    settings = load_settings(connection)
    vault = connections.open_connection(settings, warehouse)
    warn_before_expiry(vault)
    return settings, vault


def warn_before_expiry(vault: Vault) -> None:
    """One line on stderr when fewer than 7 days are left."""
    status = vault.status()
    if status.state == "ok" and status.expires_soon:
        warn(
            f"the sign-in of connection {vault.connection} ends at "
            f"{status.refresh_expires_at:%Y-%m-%d %H:%M} UTC, unless a sync renews it before. "
            f"Run: sage-elt sync --connection {vault.connection}"
        )
