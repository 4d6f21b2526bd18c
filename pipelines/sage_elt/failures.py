"""What went wrong, for people, programs and schedulers: the paragraph, the code, the exit code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from dlt.common.configuration.exceptions import ConfigFieldMissingException

from sage_accounting.errors import (
    BudgetExhaustedError,
    ConfigurationError,
    ReauthorisationError,
    SageError,
)
from sage_elt.error_catalogue import UNEXPECTED, anchor_of
from sage_elt.warehouse import WarehouseError, WarehouseSettingError, lock_holder

_NO_CONNECTION: Final = frozenset({"DestinationConnectionError", "OperationalError"})
"""dlt's, and the one that every database driver has for it (PEP 249)."""


class ExitCode(IntEnum):
    """What the shell or the scheduler sees."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REAUTHORISE = 3
    PARTIAL = 4


@dataclass(frozen=True)
class Failure:
    """What went wrong, for people and for programs."""

    text: str
    error_code: str
    """Of the catalogue of errors."""
    exit_code: ExitCode

    def to_json(self) -> dict[str, object]:
        error = {
            "code": self.error_code,
            "message": self.text,
            "docs": anchor_of(self.error_code),
        }
        return {"status": "failed", "error": error}


def explain(error: Exception) -> Failure:
    """The paragraph for people, the code and the exit code of whatever went wrong."""
    from sage_unified.errors import UnifiedError  # with all the rules, which a sync does without

    chain = list(_chain(error))
    lacking = next((each for each in chain if isinstance(each, ConfigFieldMissingException)), None)
    if lacking is not None:
        return Failure(
            f"The destination lacks settings: {', '.join(lacking.traces)}. Nothing was read or "
            "changed. Set them under [destination] in .dlt/secrets.toml or in the environment.",
            "destination-settings-missing",
            ExitCode.USAGE,
        )
    for each in chain:
        if isinstance(each, SageError | WarehouseError | UnifiedError):
            return Failure(str(each), each.error_code, _exit_code(each))
    if holder := lock_holder(error):
        return Failure(
            f"The warehouse file was held open by {holder} when it was needed. Nothing is lost: what "
            "was extracted stays pending and the next run loads it. Close that program, or wait "
            "longer with --lock-timeout.",
            "warehouse-busy",
            ExitCode.FAILED,
        )
    if any(type(each).__name__ in _NO_CONNECTION for each in chain):
        return Failure(
            "The destination does not answer. What was loaded before is untouched, and what was "
            "extracted stays pending for the next run. See whether its address, user and network are "
            "right, then run the command again.",
            "destination-unreachable",
            ExitCode.FAILED,
        )
    # no text of the error itself: a database's complaint can quote a customer's data
    return Failure(
        f"Something failed that should not have ({type(error).__name__}, by "
        f"{type(chain[-1]).__name__}). What was loaded before is untouched. Repeat with "
        "sage-elt --verbose for the details; sync --full-refresh reads everything anew.",
        UNEXPECTED,
        ExitCode.FAILED,
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and what it was raised from or while."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _exit_code(error: Exception) -> ExitCode:
    if isinstance(error, ReauthorisationError):
        return ExitCode.REAUTHORISE
    if isinstance(error, ConfigurationError | WarehouseSettingError):
        return ExitCode.USAGE
    if isinstance(error, BudgetExhaustedError):
        return ExitCode.PARTIAL
    return ExitCode.FAILED
