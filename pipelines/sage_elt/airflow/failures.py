"""Which failure Airflow repeats, puts off, or leaves to a person.

| what went wrong | the task |
|---|---|
| a person must sign in (exit 3 of the command) | fails for good; ``on_reauthorise`` is called |
| settings, choice of businesses (exit 2) | fails for good |
| the business's subscription ended, Sage refuses a request itself | fails for good |
| the day's requests are used up | gives its place away and comes back later; no retry is spent |
| Sage or the warehouse unreachable, 429, some resources failed (exits 1 and 4) | is retried |

Messages are our own paragraphs. The original error is left out of Airflow's log: a database's complaint
can quote a customer's data.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowRescheduleException,
)

from sage_elt.airflow.job import Job

if TYPE_CHECKING:
    from sage_accounting.report import Outcome

logger = logging.getLogger(__name__)

LASTING = frozenset({"subscription-ended", "request-rejected"})
"""Codes of errors of a resource that another attempt would only meet again."""


class PartlyFailedError(Exception):
    """Some resources of a business failed; the others are loaded and committed."""

    def __init__(self, business_id: str, outcomes: Mapping[str, Outcome]) -> None:
        failed = {name: o for name, o in outcomes.items() if o.status == "failed"}
        self.is_postponed = bool(failed) and all(o.is_postponed for o in failed.values())
        self.is_lasting = bool(failed) and all(o.error_code in LASTING for o in failed.values())
        errors = sorted({o.error or "" for o in failed.values() if not o.is_postponed})
        super().__init__(
            f"{len(failed)} of {len(outcomes)} resources of business {business_id} failed "
            f"({', '.join(sorted(failed))}). The others are loaded and committed, and the next attempt "
            f"goes on with these. {' '.join(errors[:3])}"
        )


@contextmanager
def as_airflow_says(job: Job, context: Any) -> Iterator[None]:
    """Turn whatever goes wrong inside into what Airflow should do about it."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - the edge of the task
        verdict = _verdict(job, context, error)
    else:
        return
    raise verdict from None


def _verdict(job: Job, context: Any, error: Exception) -> AirflowException:
    from sage_accounting.errors import BudgetExhaustedError
    from sage_elt.failures import ExitCode, explain

    logger.debug("what went wrong, in full", exc_info=error)
    if isinstance(error, PartlyFailedError):
        text, code = str(error), ExitCode.PARTIAL
    else:
        failure = explain(error)
        text, code = failure.text, failure.exit_code
    if getattr(error, "is_postponed", False) or _has_cause(error, BudgetExhaustedError):
        logger.warning("%s Trying again in %s.", text, job.budget_wait)
        later = datetime.now(UTC) + job.budget_wait
        return AirflowRescheduleException(later)  # type: ignore[no-untyped-call]  # Airflow's own lacks types
    if code is ExitCode.REAUTHORISE:
        if job.on_reauthorise is not None:
            job.on_reauthorise({**context, "exception": AirflowFailException(text)})
        return AirflowFailException(text)
    if code is ExitCode.USAGE or getattr(error, "is_lasting", False):
        return AirflowFailException(text)
    return AirflowException(text)


def _has_cause(error: BaseException, kind: type[BaseException]) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, kind):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
