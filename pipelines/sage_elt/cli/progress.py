"""Progress of a sync: bars by business on a terminal, plain lines otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from sage_accounting import Outcome, SyncReport
from sage_elt.cli.console import people, say


@contextmanager
def sync_progress() -> Iterator[SyncReport]:
    """A report that shows itself while it fills."""
    if people.is_terminal:
        with _bars() as report:
            yield report
    else:
        yield SyncReport(on_outcome=_once(say))


def _once(tell: Callable[[str], None]) -> Callable[[str, str, Outcome], None]:
    """Tells only what somebody must look at; the rest is summed up by business at the end.

    What ends a whole business, or all of them, has the same words for each resource and is told once.
    """
    told: set[str] = set()

    def on_outcome(business_id: str, resource: str, outcome: Outcome) -> None:
        if outcome.error and outcome.is_news and outcome.error not in told:
            told.add(outcome.error)
            tell(f"  {business_id} {resource}: {outcome.status}: {outcome.error}")

    return on_outcome


@contextmanager
def _bars() -> Iterator[SyncReport]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} resources, {task.fields[rows]} records"),
        TextColumn("{task.fields[last]}", style="dim"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=people, transient=True) as progress:
        tell = _once(partial(progress.console.print, markup=False))
        tasks: dict[str, TaskID] = {}
        rows: dict[str, int] = {}

        def task(business_id: str) -> TaskID:
            if business_id not in tasks:
                tasks[business_id] = progress.add_task(business_id, total=0, rows=0, last="")
            return tasks[business_id]

        def on_start(business_id: str, resource: str) -> None:
            bar = task(business_id)
            progress.update(bar, total=(progress.tasks[bar].total or 0) + 1, last=resource)

        def on_outcome(business_id: str, resource: str, outcome: Outcome) -> None:
            rows[business_id] = rows.get(business_id, 0) + outcome.rows
            progress.update(task(business_id), advance=1, rows=rows[business_id], last=resource)
            tell(business_id, resource, outcome)

        yield SyncReport(on_start=on_start, on_outcome=on_outcome)
