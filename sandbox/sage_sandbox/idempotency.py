"""Writes that are sent twice and happen once, by the ``idempotency_id`` in their body."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sage_sandbox.answers import Answer, Call, invalid

WINDOW_S = 7 * 86_400.0


@dataclass(frozen=True)
class _First:
    call: tuple[str, str, bytes]
    answer: Answer
    at: float


@dataclass
class Replays:
    """The first answers of the last seven days, by business and id. Refused writes are not kept."""

    clock: Callable[[], float] = time.time
    _first: dict[tuple[str, str], _First] = field(default_factory=dict)

    def answer(self, business_id: str, idempotency_id: str, call: Call) -> Answer | None:
        """The first answer to the same write; None when it is new.

        Raises a 422 refusal when the id was used for another resource or another body. What Sage does
        with another body is not known; this is the answer that shows a client its mistake.
        """
        first = self._first.get((business_id, idempotency_id))
        if first is None or first.at <= self.clock() - WINDOW_S:
            return None
        if first.call != (call.method, call.path, call.body):
            raise invalid("This id was used for another request.", "idempotency_id")
        return first.answer

    def remember(self, business_id: str, idempotency_id: str, call: Call, answer: Answer) -> None:
        """Keep the answer to a write that succeeded."""
        key = (call.method, call.path, call.body)
        self._first[business_id, idempotency_id] = _First(key, answer, self.clock())
