"""One write: a body for one record of one business, and the exact bytes that are sent for it."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from sage_accounting.catalogue import Collection, Method, load_catalogue

Json: TypeAlias = "str | int | bool | Decimal | list[Json] | dict[str, Json] | None"
"""JSON as ``json.loads(text, parse_float=Decimal)`` gives it."""
Body: TypeAlias = Mapping[str, Json]

_NAMESPACE = uuid.UUID("6d1fc1c1-7d0f-5c0a-9f4e-2a5b8f5b6a11")
"""Of idempotency ids; never changes, or a line pushed again would be another one to Sage."""


@dataclass(frozen=True)
class Write:
    """What is written, before it is sent."""

    key: str
    """The caller's own; used once for ever."""
    business_id: str
    resource: str
    body: Body
    """Without the namespace."""
    content_hash: str
    """Of the line as the caller wrote it: the same key with another hash is a mistake."""
    line: int = 0
    """In the file, from 1."""
    method: Method = "POST"
    record_id: str | None = None
    """Of the record that a PUT changes; None for a POST and for settings, of which there is one."""
    updated_at: str | None = None
    """Of a PUT: the ``updated_at`` of the record that the caller has seen."""

    @property
    def collection(self) -> Collection:
        return load_catalogue()[self.resource]

    @property
    def path(self) -> str:
        return self.collection.path + (f"/{self.record_id}" if self.record_id else "")

    @property
    def is_serial(self) -> bool:
        """Numbered by Sage in sequence: never two creations at the same time in one business."""
        return self.method == "POST" and self.collection.serial

    @property
    def is_idempotent(self) -> bool:
        """Whether a repeat with the same idempotency id creates nothing.

        Sage's page lists resources, not methods; that it holds for PUT is known at second hand only,
        so a repeated PUT looks at the record first.
        """
        return self.collection.idempotent

    def sent(self, idempotency_id: str) -> bytes:
        """The request's body: the same bytes on every attempt."""
        collection = self.collection
        namespace = collection.put_namespace if self.method == "PUT" else collection.post_namespace
        fields = dict(self.body)
        if self.is_idempotent:
            fields["idempotency_id"] = idempotency_id
        return json_text({namespace or "": fields}).encode()


def idempotency_id(write: Write) -> str:
    """32 hexadecimal digits that name this write to Sage.

    Derived from what is sent and nothing else. So a worker that lost its outbox derives it again,
    and Sage recognises the repeat.
    """
    parts = [write.business_id, write.method, write.path, write.key, json_text(write.body)]
    return uuid.uuid5(_NAMESPACE, "\x1f".join(parts)).hex


def canonical(value: Json) -> str:
    """The SHA-256 of JSON whose order of keys, white space and spelling of numbers do not matter."""
    return hashlib.sha256(json_text(_plain(value), sort_keys=True).encode()).hexdigest()


def json_text(value: Json | Body, *, sort_keys: bool = False) -> str:
    """JSON with every Decimal as the number that it is, digit by digit: no float in between."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        items = sorted(value.items()) if sort_keys else value.items()
        inner = (f"{json.dumps(k)}: {json_text(v, sort_keys=sort_keys)}" for k, v in items)
        return "{" + ", ".join(inner) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(json_text(each, sort_keys=sort_keys) for each in value) + "]"
    return json.dumps(value)


def _plain(value: Json) -> Json:
    """Numbers in one spelling: 10, 10.0 and 10.00 are the same amount."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, Decimal) and value.is_finite():
        return value.normalize()
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value).normalize()
    return value
