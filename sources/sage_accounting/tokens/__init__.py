"""Access and refresh tokens: rotation, journal, recovery, authorisation."""

from sage_accounting.tokens.auth import SageAuth, expired_access_token
from sage_accounting.tokens.endpoint import TokenAnswer
from sage_accounting.tokens.vault import TokenStatus, Vault, open_vault

__all__ = [
    "SageAuth",
    "TokenAnswer",
    "TokenStatus",
    "Vault",
    "expired_access_token",
    "open_vault",
]
