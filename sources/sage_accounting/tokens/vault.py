"""The life of a connection's tokens: early refresh, single flight, generations, recovery.

A refresh token works once; its successor lost means that a person must sign in again. Hence the order
of every refresh: take the lock, read the newest record, ask Sage, store the answer durably, and only
then use the new access token.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from sage_accounting.client import RetryPolicy
from sage_accounting.errors import ReauthorisationError, TokenKeyError
from sage_accounting.settings import Settings
from sage_accounting.tokens.clock import SYSTEM_CLOCK, Clock
from sage_accounting.tokens.crypt import Cipher
from sage_accounting.tokens.dlt_state import DltState
from sage_accounting.tokens.endpoint import (
    RETRY,
    Post,
    Refusal,
    TokenAnswer,
    TokenEndpoint,
    plain_post,
)
from sage_accounting.tokens.journal import Journal
from sage_accounting.tokens.journalled_post import JournalledPost
from sage_accounting.tokens.lease import Lease, lease, stored_lease
from sage_accounting.tokens.record import Record, Tokens
from sage_accounting.tokens.steps import Steps, no_steps
from sage_accounting.tokens.store import LocalStore, TokenStore

logger = logging.getLogger(__name__)

WARN_BEFORE = timedelta(days=7)


@dataclass(frozen=True)
class TokenStatus:
    """How a connection's authorisation stands, without asking Sage."""

    state: Literal["ok", "reauthorise", "missing"]
    generation: int
    refresh_expires_at: datetime | None
    """Aware UTC; any sync before then renews it."""
    user_id: str | None
    """Sage's id of the user who signed in."""
    expires_soon: bool = False
    """Fewer than 7 days are left."""


