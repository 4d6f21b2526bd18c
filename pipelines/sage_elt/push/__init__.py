"""Write back: a file of lines into Sage through the outbox."""

from sage_elt.push.books import Library
from sage_elt.push.job import LineFate, PushReport, bodies, push_plan
from sage_elt.push.plan import Plan, plan
from sage_elt.push.store import open_outbox

__all__ = [
    "Library",
    "LineFate",
    "Plan",
    "PushReport",
    "bodies",
    "open_outbox",
    "plan",
    "push_plan",
]
