"""Who waits, in which order they go on, and that nobody is forgotten."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import partial
from queue import SimpleQueue

import pytest

from sage_accounting.waiting_room import Task, WaitingRoom

WIDTH = 4
PATIENCE_S = 10.0


class Submitted:
    """Takes the tasks that may go on, and when."""

    def __init__(self) -> None:
        self.tasks: SimpleQueue[tuple[Task, float]] = SimpleQueue()

    def __call__(self, task: Task) -> None:
        self.tasks.put((task, time.monotonic()))

    def next(self) -> tuple[Task, float]:
        return self.tasks.get(timeout=PATIENCE_S)


@pytest.fixture
def submitted() -> Submitted:
    return Submitted()


@pytest.fixture
def room(submitted: Submitted) -> Iterator[WaitingRoom]:
    room = WaitingRoom(submitted, WIDTH)
    yield room
    room.close()


def tasks(count: int) -> list[Task]:
    return [partial(int, number) for number in range(count)]


def test_task_goes_on_no_earlier_than_its_time(room: WaitingRoom, submitted: Submitted) -> None:
    (task,) = tasks(1)
    began = time.monotonic()
    room.enter(task, 0.1)
    gone, at = submitted.next()
    assert gone is task
    assert at - began >= 0.1


def test_shorter_wait_overtakes_a_longer_one(room: WaitingRoom, submitted: Submitted) -> None:
    late, early = tasks(2)
    room.enter(late, 0.2)
    room.enter(early, 0.01)
    assert [submitted.next()[0] for _ in range(2)] == [early, late]


def test_queue_goes_on_in_order_and_loses_nobody(room: WaitingRoom, submitted: Submitted) -> None:
    waiting = tasks(3 * WIDTH + 1)
    for task in waiting:
        room.enter(task, 0.01, "a business")
    assert [submitted.next()[0] for _ in waiting] == waiting


def test_queue_goes_on_in_groups(room: WaitingRoom, submitted: Submitted) -> None:
    for task in tasks(2 * WIDTH):
        room.enter(task, 0.01, "a business")
    times = [submitted.next()[1] for _ in range(2 * WIDTH)]
    assert times[WIDTH] - times[WIDTH - 1] > 0.03


def test_queue_does_not_hold_up_another(room: WaitingRoom, submitted: Submitted) -> None:
    blocked, free = tasks(2)
    room.enter(blocked, 3600.0, "a business")
    room.enter(free, 0.01, "another")
    assert submitted.next()[0] is free


def test_closed_room_drops_who_waits_and_ends_its_thread(
    room: WaitingRoom, submitted: Submitted
) -> None:
    room.enter(tasks(1)[0], 3600.0)
    room.close()
    assert submitted.tasks.empty()
    assert not [t for t in threading.enumerate() if t.name == "sage-waiting-room"]


def test_room_in_which_nobody_waits_has_no_thread(room: WaitingRoom) -> None:
    room.close()
    assert not [t for t in threading.enumerate() if t.name == "sage-waiting-room"]
