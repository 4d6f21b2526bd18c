"""``/v3.1``: who asks, for which business, for what; and who answers that."""

from __future__ import annotations

from dataclasses import dataclass

from sage_sandbox.answers import (
    Answer,
    Call,
    Refusal,
    access_denied,
    error_array,
    json_answer,
    not_allowed,
    not_found,
)
from sage_sandbox.collections import Endpoint, load_endpoints
from sage_sandbox.reads import account_answer, item_answer, list_answer, singleton_answer
from sage_sandbox.state import SandboxState, User
from sage_sandbox.store import Business, Record
from sage_sandbox.wire import record_bytes
from sage_sandbox.writes import written

WRITES = ("POST", "PUT", "DELETE")


@dataclass(frozen=True)
class Caller:
    """The user behind a valid access token."""

    user: User
    may_write: bool


def api_answer(state: SandboxState, call: Call) -> Answer:
    """The answer to a call below ``/v3.1``. The token is judged before all else, even the path."""
    try:
        caller = _authenticate(state, call)
        parts = call.path.strip("/").split("/")
        endpoint = load_endpoints().get(parts[0])
        if endpoint is not None and endpoint.kind == "account":
            state.limits.admit(None, state.running)
            return _account(state, caller.user, endpoint, parts[1:], call)
        business = _business(state, caller.user, call)
        state.limits.admit(business.id, state.running)
        return _resource(state, caller, business, endpoint, parts, call)
    except Refusal as refusal:
        return refusal.answer


def _authenticate(state: SandboxState, call: Call) -> Caller:
    header = call.headers.get("authorization")
    if not header:
        raise Refusal(
            json_answer(
                401,
                {
                    "error": "Authorization missing. Please, add an authorization token at the "
                    "'Authorization' HTTP header."
                },
            )
        )
    scheme, _, text = header.partition(" ")
    verdict, token = state.tokens.judge(text) if scheme.lower() == "bearer" else ("unknown", None)
    if verdict != "valid" or token is None or token.user_id not in state.users:
        why = "expired" if verdict == "expired" else "invalid (JWT malformed or missing)"
        message = f"Access token is {why}."
        raise Refusal(error_array(401, "AccessTokenVerificationError", message, "Authorization"))
    return Caller(state.users[token.user_id], may_write=token.scope != "readonly")


def _business(state: SandboxState, user: User, call: Call) -> Business:
    """The business of the header; the user's lead business where there is no header, as in Sage."""
    business_id = call.headers.get("x-business") or user.lead
    if business_id not in user.business_ids:
        raise access_denied()
    if business_id in state.ended_subscriptions:
        raise Refusal(error_array(401, "AuthorizationFailure", "No active subscription. (MSE)"))
    return state.businesses[business_id]


def _resource(
    state: SandboxState,
    caller: Caller,
    business: Business,
    endpoint: Endpoint | None,
    parts: list[str],
    call: Call,
) -> Answer:
    if endpoint is None or endpoint.name not in business.collections:
        raise not_found(call.path)
    if len(parts) == 3 and call.method == "GET" and (parts[0], parts[2]) == ("attachments", "file"):
        return _file(business, parts[1])
    if len(parts) > (1 if endpoint.kind == "singleton" else 2):
        raise not_found(call.path)
    key = parts[1] if len(parts) == 2 else None
    if call.method in WRITES:
        if not caller.may_write:
            raise access_denied()
        return written(state, business, endpoint, key, call)
    if call.method != "GET":
        raise not_allowed(call.method)
    if endpoint.kind == "singleton":
        return singleton_answer(state, business, endpoint, call)
    if key is None:
        return list_answer(state, business, endpoint, call)
    if not endpoint.item_parameters:  # a calculator has no records
        raise not_found(call.path)
    return item_answer(state, business, endpoint, key, call)


def _file(business: Business, key: str) -> Answer:
    """An attachment's content; the books hold none, so it is its name."""
    record = business.collections["attachments"].live.get(key)
    if record is None:
        raise not_found(f"attachments {key}")
    return Answer(200, str(record["file_name"]).encode(), "application/octet-stream")


def _account(
    state: SandboxState, user: User, endpoint: Endpoint, keys: list[str], call: Call
) -> Answer:
    """``/user``, ``/businesses`` and ``/businesses/{id}``, with ``lead`` as an id."""
    if call.method != "GET":
        raise not_allowed(call.method)
    if endpoint.name == "user":
        if keys:
            raise not_found(call.path)
        return Answer(200, record_bytes(_user_record(user), state.style))
    if not keys:
        return account_answer(state, [_business_record(state, i) for i in user.business_ids], call)
    business_id = user.lead if keys[0] == "lead" else keys[0]
    if business_id not in user.business_ids or len(keys) > 1:
        raise not_found(call.path)
    return Answer(200, record_bytes(_business_record(state, business_id), state.style))


def _business_record(state: SandboxState, business_id: str) -> Record:
    record = state.businesses[business_id].record
    if business_id in state.ended_subscriptions:
        return {**record, "subscriptions": [{"active": False, "status": "ended"}]}
    return record


def _user_record(user: User) -> Record:
    return {
        "id": user.id,
        "displayed_as": user.email,
        "$path": "/user",
        "created_at": "2024-06-28T09:00:00Z",
        "updated_at": "2024-06-28T09:00:00Z",
        "first_name": "Sandbox",
        "last_name": "Owner",
        "initials": "SO",
        "email": user.email,
        "locale": "en-GB",
    }
