"""The jobs behind the commands: sync, transform, check. They arrange; they know no accounting."""

from sage_elt.jobs.checking import check
from sage_elt.jobs.syncing import (
    DEMO_CONNECTION,
    SyncRequest,
    apart_prefix,
    books_pipeline,
    sync,
)
from sage_elt.jobs.transforming import transform

__all__ = [
    "DEMO_CONNECTION",
    "SyncRequest",
    "apart_prefix",
    "books_pipeline",
    "check",
    "sync",
    "transform",
]
