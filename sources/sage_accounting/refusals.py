"""What a 4xx answer of Sage means, and what heals it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import httpx

from sage_accounting import errors
from sage_accounting.errors import Complaint, Place

_FIELD = re.compile(r"[A-Za-z_][\w.\[\]]{0,100}")


def refusal(response: httpx.Response, place: Place) -> errors.SageResponseError:
    """The error that says what a 4xx answer means and what heals it.

    Sage's ``$message`` is left out: it can quote a customer's data.
    """
    status, found = response.status_code, _SageError.of(response)
    said = f"status {status}" + (f", {_code(found.code)}" if found.code else "")
    if status == 401 and found.code == "AuthorizationFailure":
        return errors.SubscriptionEndedError(
            f"Sage refuses business {place.business_id} ({said}): it has no active subscription. Its "
            "data already loaded stays; the other businesses go on. Renew the subscription, or take "
            "the business out with: sage-elt businesses use",
            status=status, place=place, code=found.code,
        )  # fmt: skip
    if status == 401:
        return errors.AccessTokenError(
            f"Sage refuses the access token for {place} ({said}), also after one refresh. Nothing "
            "was loaded for it. Run sage-elt doctor; if it agrees, sign in again with: "
            "sage-elt connect",
            status=status, place=place, code=found.code,
        )  # fmt: skip
    if status in (403, 404):
        return errors.ResourceUnavailableError(
            f"Sage does not offer {place} to this user ({said}): the country or plan lacks it, or "
            "the user has no role for it. Rows already loaded stay as they are. Give the user the "
            "role in Sage if the data is wanted, or leave the resource out.",
            status=status, place=place, code=found.code, complaints=complaints(response),
        )  # fmt: skip
    field_named = f" at {found.source}" if found.source else ""
    return errors.RequestRejectedError(
        f"Sage rejects the request for {place} ({said}{field_named}). Nothing was loaded for it and "
        "its cursor stays. This is not healed by a repeat: report it with the request id.",
        status=status, place=place, code=found.code, complaints=complaints(response),
    )  # fmt: skip


def complaints(response: httpx.Response) -> tuple[Complaint, ...]:
    """Every error that an answer's body lists, with the field that it belongs to."""
    try:
        body = json.loads(response.content)
    except ValueError:
        return ()
    listed = [each for each in body if isinstance(each, dict)] if isinstance(body, list) else []
    return tuple(
        Complaint(_code(str(each.get("$dataCode") or "unknown")), _field(each.get("$source")))
        for each in listed
    )


def _field(source: object) -> str | None:
    is_name = isinstance(source, str) and source != "base" and _FIELD.fullmatch(source)
    return str(source) if is_name else None


@dataclass(frozen=True)
class _SageError:
    """The first error of an answer's body, in whichever of Sage's shapes it came."""

    code: str | None
    source: str | None

    @classmethod
    def of(cls, response: httpx.Response) -> _SageError:
        """Business errors are an array of objects, gateway errors one object, proxies send HTML."""
        try:
            body = json.loads(response.content)
        except ValueError:
            return cls(None, None)
        first = body[0] if isinstance(body, list) and body else body
        if not isinstance(first, dict):
            return cls(None, None)
        code = first.get("$dataCode") or first.get("error")
        source = first.get("$source")
        return cls(str(code) if code else None, str(source) if source else None)


def _code(code: str) -> str:
    """A short code is safe to show; a longer text could quote data."""
    return code if len(code) <= 60 and code.replace("_", "").isalnum() else "see Sage's log"
