"""Looking for a record before it is sent again: was it there all along, who changed it meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from sage_accounting.catalogue import load_catalogue
from sage_accounting.client import Answer, MalformedBodyError, SageClient
from sage_accounting.outbox_rows import Claim
from sage_accounting.writes.write import Body

NAMED_BY: Final = ("reference", "vendor_reference", "name", "code", "file_name", "item_code")
"""Fields that tell records of one collection apart; a body without any can not be looked for."""
_ALSO: Final = ("contact_id", "date", "ledger_account_id", "bank_account_id", "total_amount")
"""Further fields that must agree where both sides have them."""
_SLACK = timedelta(minutes=5)
"""For clocks that differ."""
_PAGE: Final = 200


@dataclass(frozen=True)
class Found:
    """Records that the write may have made."""

    ids: tuple[str, ...]
    """Several: it can not be told which."""
    is_certain: bool
    """False: nothing in the body tells the record apart from others."""


def find_created(client: SageClient, claim: Claim, body: Body) -> Found:
    """Records like the body that were created since the first attempt."""
    if not any(body.get(name) for name in NAMED_BY):
        return Found((), is_certain=False)
    since = (claim.first_attempt_at or datetime.now(UTC)) - _SLACK
    records = _created_since(client, claim, since)
    ids = dict.fromkeys(str(r.get("id")) for r in records if _is_like(r, body))
    return Found(tuple(ids), is_certain=True)


def read_record(client: SageClient, claim: Claim) -> Mapping[str, Any]:
    """The record that a PUT changes, as it is now."""
    collection = load_catalogue()[claim.resource]
    path = collection.path + (f"/{claim.record_id}" if claim.record_id else "")
    return client.get(
        path,
        collection.item_parameters,
        business_id=claim.business_id,
        resource=claim.resource,
        read=read_object,
    )


def shows(record: Mapping[str, Any], body: Body) -> bool:
    """Whether a record certainly has every value of a body: a PUT of it was carried out.

    Lists are not compared: Sage may answer with more than was sent. So a body with one never is certain.
    """
    for name, value in body.items():
        found = _value_of(record, name)
        if isinstance(value, dict):
            is_shown = isinstance(found, dict) and shows(found, value)
        else:
            is_shown = not isinstance(value, list) and _same(found, value)
        if not is_shown:
            return False
    return bool(body)


def same_moment(one: object, other: object) -> bool:
    """Whether two times are the same, however they are spelled."""
    try:
        return _moment(one) == _moment(other)
    except ValueError:
        return one == other


def read_object(answer: Answer) -> Mapping[str, Any]:
    """The one object of an answer. Raises :class:`MalformedBodyError` for a cut one."""
    try:
        record = json.loads(answer.body, parse_float=Decimal)
    except ValueError as error:
        raise MalformedBodyError(type(error).__name__) from error
    if not isinstance(record, dict):
        raise MalformedBodyError("no object")
    return record


def _created_since(
    client: SageClient, claim: Claim, since: datetime
) -> Iterator[Mapping[str, Any]]:
    collection = load_catalogue()[claim.resource]
    wanted = {
        "attributes": "all",
        "items_per_page": str(_PAGE),
        "updated_or_created_since": since.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    asked = {name: value for name, value in wanted.items() if name in collection.parameters}
    page, is_last = 1, False
    while not is_last:
        answer = client.get(
            collection.path,
            {**asked, "page": str(page)},
            business_id=claim.business_id,
            resource=claim.resource,
            read=read_object,
        )
        for record in answer.get("$items") or ():
            created = record.get("created_at")
            # a collection without times is compared by its fields alone
            if not created or _moment(created) >= since:
                yield record
        is_last = not answer.get("$next")  # a page past the end is the last page again
        page += 1


def _is_like(record: Mapping[str, Any], body: Body) -> bool:
    named = [name for name in NAMED_BY if body.get(name)]
    also = [n for n in _ALSO if body.get(n) is not None and _value_of(record, n) is not None]
    return all(_same(_value_of(record, name), body[name]) for name in (*named, *also))


def _value_of(record: Mapping[str, Any], name: str) -> Any:
    """``contact_id`` of a body is ``contact.id`` of a record."""
    if name not in record and name.endswith("_id"):
        inner = record.get(name.removesuffix("_id"))
        return inner.get("id") if isinstance(inner, dict) else None
    return record.get(name)


def _same(one: object, other: object) -> bool:
    if one in (None, "") or other in (None, ""):
        return one in (None, "") and other in (None, "")
    if isinstance(one, bool) or isinstance(other, bool):
        return str(one).lower() == str(other).lower()
    try:
        return Decimal(str(one)) == Decimal(str(other))
    except InvalidOperation:
        return str(one) == str(other)


def _moment(value: object) -> datetime:
    moment = datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
