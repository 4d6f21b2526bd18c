"""The body of a POST or PUT: its namespace, its required fields, its references to other records."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

from sage_sandbox.answers import invalid
from sage_sandbox.collections import Endpoint
from sage_sandbox.records import stub_of
from sage_sandbox.store import Business, Record


def fields_of(body: bytes, namespace: str) -> Record:
    """The fields inside the namespace; numbers as Decimal. Raises a 422 refusal."""
    try:
        content = json.loads(body, parse_float=Decimal)
    except ValueError:
        raise invalid("The body is no JSON.", "base") from None
    fields = content.get(namespace) if isinstance(content, dict) else None
    if not isinstance(fields, dict):
        raise invalid("The body has not its namespace.", namespace)
    return fields


def require(endpoint: Endpoint, fields: Record) -> None:
    """Raises a 422 refusal that names each required field that is missing."""
    missing = [name for name in endpoint.required if fields.get(name) in (None, "", [])]
    if missing:
        raise invalid("This field is required.", *missing)


def resolved(business: Business, value: Any, source: str = "") -> Any:
    """Fields as a record holds them: ``contact_id`` becomes ``contact``, with id, name and path.

    ``…_ids`` become lists of such stubs. An id whose list the business does not have stays as it is;
    one that its list does not hold raises a 422 refusal.
    """
    if isinstance(value, list):
        return [resolved(business, inner, source) for inner in value]
    if not isinstance(value, dict):
        return value
    result: Record = {}
    for name, inner in value.items():
        here = f"{source}.{name}" if source else name
        base, _, ending = name.rpartition("_")
        held = _list_of(business, base) if ending in ("id", "ids") else None
        if held is None or inner is None:
            result[name] = resolved(business, inner, here)
        elif ending == "id":
            result[base] = _stub(held, inner, here)
        else:
            result[_plural(base)] = [_stub(held, each, here) for each in inner]
    return result


def _stub(held: dict[str, Record], record_id: str, source: str) -> Record:
    if record_id not in held:
        raise invalid("This record does not exist.", source)
    return stub_of(held[record_id])


def _list_of(business: Business, base: str) -> dict[str, Record] | None:
    """The records that ``base`` names one of: ``from_bank_account`` one of ``bank_accounts``."""
    words = base.split("_")
    for start in range(len(words)):
        held = business.collections.get(_plural("_".join(words[start:])))
        if held is not None:
            return held.live
    return None


def _plural(name: str) -> str:
    return re.sub("y$", "ie", name) + "s"
