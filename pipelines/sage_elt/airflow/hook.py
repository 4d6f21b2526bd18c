"""The hook behind Airflow's connection type ``sage_accounting``."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseHook

from sage_elt.airflow.job import SAGE_CONNECTION
from sage_elt.airflow.settings import sage_settings


class SageAccountingHook(BaseHook):
    """The settings that a connection holds; its form is described in :mod:`sage_elt.airflow.provider`."""

    conn_name_attr = "sage_conn_id"
    default_conn_name = SAGE_CONNECTION
    conn_type = "sage_accounting"
    hook_name = "Sage Accounting"

    def __init__(self, sage_conn_id: str = SAGE_CONNECTION) -> None:
        super().__init__()
        self.sage_conn_id = sage_conn_id

    def get_conn(self) -> dict[str, Any]:
        """Our settings, by key. They hold secrets: not for XCom."""
        return sage_settings(self.get_connection(self.sage_conn_id))

    def test_connection(self) -> tuple[bool, str]:
        """Whether the connection holds what a sync can not do without. Sage is asked nothing."""
        needed = ("client_id", "client_secret", "token_key")
        missing = [key for key in needed if key not in self.get_conn()]
        if missing:
            return False, f"Missing: {', '.join(missing)}."
        return True, "Complete. Whether Sage accepts it: sage-elt doctor."
