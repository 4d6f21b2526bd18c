"""Airflow 3: one task a business, on any executor, into one shared warehouse.

Needs the extra: ``pip install 'sage-elt[airflow,postgres]'``. How to set it up: ``docs/scheduling.md``.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sage_elt.airflow.dag import sage_dag

if find_spec("airflow") is None:
    raise ImportError(
        "Airflow is not installed, so there is nothing that could run sage_elt.airflow. Nothing "
        "changed. Install it with: pip install 'sage-elt[airflow,postgres]'. Without Airflow, schedule "
        "the command sage-elt run."
    )

__all__ = ["sage_dag"]


def __getattr__(name: str) -> Any:
    """``sage_dag``, imported when asked for: Airflow asks this package what it provides while it starts."""
    if name == "sage_dag":
        from sage_elt.airflow.dag import sage_dag

        return sage_dag
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
