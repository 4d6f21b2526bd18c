"""Progress of a sync: bars by business on a terminal, plain lines otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
        yield SyncReport(on_outcome=_line)


def _line(business_id: str, resource: str, outcome: Outcome) -> None:
    """Only what somebody must look at; the rest is summed up by business at the end."""
    if outcome.status == "failed":
        say(f"  {business_id} {resource}: failed: {outcome.error}")


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
            if outcome.status == "failed":
                progress.console.print(f"{business_id} {resource}: {outcome.error}", markup=False)

        yield SyncReport(on_start=on_start, on_outcome=on_outcome)
