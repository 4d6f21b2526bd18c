"""Which businesses an authorised user has, and which of them are meant.

The lead business is never taken silently: with several businesses and no choice there is an error
that lists them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sage_accounting.catalogue import load_catalogue
from sage_accounting.client import Answer, SageClient
from sage_accounting.decode import Decoder, Page
from sage_accounting.errors import BusinessSelectionError

COLLECTION = load_catalogue()["businesses"]


@dataclass(frozen=True)
class Business:
    """One business of the authorised user."""

    id: str
    name: str
    country: str
    """ISO 3166 alpha-2; "" when Sage does not say."""
    is_active: bool
    """False when every subscription has ended."""
    page: Page
    """The page that holds its record, and the record's place there."""
    row: int


def list_businesses(client: SageClient, decoder: Decoder) -> list[Business]:
    """All businesses of the connection, in Sage's order.

    One request, and one more for each business of which the list tells no country.
    """
    page = client.get_account(COLLECTION.path, dict(COLLECTION.complete), read=decoder.read_page)
    return [
        _business(record, page, row)
        if record.get("country")
        else _read_one(client, decoder, str(record["id"]))
        for row, record in enumerate(page.items.to_pylist())
    ]


def lead_business_id(client: SageClient) -> str | None:
    """The id of the business that Sage would take for a request that names none."""

    def read(answer: Answer) -> Page:
        return Decoder(COLLECTION).read_page(_as_list(answer))

    ids = client.get_account("/businesses/lead", {}, read=read).items.field("id").to_pylist()
    return str(ids[0]) if ids else None


def choose(
    businesses: Sequence[Business], asked: Sequence[str], selected: Sequence[str]
) -> list[Business]:
    """Those asked for, else those selected before, else the only one.

    Raises :class:`BusinessSelectionError` when an id is unknown or nothing says which one is meant.
    """
    known = {business.id: business for business in businesses}
    wanted = list(dict.fromkeys(asked or selected))
    unknown = [business_id for business_id in wanted if business_id not in known]
    listed = ", ".join(f"{b.id} ({b.country or 'country unknown'})" for b in businesses) or "none"
    if unknown:
        raise BusinessSelectionError(
            f"This connection has no business {', '.join(unknown)}, so nothing was read. It has: "
            f"{listed}. Choose with --business or sage-elt businesses use; if the business is "
            "another user's, connect as that user under another --connection name.",
            error_code="business-unknown",
        )
    if not wanted and len(businesses) != 1:
        raise BusinessSelectionError(
            f"This connection has {len(businesses)} businesses and none is selected, so nothing was "
            f"read: {listed}. Select with: sage-elt businesses use ID ... (or --all)"
        )
    return [known[business_id] for business_id in wanted] or list(businesses)


def _read_one(client: SageClient, decoder: Decoder, business_id: str) -> Business:
    def read(answer: Answer) -> Page:
        return decoder.read_page(_as_list(answer))

    page = client.get_account(f"{COLLECTION.path}/{business_id}", {}, read=read)
    return _business(page.items[0].as_py(), page, 0)


def _as_list(answer: Answer) -> Answer:
    return Answer(b"[%s]" % answer.body, answer.place, answer.sent_at)


def _business(record: dict[str, Any], page: Page, row: int) -> Business:
    country = record.get("country")
    if isinstance(country, dict):
        country = country.get("id")
    subscriptions = record.get("subscriptions") or []
    return Business(
        id=str(record["id"]),
        name=str(record.get("name") or record.get("displayed_as") or ""),
        country=str(country or "").upper(),
        is_active=not subscriptions or any(s.get("active") is not False for s in subscriptions),
        page=page,
        row=row,
    )
