"""The settings of section ``sources.sage_accounting``, resolved once by dlt into a frozen record.

dlt looks each key up in the environment (``SOURCES__SAGE_ACCOUNTING__CLIENT_ID``), then in
``.dlt/secrets.toml`` and ``.dlt/config.toml``. Everything else in this package receives a
:class:`Settings` and reads no configuration of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import urlsplit

from dlt.common.configuration import configspec, resolve_configuration
from dlt.common.configuration.exceptions import ConfigFieldMissingException
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.typing import TSecretStrValue

from sage_accounting.errors import ConfigurationError

SECTION = "sources", "sage_accounting"
PREFIX = "SOURCES__SAGE_ACCOUNTING__"


@configspec
class _Spec(BaseConfiguration):
    client_id: TSecretStrValue | None = None
    client_secret: TSecretStrValue | None = None
    token_key: TSecretStrValue | None = None
    base_url: str = "https://api.accounting.sage.com/v3.1"
    token_url: str = "https://oauth.accounting.sage.com/token"  # noqa: S105
    revoke_url: str = "https://oauth.accounting.sage.com/revoke"
    authorize_url: str = "https://www.sageone.com/oauth2/auth/central"
    redirect_uri: str = "http://localhost:8765/callback"
    requests_per_minute: int = 100
    requests_per_day: int = 0
    app_requests_per_minute: int = 0
    app_requests_per_day: int = 0
    concurrency: int = 16
    connection: str = "default"

    __section__: ClassVar[str] = "sage_accounting"
    __recommended_sections__: ClassVar[tuple[str, ...]] = SECTION


@dataclass(frozen=True)
class Settings:
    """One connection's settings. Secrets are left out of ``repr``."""

    base_url: str
    token_url: str
    revoke_url: str
    authorize_url: str
    redirect_uri: str
    requests_per_minute: int
    """Per business; 0 = unlimited."""
    requests_per_day: int
    """Per business; 0 = unlimited."""
    app_requests_per_minute: int
    """Of all businesses of the application together; 0 = unlimited."""
    app_requests_per_day: int
    """Likewise."""
    concurrency: int
    """Parallel requests of this process."""
    connection: str
    """Name of the authorised Sage user."""
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    token_keys: tuple[str, ...] = field(repr=False)
    """Fernet keys: the first encrypts, all decrypt."""


_TOKEN_KEY_HELP = (
    f"Make one with: python -c 'from cryptography.fernet import Fernet; "
    f"print(Fernet.generate_key().decode())' and set it as {PREFIX}TOKEN_KEY or as token_key under "
    "[sources.sage_accounting] in .dlt/secrets.toml. Keep it: without it the stored tokens are unreadable."
)


def load_settings(connection: str | None = None) -> Settings:
    """Resolve the settings, with ``connection`` overriding the configured name.

    Raises :class:`ConfigurationError` that names the missing or wrong key and how to set it.
    """
    try:
        spec = resolve_configuration(_Spec(), sections=SECTION, accept_partial=False)
    except ConfigFieldMissingException as error:  # pragma: no cover - every field has a default
        raise ConfigurationError(f"Settings of sage_accounting are incomplete: {error}") from error
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            f"A setting in section sources.sage_accounting has the wrong type ({error}). Nothing was "
            "sent to Sage. Correct it in the environment or in .dlt/config.toml."
        ) from error
    for key in ("client_id", "client_secret"):
        if not getattr(spec, key):
            raise ConfigurationError(
                f"The setting {key} of the registered Sage application is missing, so nothing was sent "
                f"to Sage. Set {PREFIX}{key.upper()} or {key} under [sources.sage_accounting] in "
                ".dlt/secrets.toml; developer.sage.com lists both on the application's page.",
                error_code="setting-missing",
            )
    keys = tuple(part.strip() for part in str(spec.token_key or "").split(",") if part.strip())
    if not keys:
        raise ConfigurationError(
            "The setting token_key is missing, so tokens could not be stored safely and nothing was "
            f"sent to Sage. {_TOKEN_KEY_HELP}",
            error_code="token-key-missing",
        )
    return Settings(
        base_url=_url("base_url", spec.base_url),
        token_url=_url("token_url", spec.token_url),
        revoke_url=_url("revoke_url", spec.revoke_url),
        authorize_url=_url("authorize_url", spec.authorize_url),
        redirect_uri=_url("redirect_uri", spec.redirect_uri),
        requests_per_minute=_count("requests_per_minute", spec.requests_per_minute),
        requests_per_day=_count("requests_per_day", spec.requests_per_day),
        app_requests_per_minute=_count("app_requests_per_minute", spec.app_requests_per_minute),
        app_requests_per_day=_count("app_requests_per_day", spec.app_requests_per_day),
        concurrency=max(1, _count("concurrency", spec.concurrency)),
        connection=_name(connection or spec.connection),
        client_id=str(spec.client_id),
        client_secret=str(spec.client_secret),
        token_keys=keys,
    )


def _url(key: str, value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ConfigurationError(
            f"The setting {key} is not an http(s) address ({value!r}), so nothing was sent to Sage. "
            f"Correct {PREFIX}{key.upper()} or remove it to use Sage's own."
        )
    return value.rstrip("/")


def _count(key: str, value: int) -> int:
    if value < 0:
        raise ConfigurationError(
            f"The setting {key} is {value}; it must be 0 (unlimited) or more. Nothing was sent to Sage. "
            f"Correct {PREFIX}{key.upper()}."
        )
    return value


def _name(connection: str) -> str:
    if not connection.replace("_", "").replace("-", "").isalnum() or len(connection) > 40:
        raise ConfigurationError(
            f"The connection name {connection!r} is not usable: letters, digits, - and _ only, at most "
            "40 characters, because it names folders and a pipeline. Choose another with --connection."
        )
    return connection
