"""Progress of a sync: bars on a terminal; what somebody must look at as lines, everywhere."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from sage_accounting import Outcome, SyncReport
from sage_accounting.settings import Settings
from sage_elt.cli.console import people, tell, voice

_MOST_BARS: Final = 8
"""Businesses with a bar of their own; with a bar for each of hundreds the screen would scroll away."""
_NARROW: Final = 100
"""Below so many columns words are left out."""
_MINUTE_S: Final = 60.0


@contextmanager
def sync_progress(settings: Settings) -> Iterator[SyncReport]:
    """A report that shows itself while it fills."""
    console, how = people(), voice()
    if console.is_terminal and not (how.is_quiet or how.is_verbose or how.logs_json):
        with _bars(console, settings) as report:
            yield report
    elif how.logs_json:  # the source's own events tell it all
        yield SyncReport()
    else:
        yield SyncReport(on_outcome=_once(tell))


def _once(tell_people: Callable[[str], None]) -> Callable[[str, str, Outcome], None]:
    """Tells only what somebody must look at; the rest is summed up by business at the end.

    What ends a whole business, or all of them, has the same words for each resource and is told once.
    """
    told: set[str] = set()

    def on_outcome(business_id: str, resource: str, outcome: Outcome) -> None:
        if outcome.error and outcome.is_news and outcome.error not in told:
            told.add(outcome.error)
            tell_people(f"  {business_id} {resource}: {outcome.status}: {outcome.error}")

    return on_outcome


class LastMinute:
    """Requests of the last minute; ``count`` tells how many there were in all."""

    def __init__(
        self, count: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._count = count
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque([(clock(), count())])

    def requests(self) -> int:
        now = self._clock()
        self._seen.append((now, self._count()))
        while len(self._seen) > 2 and self._seen[1][0] <= now - _MINUTE_S:
            self._seen.popleft()
        return self._seen[-1][1] - self._seen[0][1]


def allowed_per_minute(settings: Settings, businesses: int) -> int:
    """Requests that so many businesses may send in a minute together; 0 = unlimited."""
    limits = [settings.requests_per_minute * businesses, settings.app_requests_per_minute]
    return min((limit for limit in limits if limit), default=0)


class _RequestColumn(ProgressColumn):
    """``96 of 100 requests in a minute`` for the whole; for a business, the list it came to last."""

    max_refresh = 0.5

    def __init__(
        self, last_minute: LastMinute, allowed: Callable[[], int], *, is_narrow: bool
    ) -> None:
        super().__init__()
        self._last_minute = last_minute
        self._allowed = allowed
        self._unit = "/min" if is_narrow else " requests in a minute"

    def render(self, task: Task) -> Text:
        if not task.fields["is_whole"]:
            return Text(task.fields["last"], style="dim", overflow="ellipsis", no_wrap=True)
        allowed = self._allowed()
        of = f" of {allowed:,}" if allowed else ""
        return Text(f"{self._last_minute.requests():,}{of}{self._unit}", style="dim", no_wrap=True)


class _TimeColumn(ProgressColumn):
    """``0:46, about 0:12 left`` for the whole, by the share of lists that are done."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        if not task.fields["is_whole"]:
            return Text("")
        elapsed_s = task.elapsed or 0.0
        text = _clock(elapsed_s)
        if task.completed and task.remaining:
            text += f", about {_clock(elapsed_s * task.remaining / task.completed)} left"
        return Text(text, no_wrap=True)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


@contextmanager
def _bars(console: Console, settings: Settings) -> Iterator[SyncReport]:
    """A bar for all and one for each of the first businesses; gone when the sync is done."""
    report = SyncReport()
    sent = LastMinute(lambda: report.requests + report.count_requests())
    tasks: dict[str, TaskID] = {}
    is_narrow = console.width < _NARROW
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=8 if is_narrow else 24),
        TextColumn(
            "{task.completed}/{task.total}" if is_narrow else "{task.completed}/{task.total} lists"
        ),
        TextColumn("{task.fields[rows]:,}" if is_narrow else "{task.fields[rows]:,} records"),
        _RequestColumn(sent, lambda: allowed_per_minute(settings, len(tasks)), is_narrow=is_narrow),
        _TimeColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        once = _once(partial(progress.console.print, markup=False))
        whole = progress.add_task("reading", total=0, rows=0, is_whole=True)

        def of(business_id: str) -> TaskID:
            if business_id not in tasks:
                tasks[business_id] = progress.add_task(
                    business_id[:8],
                    total=0,
                    rows=0,
                    last="",
                    is_whole=False,
                    visible=len(tasks) < _MOST_BARS,
                )
            return tasks[business_id]

        def on_start(business_id: str, resource: str) -> None:
            for task in (of(business_id), whole):
                known = progress.tasks[task].total or 0
                progress.update(task, total=known + 1, last=resource)

        def on_outcome(business_id: str, resource: str, outcome: Outcome) -> None:
            for task in (of(business_id), whole):
                rows = progress.tasks[task].fields["rows"] + outcome.rows
                progress.update(task, advance=1, rows=rows, last=resource)
            is_read = not progress.tasks[whole].remaining
            progress.update(whole, description="loading" if is_read else "reading")
            once(business_id, resource, outcome)

        report.on_start, report.on_outcome = on_start, on_outcome
        yield report
