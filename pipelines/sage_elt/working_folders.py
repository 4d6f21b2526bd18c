"""dlt's working folder of a sync, kept to one destination.

A folder has the cursors of the destination that it loaded into last. With another one dlt would go on from
them and never read what that one lacks. So a folder that changes over is emptied, and the cursors come from
where the sync loads to. What waited to be loaded goes too: its cursors are in no destination yet, so the
next sync into the former one reads it again.
"""

from __future__ import annotations

from typing import Final

import dlt

from sage_elt.warehouse import Warehouse

PLACE: Final = "sage_elt_place"
"""The name under which dlt's local state, which never leaves the folder, keeps the destination."""


def keep_to_destination(pipeline: dlt.Pipeline, warehouse: Warehouse) -> None:
    """Empty the working folder when its cursors are those of another destination."""
    place = _place(warehouse)
    known = dict(pipeline.state["_local"]).get(PLACE)
    if known not in (None, place):
        pipeline.drop()
    if known != place:
        pipeline.set_local_state_val(PLACE, place)


def _place(warehouse: Warehouse) -> str:
    """The file, or the destination's name: where its credentials lead to is for dlt to know."""
    if warehouse.path is not None:
        return str(warehouse.path.resolve())
    return str(warehouse.destination.destination_name)