class Vault:
    """The tokens and the selection of one connection; thread-safe.

    Methods raise :class:`ReauthorisationError` when a person must sign in,
    :class:`ClientCredentialsError`, :class:`TokenKeyError`, :class:`SageUnreachableError` and
    :class:`TokenStoreError`; after each of them what was stored before still is.
    """

    def __init__(
        self,
        connection: str,
        store: TokenStore,
        endpoint: TokenEndpoint,
        clock: Clock = SYSTEM_CLOCK,
        post: Post = plain_post,
    ) -> None:
        """``post``: how the request of a refresh reaches Sage."""
        self.connection = connection
        self.endpoint = endpoint
        self._store = store
        self._clock = clock
        self._post = post
        self._lease: Lease | None = None
        self._has_looked_everywhere = False
        self._unsaved: Record | None = None
        self._guard = threading.Lock()
        self._flight: Future[str] | None = None

    def bearer(self) -> str:
        """A fresh access token; refreshed when 4/5 of its life are over."""
        held = self._lease
        if held is not None and self._clock.monotonic_s() < held.fresh_until_s:
            return held.access_token
        return self._renewed(rejected=None)

    def refresh_after(self, rejected: str) -> str:
        """Another access token than ``rejected``, which Sage refused as expired.

        Refreshes once, unless another thread or process has a newer token already.
        """
        held = self._lease
        if held is not None and held.access_token != rejected:
            return self.bearer()
        return self._renewed(rejected)

    def prepare(self) -> str | None:
        """The user of the authorisation that a new one would replace, if it is known.

        Raises what would keep a new one from being stored, while nothing is at stake.
        """
        with self._store.lock():
            return self._load_to_replace().user_id

    def store_authorisation(self, answer: TokenAnswer) -> None:
        """Store the tokens of a new sign-in; the selection stays."""
        with self._store.lock():
            self._keep(answer, self._load_to_replace())

    def status(self) -> TokenStatus:
        with self._store.lock():
            record = self._load() or Record()
        if record.tokens is None:
            return TokenStatus("missing", record.generation, None, record.user_id)
        expires_at = record.tokens.refresh_expires_at
        left = expires_at - self._clock.wall()
        is_over = record.is_refused or left <= timedelta(0)
        return TokenStatus(
            "reauthorise" if is_over else "ok",
            record.generation,
            expires_at,
            record.user_id,
            expires_soon=left < WARN_BEFORE,
        )

    def selection(self) -> list[str]:
        """Ids of the selected businesses, in the order of their selection; empty for none."""
        with self._store.lock():
            record = self._load()
        return list(record.businesses) if record else []

    def select(self, business_ids: Sequence[str]) -> None:
        """Replace the selection."""
        businesses = tuple(dict.fromkeys(business_ids))
        with self._store.lock():
            record = self._load() or Record()
            self._store.save(replace(record, businesses=businesses, version=record.version + 1))

    def save_to_destination(self) -> None:
        """Bring the newest record to the destination, if it is not there; a failure is logged."""
        with self._store.lock():
            record = self._load()
            if record is not None:
                self._store.save(record)

    def revoke(self) -> None:
        """Revoke the connection's tokens at Sage and forget them; the selection stays."""
        with self._store.lock():
            record = self._load()
            if record is None or record.tokens is None:
                return
            self.endpoint.revoke(record.tokens.refresh_token)
            self._lease = None
            forgotten = replace(
                record,
                generation=record.generation + 1,
                version=record.version + 1,
                tokens=None,
                is_refused=False,
                user_id=None,
            )
            self._store.save(forgotten)

    def _renewed(self, rejected: str | None) -> str:
        """Single flight: the first thread starts one renewal, all wait for its outcome."""
        while True:
            flight, is_own = self._join_flight(rejected)
            access_token = flight.result()
            # Another thread's flight may have begun before this token was rejected.
            if is_own or access_token != rejected:
                return access_token

    def _join_flight(self, rejected: str | None) -> tuple[Future[str], bool]:
        with self._guard:
            if self._flight is not None and not self._flight.done():
                return self._flight, False
            flight: Future[str] = Future()
            # A thread of its own, no daemon: an interrupt from the keyboard must not fall between
            # Sage's answer and the journal, and the interpreter waits for it at the end.
            threading.Thread(
                target=self._fly, args=(flight, rejected), name="sage-token-renewal"
            ).start()
            self._flight = flight
            return flight, True

    def _fly(self, flight: Future[str], rejected: str | None) -> None:
        try:
            flight.set_result(self._renew(rejected))
        except BaseException as error:  # noqa: BLE001 - carried to every waiting thread
            flight.set_exception(error)

    def _renew(self, rejected: str | None) -> str:
        self._save_unsaved()
        with self._store.lock():
            record = self._load()
            found = stored_lease(record, self._clock.now())
            if found is None or found.access_token == rejected:
                found = self._refresh(record)
            self._lease = found
            return found.access_token

    def _refresh(self, record: Record | None) -> Lease:
        """Ask Sage with the newest refresh token there is, wherever it is stored."""
        while True:
            record, tokens = self._usable(record)
            answer = self.endpoint.refresh(tokens.refresh_token, self._post)
            if isinstance(answer, TokenAnswer):
                return self._keep(answer, record)
            newest = self._store.load(everywhere=True)
            if newest is None or newest.generation <= record.generation:
                self._store.save(replace(record, is_refused=True, version=record.version + 1))
                raise ReauthorisationError(self._refused_text(answer))
            found = stored_lease(newest, self._clock.now())
            if found is not None:
                return found
            record = newest

    def _usable(self, record: Record | None) -> tuple[Record, Tokens]:
        if record is None or record.tokens is None:
            raise ReauthorisationError(
                f"Connection {self.connection} is not authorised: no tokens are stored for it. Nothing "
                f"was sent to Sage and nothing was loaded. Run: {self._cure}",
                error_code="sign-in-missing",
            )
        if record.is_refused:
            raise ReauthorisationError(
                f"Sage refused the refresh token of connection {self.connection} before. Nothing was "
                f"lost; syncs stay stopped until a person signs in. Run: {self._cure}"
            )
        return record, record.tokens

    def _refused_text(self, refusal: Refusal) -> str:
        cause = f"request {refusal.request_id}"
        if refusal.follows_lost_answer:
            cause += "; the answer to an earlier attempt never arrived"
        return (
            f"Sage refused the refresh token of connection {self.connection} ({cause}). Nothing was "
            f"lost; syncs stay stopped until a person signs in. Run: {self._cure}"
        )

    @property
    def _cure(self) -> str:
        return f"sage-elt connect --connection {self.connection}"

    def _keep(self, answer: TokenAnswer, previous: Record) -> Lease:
        """Store what Sage granted; the access token is usable only when this returns."""
        self._unsaved = previous.granted(answer)
        self._store.save(self._unsaved)
        logger.info(
            "tokens of connection %s: generation %d stored",
            self.connection,
            self._unsaved.generation,
        )
        self._unsaved = None
        self._lease = lease(answer.access_token, answer.access_lifetime_s, answer.asked_at)
        return self._lease

    def _save_unsaved(self) -> None:
        """Make up for a save that failed: the only copy of those tokens is in this process."""
        if self._unsaved is None:
            return
        with self._store.lock():
            stored = self._load()
            if stored is None or stored.age_order < self._unsaved.age_order:
                self._store.save(self._unsaved)
            self._unsaved = None

    def _load(self) -> Record | None:
        record = self._store.load(everywhere=not self._has_looked_everywhere)
        self._has_looked_everywhere = True
        return record

    def _load_to_replace(self) -> Record:
        """The newest record, or its numbers only when no key opens it."""
        try:
            return self._load() or Record()
        except TokenKeyError as error:
            logger.warning(
                "tokens of connection %s, encrypted with an unknown key, are replaced",
                self.connection,
            )
            return Record(generation=error.generation, version=error.version)


def open_vault(
    settings: Settings,
    *,
    destination: Any = "duckdb",
    pipelines_dir: str | None = None,
    clock: Clock = SYSTEM_CLOCK,
    retry: RetryPolicy = RETRY,
    steps: Steps = no_steps,
    in_own_process: bool = True,
) -> Vault:
    """The vault of ``settings.connection``; touches neither disk nor network.

    ``destination``: the warehouse, as dlt takes it (object or name), where a copy of the tokens is
    kept; None keeps them on this machine only. With a DuckDB warehouse the copy has a file of its own
    beside it, ``sage_auth__<connection>.duckdb``. ``pipelines_dir``: dlt's working folders, where the
    journal is kept too; dlt's default if None. ``in_own_process``: refreshes are asked for by a short-lived
    process, which survives a kill of this one. Raises :class:`ConfigurationError` for a ``token_key``
    that is no key.
    """
    cipher = Cipher(settings.token_keys)
    folder = Path(pipelines_dir) if pipelines_dir else None
    state = DltState(settings.connection, destination, folder, steps)
    journal = Journal(state.pipelines_dir / f"{state.pipeline_name}.journal", steps)
    store = LocalStore(journal, state, cipher)
    endpoint = TokenEndpoint(settings, clock=clock, retry=retry, steps=steps)
    post = JournalledPost(journal, cipher, lambda: store.held, in_own_process=in_own_process)
    return Vault(settings.connection, store, endpoint, clock, post)
