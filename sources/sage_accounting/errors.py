"""What can go wrong between Sage and the warehouse.

::

    SageError
    ├── ConfigurationError        a setting is missing or wrong; nothing was sent or changed
    │   ├── BusinessSelectionError    none or several businesses could be meant, or an unknown one
    │   ├── ClientCredentialsError    Sage does not know this client id and secret
    │   └── TokenKeyError             token_key does not open the stored tokens
    ├── ReauthorisationError      a person must sign in again
    ├── TokenStoreError           tokens could not be read or written; the old ones stand
    ├── SageUnreachableError      no usable answer after all retries
    ├── BudgetExhaustedError      the day's request budget, ours or Sage's, is used up; resumable
    ├── BudgetStoreError          the count of requests could not be kept; no more are sent
    ├── SageResponseError         Sage answered with an error
    │   ├── AccessTokenError          401: the access token is expired or malformed
    │   ├── SubscriptionEndedError    401 AuthorizationFailure: this business is not readable
    │   ├── ResourceUnavailableError  403 or 404: not offered here, or not allowed to this user
    │   └── RequestRejectedError      400, 405, 409, 415, 422: Sage refuses the request itself
    ├── OutboxError               the store of what is written to Sage can not be used
    │   └── OutboxKeyError            a key was used before for another line; nothing of it was sent
    ├── ListMovedError            a list changed while it was read, and re-reading did not settle it
    └── DecodeError               an answer has a shape that the decoder can not hold

Every message is one paragraph: what happened (business, resource, request id), what it means for the
data, what to do. No message holds a token, a secret or a customer's data.

Every error has a code, which stays the same from version to version: that of its class, or one given
where it is raised when a class stands for several mistakes. ``errors.csv`` tells cause and remedy of each.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Where a request was going: shown in messages, safe to log."""

    resource: str
    business_id: str | None = None
    request_id: str | None = None

    def __str__(self) -> str:
        parts = [self.resource]
        if self.business_id:
            parts.append(f"business {self.business_id}")
        if self.request_id:
            parts.append(f"request {self.request_id}")
        return ", ".join(parts)


class SageError(Exception):
    """The root of everything that this package raises on purpose."""

    error_code: str
    """Of ``errors.csv``: ``refresh-token-refused``."""

    def __init__(self, message: str, *, error_code: str | None = None) -> None:
        super().__init__(message)
        if error_code is not None:
            self.error_code = error_code

    @property
    def coded(self) -> str:
        """The message with its code at the end, as it is stored and reported."""
        return f"{self} ({self.error_code})"


class ConfigurationError(SageError):
    """A setting is missing or wrong. Nothing was sent to Sage and nothing was changed."""

    error_code = "setting-wrong"


class BusinessSelectionError(ConfigurationError):
    """It is not clear which businesses are meant, or one of them is unknown to this connection."""

    error_code = "business-not-selected"


class ClientCredentialsError(ConfigurationError):
    """Sage answered ``invalid_client``. The stored tokens are kept as they are."""

    error_code = "client-credentials-refused"


class TokenKeyError(ConfigurationError):
    """The newest stored tokens were encrypted with a key that is not in ``token_key``."""

    error_code = "token-key-mismatch"

    def __init__(self, message: str, *, generation: int, version: int) -> None:
        super().__init__(message)
        self.generation = generation
        self.version = version


class ReauthorisationError(SageError):
    """The refresh token is used up, revoked, expired or was never there: a person must sign in."""

    error_code = "refresh-token-refused"


class TokenStoreError(SageError):
    """A token store could not be read or written. What it held before is untouched."""

    error_code = "token-store-unusable"


class SageUnreachableError(SageError):
    """No usable answer from Sage after all retries: network, time-outs, 5xx or cut-off bodies."""

    error_code = "sage-unreachable"


class BudgetExhaustedError(SageError):
    """The configured day budget, or Sage's, is used up. What was read is kept; the next run goes on."""

    error_code = "day-budget-used-up"


class BudgetStoreError(SageError):
    """The file that counts requests for all processes could not be written. No more are sent."""

    error_code = "budget-file-unusable"


@dataclass(frozen=True)
class Complaint:
    """One error of an answer, without Sage's own text: that can quote a customer's data."""

    code: str
    """``RecordInvalid``."""
    field: str | None
    """Sage's ``$source``: ``invoice_lines.tax_rate_id``; None for the record as a whole."""


class SageResponseError(SageError):
    """Sage answered with an error that retrying does not heal."""

    error_code = "request-rejected"

    def __init__(
        self,
        message: str,
        *,
        status: int,
        place: Place,
        code: str | None = None,
        complaints: tuple[Complaint, ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.place = place
        self.code = code
        self.complaints = complaints


class AccessTokenError(SageResponseError):
    """401 for a reason that a fresh access token can heal, and one fresh token did not heal it."""

    error_code = "access-token-refused"


class SubscriptionEndedError(SageResponseError):
    """401 ``AuthorizationFailure``: the business has no active subscription."""

    error_code = "subscription-ended"


class ResourceUnavailableError(SageResponseError):
    """403 or 404 for a collection: not offered in this country or plan, or no role for it."""

    error_code = "resource-not-offered"


class RequestRejectedError(SageResponseError):
    """Sage understood the request and refuses it; the message names the field when Sage does."""

    error_code = "request-rejected"


class OutboxError(SageError):
    """The outbox can not be read or written. What was not stored in it was not sent."""

    error_code = "outbox-unusable"


class OutboxKeyError(OutboxError):
    """A key is used once for ever, and this one was used for another line. Nothing of it was sent."""

    error_code = "outbox-key-reused"


class ListMovedError(SageError):
    """A list kept changing while it was read. Nothing of it was loaded; its cursor stays."""

    error_code = "list-moved"


class DecodeError(SageError):
    """An answer can not be decoded without losing something. Nothing of it was loaded."""

    error_code = "answer-not-decodable"
