"""The named moments of a refresh and of a save, in the order in which they pass.

A crash test hands a :data:`Steps` callable to :func:`sage_accounting.tokens.open_vault` and ends the
process at the step of its choice. Nothing else depends on them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

Step = Literal[
    "before_send",
    "sent",
    "answered",
    "before_journal",
    "journal_written",
    "journal_synced",
    "before_state",
    "state_saved",
    "extracted",
    "normalized",
    "loaded",
    "pruned",
    "before_compaction",
    "compaction_written",
    "compacted",
]
Steps = Callable[[Step], None]


def no_steps(_step: Step) -> None:
    """The steps of everyday use: nothing happens."""
