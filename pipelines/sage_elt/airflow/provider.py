"""What Airflow learns of us at its start, by the entry point ``apache_airflow_provider``."""

from __future__ import annotations

from typing import Any

_OPTIONAL_TEXT = {"type": ["string", "null"]}
_OPTIONAL_NUMBER = {"type": ["integer", "null"], "minimum": 0}


def get_provider_info() -> dict[str, Any]:
    """The connection type ``sage_accounting`` and its form; login and password are the application's."""
    return {
        "package-name": "sage-elt",
        "name": "Sage Accounting",
        "description": "Sage Accounting (API v3.1) into a warehouse, tied out to the cent.",
        "connection-types": [
            {
                "connection-type": "sage_accounting",
                "hook-class-name": "sage_elt.airflow.hook.SageAccountingHook",
                "hook-name": "Sage Accounting",
                "ui-field-behaviour": {
                    "hidden-fields": ["host", "port", "schema"],
                    "relabeling": {"login": "Client id", "password": "Client secret"},
                    "placeholders": {"login": "of the application at developer.sage.com"},
                },
                "conn-fields": _FIELDS,
            }
        ],
    }


_FIELDS: dict[str, Any] = {
    "token_key": {
        "label": "Token key",
        "description": "Encrypts the stored tokens. Several, separated by commas: the first encrypts.",
        "schema": {**_OPTIONAL_TEXT, "format": "password"},
    },
    "requests_per_minute": {
        "label": "Requests per minute",
        "description": "Of each business; 0 = unlimited. Counted by each worker machine for itself.",
        "schema": {**_OPTIONAL_NUMBER, "default": 100},
    },
    "requests_per_day": {
        "label": "Requests per day",
        "description": "Of each business; 0 = unlimited.",
        "schema": _OPTIONAL_NUMBER,
    },
    "app_requests_per_minute": {
        "label": "Requests per minute, application",
        "description": "Of all businesses together; 0 = unlimited.",
        "schema": _OPTIONAL_NUMBER,
    },
    "app_requests_per_day": {
        "label": "Requests per day, application",
        "description": "Of all businesses together; 0 = unlimited.",
        "schema": _OPTIONAL_NUMBER,
    },
    "concurrency": {
        "label": "Parallel requests",
        "description": "Of one task.",
        "schema": {**_OPTIONAL_NUMBER, "minimum": 1},
    },
    "base_url": {
        "label": "Base URL",
        "description": "Of the API, when it is not Sage's own.",
        "schema": _OPTIONAL_TEXT,
    },
    "token_url": {"label": "Token URL", "schema": _OPTIONAL_TEXT},
    "revoke_url": {"label": "Revoke URL", "schema": _OPTIONAL_TEXT},
}
