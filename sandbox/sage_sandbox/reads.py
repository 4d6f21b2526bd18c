"""GET answers: pages of a list, one record, a settings record."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sage_sandbox.answers import Answer, Call, invalid, not_found
from sage_sandbox.collections import Endpoint
from sage_sandbox.filters import day
from sage_sandbox.query import Row, asked_of, parse_list, select
from sage_sandbox.state import MarkedAsSent, SandboxState, now
from sage_sandbox.store import Business, Record
from sage_sandbox.views import view_of
from sage_sandbox.wire import record_bytes


def list_answer(state: SandboxState, business: Business, endpoint: Endpoint, call: Call) -> Answer:
    """One page in Sage's envelope. A page beyond the end is the last page again, with its number."""
    query = parse_list(endpoint, call)
    name = endpoint.name
    rows = state.shelf.keep(
        business, (name, query.selection), lambda: select(business, name, query)
    )
    total, size = len(rows), min(query.size, state.largest_page)
    page = min(query.page, max(1, -(-total // size)))
    lists = name not in state.hide_children
    view = view_of(endpoint, query.asked, default="", lists=lists)
    shown = rows[(page - 1) * size : page * size]
    shown = _as_of(state, business, endpoint, query.asked, shown)
    items = state.shelf.write(business, name, shown, view, state.style)
    following = page + 1 if page * size < total else None
    previous = page - 1 if page > 1 else None
    head = (
        f'{{"$total":{total},"$page":{page},"$next":{_link(name, following, size)},'
        f'"$back":{_link(name, previous, size)},"$itemsPerPage":{size},"$items":['
    )
    return Answer(200, b"".join((head.encode(), b",".join(items), b"]}")))


def item_answer(
    state: SandboxState, business: Business, endpoint: Endpoint, key: str, call: Call
) -> Answer:
    """One record by id, all attributes by default.

    A sales document is marked as sent by it, unless ``mark_as_sent=false``.
    """
    asked = asked_of(call, endpoint.item_parameters)
    record = business.collections[endpoint.name].live.get(key)
    if record is None:
        raise not_found(f"{endpoint.name} {key}")
    if "mark_as_sent" in endpoint.item_parameters and asked.get("mark_as_sent") != "false":
        record = _mark_as_sent(state, business, endpoint, record)
    view = view_of(endpoint, asked, default="all", lists=True)
    rows = _as_of(state, business, endpoint, asked, [(key, record)])
    return Answer(200, state.shelf.write(business, endpoint.name, rows, view, state.style)[0])


def singleton_answer(
    state: SandboxState, business: Business, endpoint: Endpoint, call: Call
) -> Answer:
    """The one record of a settings collection."""
    asked_of(call, endpoint.list_parameters)
    for record in business.collections[endpoint.name]:
        return Answer(200, record_bytes(record, state.style))
    raise not_found(endpoint.name)


def account_answer(state: SandboxState, items: list[Record], call: Call) -> Answer:
    """``/businesses``: all of them on one page, the page size in snake case, as Sage has it."""
    asked = asked_of(call, frozenset({"attributes", "items_per_page", "page"}))
    attributes = asked.get("attributes", "")
    names = {"id", "displayed_as", "$path", *attributes.split(",")}
    listed = [
        record_bytes(
            {name: value for name, value in item.items() if attributes == "all" or name in names},
            state.style,
        )
        for item in items
    ]
    head = (
        f'{{"$total":{len(items)},"$page":1,"$next":null,"$back":null,'
        '"$items_per_page":2147483647,"$items":['
    )
    return Answer(200, b"".join((head.encode(), b",".join(listed), b"]}")))


def _link(name: str, page: int | None, size: int) -> str:
    """Relative and without ``/v3.1``; that filters are kept in it is nowhere promised, so they go."""
    return "null" if page is None else f'"/{name}?page={page}&items_per_page={size}"'


def _as_of(
    state: SandboxState,
    business: Business,
    endpoint: Endpoint,
    asked: Mapping[str, str],
    rows: list[Row],
) -> list[Row]:
    """Rows with the attributes that depend on dates in the request."""
    if endpoint.name == "tax_rates" and asked.get("include_historical_data") != "true":
        on = day("date", asked.get("date", datetime.now(UTC).date().isoformat()))
        made = state.shelf.keep(business, ("rates", on), lambda: _rates_on(business, on))
    elif endpoint.name == "ledger_accounts" and asked.get("show_balance_details") == "true":
        missing = [name for name in ("from_date", "to_date") if name not in asked]
        if missing:
            raise invalid("Balances need a period.", *missing)
        first, last = (day(name, asked[name]) for name in ("from_date", "to_date"))
        made = state.shelf.keep(
            business, ("balances", first, last), lambda: _balances(business, first, last)
        )
    else:
        return rows
    return [(key, made.get(key, record)) for key, record in rows]


def _balances(business: Business, first: str, last: str) -> dict[str, Record]:
    accounts = business.collections["ledger_accounts"].live
    details = business.balance_details(first, last) if business.balance_details else {}
    return {
        key: {**accounts[key], "balance_details": detail}
        for key, detail in details.items()
        if key in accounts
    }


def _rates_on(business: Business, on: str) -> dict[str, Record]:
    """Tax rates with the percentage in force on a day alone, which is what Sage gives unasked."""
    return {
        key: {
            **rate,
            "percentages": [
                step
                for step in rate.get("percentages") or []
                if (step.get("from_date") or "") <= on <= (step.get("to_date") or "9999")
            ],
        }
        for key, rate in business.collections["tax_rates"].live.items()
    }


def _mark_as_sent(
    state: SandboxState, business: Business, endpoint: Endpoint, record: Record
) -> Record:
    state.marked_as_sent.append(MarkedAsSent(business.id, endpoint.name, record["id"]))
    if record.get("sent"):
        return record
    books = state.books[business.id]
    return books.change(endpoint.name, record["id"], {"sent": True}, at=now())
