"""Where tasks wait that are to be attempted later, so that none of them holds a thread of the pool."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

SPACING_S = 0.05
"""Between two groups of one queue: allowances come free one by one, and asking is cheap, not free."""

Task = Callable[[], object]


@dataclass
class _Queue:
    """Tasks that wait for the same thing."""

    tasks: deque[Task] = field(default_factory=deque)
    due: float = 0.0
    """When the first group may go; monotonic."""


class WaitingRoom:
    """Hands each task to ``submit`` when its time has come; one thread serves all, if any waits.

    Tasks that name a queue share its time and go in groups of ``width``: when a business may go on,
    thousands of its tasks do not rush for a handful of permissions.
    """

    def __init__(self, submit: Callable[[Task], object], width: int) -> None:
        self._submit = submit
        self._width = width
        self._queues: dict[str, _Queue] = {}
        self._times: list[tuple[float, int, str | None, Task | None]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._is_open = True
        self._thread: threading.Thread | None = None

    def enter(self, task: Task, wait_s: float, queue: str | None = None) -> None:
        """Let ``task`` wait ``wait_s`` seconds, together with the others of ``queue`` if one is named."""
        due = time.monotonic() + wait_s
        with self._changed:
            if queue is None:
                self._at(due, None, task)
            elif queue in self._queues:
                self._queues[queue].tasks.append(task)
            else:
                self._queues[queue] = _Queue(deque([task]), due)
                self._at(due, queue, None)
            if self._thread is None and self._is_open:
                self._thread = threading.Thread(
                    target=self._serve, name="sage-waiting-room", daemon=True
                )
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Drop who still waits."""
        with self._changed:
            self._is_open = False
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _at(self, due: float, queue: str | None, task: Task | None) -> None:
        heapq.heappush(self._times, (due, next(self._numbers), queue, task))

    def _serve(self) -> None:
        while True:
            with self._changed:
                while self._is_open and not self._is_due():
                    self._changed.wait(self._sleep_s())
                if not self._is_open:
                    return
                tasks = self._next_group()
            for task in tasks:
                self._submit(task)

    def _is_due(self) -> bool:
        return bool(self._times) and self._times[0][0] <= time.monotonic()

    def _sleep_s(self) -> float | None:
        return max(0.0, self._times[0][0] - time.monotonic()) if self._times else None

    def _next_group(self) -> list[Task]:
        _, _, name, task = heapq.heappop(self._times)
        if task is not None:
            return [task]
        assert name is not None  # noqa: S101 - either a task or a queue
        queue = self._queues[name]
        group = [queue.tasks.popleft() for _ in range(min(self._width, len(queue.tasks)))]
        if queue.tasks:
            self._at(time.monotonic() + SPACING_S, name, None)
        else:
            del self._queues[name]
        return group
