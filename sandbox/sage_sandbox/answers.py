"""Calls and answers, without a network; and Sage's ways to refuse.

Business errors are an array of ``{$severity, $dataCode, $message, $source}``, those of the gateway and
of the token endpoint an object ``{"error": …}``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

JSON_TYPE = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Call:
    """A request that was read to its end."""

    method: str
    path: str
    """Below the mount point: ``/sales_invoices``, ``/token``."""
    query: str
    """As sent, still percent-encoded."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = b""

    def parameters(self) -> list[tuple[str, str]]:
        return parse_qsl(self.query, keep_blank_values=True)


@dataclass(frozen=True)
class Answer:
    """A response before it is sent."""

    status: int
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(Exception):  # noqa: N818 - an answer, not a failure of the server
    """Raised where a call cannot be served; carries the answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"status {answer.status}")
        self.answer = answer


def json_answer(status: int, content: object, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer with any JSON."""
    return Answer(status, json.dumps(content).encode(), headers=headers or {})


def error_array(
    status: int,
    data_code: str,
    message: str,
    *sources: str,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """A business error; one element for each source."""
    errors = [
        {"$severity": "error", "$dataCode": data_code, "$message": message, "$source": source}
        for source in sources or ("",)
    ]
    return json_answer(status, errors, headers)


def invalid(message: str, *sources: str) -> Refusal:
    """422: a parameter or field that Sage does not take."""
    return Refusal(error_array(422, "RecordInvalid", message, *sources))


def not_found(what: str) -> Refusal:
    """404. Sage's own body is not known."""
    return Refusal(error_array(404, "RecordNotFound", f"{what} does not exist."))


def not_allowed(method: str) -> Refusal:
    """405. Sage's own body is not known."""
    message = f"{method} is not offered by this resource."
    return Refusal(error_array(405, "MethodNotAllowed", message))


def access_denied() -> Refusal:
    """403: the user lacks the role, or the business is not theirs."""
    message = "The current user is not allowed to access that resource with that method."
    return Refusal(error_array(403, "MultiUserAccessDenied", message))
