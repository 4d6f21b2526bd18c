"""The outbox: every write is stored before it is sent, and its fate after.

One row a key, used once for ever. A process claims a row before it sends it and no other touches the
row meanwhile; the claim of a process that died is taken over. A row whose earlier attempt got no
answer is sent again with the same idempotency id, which Sage keeps for seven days; after that, and
for what Sage does not recognise, the record is looked for first.

Bodies are customers' data: they are encrypted with ``token_key``. Keys, record ids and errors are not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from sage_accounting.errors import OutboxError, OutboxKeyError
from sage_accounting.outbox_rows import (
    ENTRY_COLUMNS,
    INDEX,
    TABLE,
    Claim,
    Entry,
    State,
    entry_of,
    time_of,
)
from sage_accounting.outbox_stores import Run, Store
from sage_accounting.writes.write import Write, idempotency_id

WINDOW_S: Final = 7 * 86_400.0 - 3_600.0
"""How long Sage keeps an idempotency id (7 days), less an hour for clocks and requests under way."""
_BATCH: Final = 500


class Outbox:
    """The writes of one connection; thread-safe. Raises :class:`OutboxError`."""

    def __init__(
        self,
        store: Store,
        connection: str,
        token_keys: Sequence[str],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._connection = connection
        self._cipher = MultiFernet([Fernet(key) for key in token_keys])
        self._clock = clock
        with store.transaction() as run:
            run(TABLE)
            run(INDEX)

    def __enter__(self) -> Outbox:
        return self

    def __exit__(self, *_: object) -> None:
        self._store.close()

    def used(self, keys: Iterable[str]) -> dict[str, Entry]:
        """The rows of the keys that are used up.

        A line that was refused before it was ever sent does not use its key up.
        """
        with self._store.transaction() as run:
            return {each.key: each for each in self._rows(run, keys) if each.is_used}

    def store(self, writes: Iterable[Write]) -> None:
        """Store writes as pending, all or none; those already known stay as they are.

        Raises :class:`OutboxKeyError` when another process used a key for another line meanwhile.
        """
        self._insert([(write, "pending", None) for write in writes])

    def refuse(self, refused: Iterable[tuple[Write, str]]) -> None:
        """Note writes that are not sent at all, each with the reason. Their keys stay free."""
        self._insert([(write, "rejected", reason) for write, reason in refused])

    def _insert(self, rows: Sequence[tuple[Write, State, str | None]]) -> None:
        with self._store.transaction() as run:
            held = {e.key: e for e in self._rows(run, [w.key for w, _, _ in rows]) if e.is_used}
            for write, state, reason in rows:
                if write.key not in held:
                    run("DELETE FROM outbox WHERE connection = ? AND key = ?", self._at(write.key))
                    self._add(run, write, state, reason)
                elif held[write.key].content_hash != write.content_hash:
                    raise OutboxKeyError(
                        f"The key {write.key} was used by another process for another line meanwhile. "
                        "Nothing of this file was sent. Give the line a key of its own."
                    )

    def _add(self, run: Run, write: Write, state: State, reason: str | None) -> None:
        own_id = idempotency_id(write) if state == "pending" else ""
        content = write.sent(own_id) if state == "pending" else b""
        run(
            "INSERT INTO outbox (connection, key, business_id, resource, method, record_id, updated_at,"
            " line, content_hash, idempotency_id, body, is_serial, state, attempts, stored_at, error)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",
            [
                *self._at(write.key), write.business_id, write.resource, write.method,
                write.record_id, write.updated_at, write.line, write.content_hash, own_id,
                self._cipher.encrypt(content).decode("ascii"),
                int(state == "pending" and write.is_serial), state, self._clock(), reason,
            ],
        )  # fmt: skip

    def entries(self, keys: Iterable[str] | None = None) -> list[Entry]:
        """All rows, or those of ``keys``, in the order in which they were stored."""
        with self._store.transaction() as run:
            if keys is not None:
                found = self._rows(run, keys)
            else:
                all_rows = f"SELECT {ENTRY_COLUMNS} FROM outbox WHERE connection = ?"
                found = [entry_of(row) for row in run(all_rows, [self._connection])]
        return sorted(found, key=lambda each: (each.stored_at, each.line, each.key))

    def claim(self, key: str) -> Claim | Literal["held", "settled"]:
        """The right to send a row now.

        ``held``: another process sends it, or one of the same business that must not be created at
        the same time; ask again. ``settled``: its fate is known.
        """
        with self._store.transaction() as run:
            ((state, owner, business_id, is_serial),) = run(
                "SELECT state, owner, business_id, is_serial FROM outbox"
                " WHERE connection = ? AND key = ?",
                self._at(key),
            )
            if state != "pending":
                return "settled"
            if owner is not None and self._store.is_alive(owner):
                return "held"
            if is_serial and self._lane_is_busy(run, business_id, key):
                return "held"
            run(
                "UPDATE outbox SET owner = ? WHERE connection = ? AND key = ?",
                [self._store.owner, *self._at(key)],
            )
            return self._claimed(run, key)

    def _lane_is_busy(self, run: Run, business_id: str, key: str) -> bool:
        """Whether a living process creates a record numbered in sequence in this business.

        Whichever connection it belongs to, as far as it shares this store.
        """
        rows = run(
            "SELECT DISTINCT owner FROM outbox WHERE business_id = ? AND owner IS NOT NULL"
            " AND is_serial = 1 AND state = 'pending' AND NOT (connection = ? AND key = ?)",
            [business_id, *self._at(key)],
        )
        return any(self._store.is_alive(owner) for (owner,) in rows)

    def _claimed(self, run: Run, key: str) -> Claim:
        (row,) = run(
            "SELECT business_id, resource, method, record_id, updated_at, idempotency_id, body, attempts,"
            " first_attempt_at, last_attempt_at, window_from FROM outbox WHERE connection = ? AND key = ?",
            self._at(key),
        )
        business_id, resource, method, record_id, updated_at, own_id, body, *attempted = row
        attempts, first_attempt_at, last_attempt_at, window_from = attempted
        return Claim(
            key=key,
            business_id=business_id,
            resource=resource,
            method=method,
            record_id=record_id,
            updated_at=updated_at,
            idempotency_id=own_id,
            content=self._open(body),
            attempts=attempts,
            first_attempt_at=time_of(first_attempt_at),
            last_attempt_at=time_of(last_attempt_at),
            window_is_over=(window_from is not None and self._clock() >= window_from + WINDOW_S),
        )

    def note_attempt(self, claim: Claim) -> None:
        """Store that Sage may know the write from now on; called right before each request."""
        now = self._clock()
        self._change(
            claim,
            "attempts = attempts + 1, first_attempt_at = COALESCE(first_attempt_at, ?),"
            " last_attempt_at = ?, window_from = COALESCE(window_from, ?)",
            [now, now, now],
        )

    def note_absent(self, claim: Claim) -> None:
        """Store that the record was looked for and Sage does not have it: it can be sent as new."""
        self._change(claim, "window_from = NULL", [])

    def settle(
        self, claim: Claim, state: State, *, sage_id: str | None = None, error: str | None = None
    ) -> None:
        """Store the fate of a row, or with ``pending`` why it is not known yet; ends the claim."""
        self._change(
            claim, "state = ?, sage_id = ?, error = ?, owner = NULL", [state, sage_id, error]
        )

    def _change(self, claim: Claim, changes: str, parameters: Sequence[object]) -> None:
        """A process that was taken for dead changes nothing: the row is another's by now."""
        with self._store.transaction() as run:
            run(
                f"UPDATE outbox SET {changes} WHERE connection = ? AND key = ? AND owner = ?",
                [*parameters, *self._at(claim.key), self._store.owner],
            )

    def _rows(self, run: Run, keys: Iterable[str]) -> list[Entry]:
        wanted = list(keys)
        found: list[Entry] = []
        for start in range(0, len(wanted), _BATCH):
            batch = wanted[start : start + _BATCH]
            rows = run(
                f"SELECT {ENTRY_COLUMNS} FROM outbox WHERE connection = ?"
                f" AND key IN ({', '.join('?' * len(batch))})",
                [self._connection, *batch],
            )
            found += [entry_of(row) for row in rows]
        return found

    def _at(self, key: str) -> list[str]:
        return [self._connection, key]

    def _open(self, sealed: str) -> bytes:
        try:
            return self._cipher.decrypt(sealed)
        except InvalidToken:
            raise OutboxError(
                "The setting token_key does not open the outbox: its lines were encrypted with another "
                "key. They are kept as they are and were not sent. Put the former key behind the "
                "present one (token_key = new,old), then push the file again.",
                error_code="token-key-mismatch",
            ) from None
