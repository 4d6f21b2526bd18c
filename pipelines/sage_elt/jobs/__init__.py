"""The jobs behind the commands: sync, transform, check. They arrange; they know no accounting."""

from sage_elt.jobs.check import check
from sage_elt.jobs.sync import (
    DEMO_CONNECTION,
    SyncRequest,
    apart_prefix,
    books_pipeline,
    sync,
)
from sage_elt.jobs.transform import transform

__all__ = [
    "DEMO_CONNECTION",
    "SyncRequest",
    "apart_prefix",
    "books_pipeline",
    "check",
    "sync",
    "transform",
]
