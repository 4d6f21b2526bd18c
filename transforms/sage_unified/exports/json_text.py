"""JSON whose amounts are exact: a Decimal is written digit by digit, never through a float."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal


def json_text(value: object, indent: str = "") -> str:
    """``value`` (mappings, lists, text, whole numbers, flags, Decimal, None) as indented JSON."""
    inner = f"{indent}  "
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Mapping):
        members = [f"{inner}{json.dumps(str(k))}: {json_text(v, inner)}" for k, v in value.items()]
        return "{\n" + ",\n".join(members) + f"\n{indent}}}" if members else "{}"
    if isinstance(value, list | tuple):
        items = [f"{inner}{json_text(item, inner)}" for item in value]
        return "[\n" + ",\n".join(items) + f"\n{indent}]" if items else "[]"
    return json.dumps(value, ensure_ascii=False)
