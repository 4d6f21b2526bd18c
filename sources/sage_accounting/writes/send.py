"""Sending one claimed row until its fate is known, or until it can not be known now."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sage_accounting import errors
from sage_accounting.catalogue import load_catalogue
from sage_accounting.client import NotYet, SageClient
from sage_accounting.errors import Complaint
from sage_accounting.outbox import Outbox
from sage_accounting.outbox_rows import Claim, State
from sage_accounting.writes.look_up import (
    find_created,
    read_object,
    read_record,
    same_moment,
    shows,
)
from sage_accounting.writes.write import Body

logger = logging.getLogger(__name__)

QUIET_S = 2.0
"""After an attempt without an answer, before a record is looked for."""
CONFLICT = 409
"""What Sage means by it is not known: the line stays pending, for the next push to find out."""


@dataclass(frozen=True)
class Fate:
    """What became of a row."""

    state: State
    sage_id: str | None = None
    error: str | None = None
    complaints: tuple[Complaint, ...] = ()
    """Of a refusal by Sage: the fields at fault."""


def send(client: SageClient, outbox: Outbox, claim: Claim) -> Fate:
    """Send a row and store its fate.

    Raises what stops all of them (``ReauthorisationError``, ``BudgetExhaustedError``, …); the row is
    then pending again.
    """
    fate = Fate("pending", error="interrupted before its fate was known; push it again")
    try:
        fate = _attempts(client, outbox, claim)
    except (errors.ResourceUnavailableError, errors.RequestRejectedError) as error:
        fate = _refused(error)
    except errors.SubscriptionEndedError as error:
        fate = Fate("pending", error=str(error))
    except errors.SageUnreachableError:
        fate = Fate("pending", error=_UNREACHABLE)
    except errors.SageError as error:
        fate = Fate("pending", error=str(error))
        raise
    finally:
        outbox.settle(claim, fate.state, sage_id=fate.sage_id, error=fate.error)
    return fate


def _attempts(client: SageClient, outbox: Outbox, claim: Claim) -> Fate:
    call = client.write(
        claim.method,
        load_catalogue()[claim.resource].path + (f"/{claim.record_id}" if claim.record_id else ""),
        claim.content,
        business_id=claim.business_id,
        resource=claim.resource,
        headers={"Idempotency-Key": claim.idempotency_id},
        read=read_object,
    )
    while True:
        known = _looked_up(client, outbox, claim)
        if known is not None:
            return known
        outbox.note_attempt(claim)
        try:
            record = call.attempt()
        except NotYet as later:
            time.sleep(later.wait_s)
            claim = replace(claim, attempts=claim.attempts + 1, last_attempt_at=datetime.now(UTC))
        except errors.RequestRejectedError as error:
            # what is refused now may have been taken before, when no answer came
            found = _found(client, claim) if claim.attempts and claim.method == "POST" else None
            return found or _refused(error)
        else:
            return _done(claim, record)


def _done(claim: Claim, record: Mapping[str, Any]) -> Fate:
    sage_id = str(record["id"]) if record.get("id") else claim.record_id
    if claim.attempts:
        return Fate("replayed", sage_id)
    return Fate("created" if claim.method == "POST" else "updated", sage_id)


def _looked_up(client: SageClient, outbox: Outbox, claim: Claim) -> Fate | None:
    """The fate as far as Sage's records tell it; None: send it."""
    if claim.method == "PUT":
        return _compared(read_record(client, claim), claim)
    is_recognised = load_catalogue()[claim.resource].idempotent and not claim.window_is_over
    if not claim.attempts or is_recognised:
        return None
    fate = _found(client, claim)
    if fate is None:
        outbox.note_absent(claim)
    return fate


def _found(client: SageClient, claim: Claim) -> Fate | None:
    """The fate by the records that an earlier attempt may have made; None: it made none."""
    _let_it_arrive(claim)
    try:
        found = find_created(client, claim, body_of(claim))
    except (errors.ResourceUnavailableError, errors.RequestRejectedError) as error:
        return Fate("pending", error=f"An earlier attempt got no answer, and: {error}")
    logger.info(
        "%s: looked for after an attempt without an answer, %d found", claim.key, len(found.ids),
        extra={"resource": claim.resource, "business_id": claim.business_id},
    )  # fmt: skip
    if len(found.ids) == 1:
        return Fate("replayed", found.ids[0])
    if found.ids or not found.is_certain:
        return Fate("pending", error=_undecided(found.ids))
    return None


def _let_it_arrive(claim: Claim) -> None:
    """A request whose sender died or gave up may still be on its way: do not look past it."""
    if claim.last_attempt_at is not None:
        passed_s = (datetime.now(UTC) - claim.last_attempt_at).total_seconds()
        time.sleep(min(max(0.0, QUIET_S - passed_s), QUIET_S))


def _compared(record: Mapping[str, Any], claim: Claim) -> Fate | None:
    # first: within the same second, a change does not show in updated_at
    if claim.attempts and shows(record, body_of(claim)):
        return Fate("replayed", claim.record_id)
    if same_moment(record.get("updated_at"), claim.updated_at):
        return None
    by = ", perhaps by an earlier attempt of this line" if claim.attempts else ""
    return Fate(
        "rejected",
        error=(
            f"The record was changed at {record.get('updated_at')}, after the {claim.updated_at} of "
            f"this line{by}. It was not overwritten. Read it anew, and push the change with a key of "
            "its own."
        ),
    )


def body_of(claim: Claim) -> Body:
    """The fields that are sent, without namespace and idempotency id."""
    (fields,) = json.loads(claim.content, parse_float=Decimal).values()
    return {name: value for name, value in fields.items() if name != "idempotency_id"}


def _undecided(ids: tuple[str, ...]) -> str:
    what = (
        f"Sage has several records like it ({', '.join(ids[:5])})"
        if ids
        else "nothing in the line tells its record apart (no reference or name)"
    )
    return (
        f"An earlier attempt got no answer, Sage does not recognise a repeat of it now, and {what}. So "
        "it was not sent again and may be in Sage. Look there; if it is missing, push it with another "
        "key."
    )


_UNREACHABLE = (
    "Sage gave no usable answer after all attempts. The record may be there or not; it is never sent "
    "as another one. Push the same file again when Sage is reachable."
)


def _refused(error: errors.SageResponseError) -> Fate:
    code = f", {error.code}" if error.code else ""
    said = f"status {error.status}{code}, request {error.place.request_id or 'unknown'}"
    if error.status == CONFLICT:
        return Fate("pending", error=f"Sage reports a conflict ({said}). Push the same file again.")
    if error.complaints:
        return Fate(
            "rejected",
            error=f"Sage refuses {_listed(error.complaints)} ({said}).",
            complaints=error.complaints,
        )
    if error.status in (403, 404):
        return Fate(
            "rejected",
            error=f"Sage does not offer this to the user, or the record is not there ({said}).",
        )
    return Fate("rejected", error=f"Sage refuses it ({said}).")


def _listed(complaints: tuple[Complaint, ...]) -> str:
    return "; ".join(f"{each.field or 'the record'}: {each.code}" for each in complaints)
