"""Each code of the catalogue of errors is what some real mistake ends in, and has its entry."""

from __future__ import annotations

import re
import runpy
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from cryptography.fernet import Fernet
from export_books import LOAD_DATE, write_books
from filelock import FileLock
from one_request import QUICK, call, client_of, settings_for
from sandbox_books import RawRows, books, raw_frames, raw_rows
from shell import PREFIX, Done, User, new_user

import sage_accounting
import sage_elt
import sage_unified as su
from sage_accounting.businesses import choose
from sage_accounting.catalogue import load_catalogue
from sage_accounting.client import Answer, SageClient
from sage_accounting.decode import Decoder
from sage_accounting.errors import Place, SageError
from sage_accounting.lists import read_list
from sage_accounting.outbox import Outbox
from sage_accounting.outbox_stores import SqliteStore
from sage_accounting.settings import load_settings
from sage_accounting.shapes import Scalar, Struct, merge
from sage_accounting.tokens import SageAuth, Vault, authorise, file_lock, open_vault
from sage_accounting.tokens.crypt import Cipher
from sage_accounting.tokens.record import Record
from sage_accounting.tokens.store import refuse_older
from sage_accounting.writes.write import Write
from sage_elt import demo
from sage_elt.error_catalogue import catalogue
from sage_elt.failures import explain
from sage_elt.overrides import load_overrides
from sage_elt.warehouse import WarehouseError, open_warehouse
from sage_sandbox.server import Sandbox, running_sandbox
from sage_unified.exports import datev, datev_format, fec, refusals, sii
from sage_unified.exports.sii_invoices import Invoice
from sage_unified.rule_schemas import SCHEMAS
from sage_unified.rules import read_rules

ROOT = Path(__file__).resolve().parents[2]
YEAR = refusals.Period(date(2025, 1, 1), date(2025, 12, 31))
FRENCH = refusals.Business(
    business_id="b1",
    country="FR",
    name="Mobilier",
    base_currency="EUR",
    year_end=YEAR.last,
    tax_number=None,
    siret=None,
    chart="PCG",
)
HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True); sys.stdin.read()"


@dataclass
class Scene:
    """What a mistake is made with: a server, a folder, an environment that leads to both."""

    sandbox: Sandbox
    user: User
    patch: pytest.MonkeyPatch

    @property
    def folder(self) -> Path:
        return self.user.folder

    @property
    def business_id(self) -> str:
        return next(iter(self.sandbox.state.businesses))

    def vault(self, **changes: Any) -> Vault:
        return open_vault(
            settings_for(self.sandbox, **changes),
            destination=None,
            pipelines_dir=str(self.folder),
            retry=QUICK,
            in_own_process=False,
        )

    def signed_in(self) -> Vault:
        vault = self.vault()
        token = self.sandbox.authorise()
        authorise.sign_in_with_refresh_token(settings_for(self.sandbox), vault, token)
        return vault

    def ask(self, **changes: Any) -> None:
        """One request for currencies."""
        with client_of(self.sandbox, self.folder, **changes) as client:
            call(client, self.business_id).wait()

    def refuse(self, **fault: Any) -> None:
        """The same, while the server has a fault for it."""
        self.sandbox.control("fault", path="/currencies", count=None, **fault)
        self.ask()

    def books(self, country: str, **changes: Any) -> str:
        """Put a business into the user's warehouse; its id."""
        return write_books(self.user.warehouse, country, 1, **changes)[0]

    def export(self, kind: str, business: str, first: str, last: str, *more: str) -> Done:
        period = ("--from", first, "--to", last)
        return self.user.run("export", kind, "--business", business, *period, *more)


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    with running_sandbox(countries=("GB",), invoices=1, seed=1) as running:
        yield running


@pytest.fixture
def scene(server: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    user = new_user(tmp_path / "user", server)
    for name, value in user.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(user.folder)
    yield Scene(server, user, monkeypatch)
    server.control("clear_faults")
    server.control("subscription", business=next(iter(server.state.businesses)), active=True)


# --- settings and choices


def without(key: str) -> Callable[[Scene], object]:
    def provoke(scene: Scene) -> object:
        scene.patch.delenv(PREFIX + key)
        return load_settings()

    return provoke


def wrong_setting(scene: Scene) -> object:
    scene.patch.setenv(PREFIX + "CONCURRENCY", "-1")
    return load_settings()


def other_token_key(_: Scene) -> object:
    sealed = Cipher([key()]).seal(Record(generation=1))
    return Cipher([key()]).open(sealed)


def key() -> str:
    return Fernet.generate_key().decode()


def sync_of(*arguments: str) -> Callable[[Scene], object]:
    return lambda scene: scene.user.run("sync", *arguments)


# --- signing in and tokens


def wrong_client_secret(scene: Scene) -> object:
    vault = scene.vault(client_secret="wrong")
    return vault.endpoint.refresh(scene.sandbox.authorise())


def sign_in_of_another(scene: Scene) -> object:
    vault, settings = scene.signed_in(), settings_for(scene.sandbox)
    user = scene.sandbox.control("add_user", businesses=[])["user"]
    return authorise.sign_in_with_refresh_token(
        settings, vault, scene.sandbox.authorise(user), confirm_other_user=lambda *_: False
    )


def taken_port(scene: Scene) -> object:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        uri = f"http://localhost:{taken.getsockname()[1]}/callback"
        settings = settings_for(scene.sandbox, redirect_uri=uri)
        return authorise.sign_in_with_browser(settings, scene.vault(), open_browser=print)


def lost_answer(scene: Scene) -> object:
    vault = scene.signed_in()
    rejected = vault.bearer()
    scene.sandbox.control("fault", kind="reset", path="/token", moment="after")
    return vault.refresh_after(rejected)


def wrong_code(scene: Scene) -> object:
    return authorise.sign_in_with_code(settings_for(scene.sandbox), scene.vault(), "nonsense")


def held_lock(scene: Scene) -> object:
    scene.patch.setattr(file_lock, "LOCK_TIMEOUT_S", 0)
    path = scene.folder / "lock"
    with file_lock.file_lock(path), file_lock.file_lock(path):
        return None


def lock_below_a_file(scene: Scene) -> object:
    scene.user.warehouse.touch()
    with file_lock.file_lock(scene.user.warehouse / "lock"):
        return None


def older_tokens(_: Scene) -> object:
    return refuse_older(Record(generation=1), Record(generation=2))


# --- requests


def access_of_nobody(scene: Scene) -> object:
    vault = scene.signed_in()
    scene.sandbox.control("fault", kind="status", status=401, path="/currencies", count=None)
    with SageClient(settings_for(scene.sandbox), SageAuth(vault), folder=scene.folder) as client:
        return call(client, scene.business_id).wait()


def ended_subscription(scene: Scene) -> object:
    scene.sandbox.control("subscription", business=scene.business_id, active=False)
    return scene.ask()


def used_up_day(scene: Scene) -> object:
    scene.ask(requests_per_day=1)
    return scene.ask(requests_per_day=1)


def uncounted(scene: Scene) -> object:
    (scene.folder / "sage_budget.sqlite").mkdir()
    return scene.ask(requests_per_minute=1)


def churning_list(_: Scene) -> object:
    """A list that always has one record more than it shows."""
    entries = load_catalogue()["ledger_entries"]
    body = b'{"$total": 2, "$page": 1, "$next": null, "$items": [{"id": "1"}]}'
    page = Decoder(entries).read_page(Answer(body, Place(entries.name), datetime.now(UTC)))
    steps = read_list(entries, {})
    queries = next(steps)
    while True:
        queries = steps.send([page for _ in queries])


def two_shapes(_: Scene) -> object:
    return merge(Scalar("text"), Struct((("id", Scalar("text")),)), "field")


# --- the outbox


def store(outbox: Outbox, content_hash: str) -> None:
    outbox.store([Write("k", "b", "journals", {}, content_hash)])


def key_used_twice(scene: Scene) -> object:
    with Outbox(SqliteStore(scene.folder / "outbox.sqlite"), "acme", (key(),)) as outbox:
        store(outbox, "one")
        return store(outbox, "other")


def outbox_below_a_file(scene: Scene) -> object:
    scene.user.warehouse.touch()
    return SqliteStore(scene.user.warehouse / "outbox.sqlite")


# --- transforms and exports


def bad_rule_table(_: Scene) -> object:
    name = next(iter(SCHEMAS))
    return read_rules(f"{name}.csv", "a,b\n1,2\n", SCHEMAS[name])


def doubled_rows(_: Scene) -> object:
    raw = raw_frames(raw_rows(books("GB", 1).business))
    return su.build({**raw, "contacts": pl.concat([raw["contacts"]] * 2)}, LOAD_DATE)


def unknown_ageing(_: Scene) -> object:
    return su.aged_items(pl.DataFrame(), pl.DataFrame(), "2026-01-01", basis="size")


def entries(amount: str, code: str | None) -> pl.DataFrame:
    row = {"entry_id": "e", "account_id": "a", "amount": amount, "code": code}
    return pl.DataFrame([row]).with_columns(pl.col("amount").cast(pl.Decimal(19, 4)))


def cash_accounting(_: Scene) -> object:
    invoice = Invoice(
        document_id="d", resource="sales_invoices", number="1", vendor_reference=None, day=YEAR.first,
        registered=YEAR.first, delivered=None, tax_point=YEAR.first, is_corrective=False,
        is_by_payment=True, description=None, original=None, who=None, has_contact=False,
        has_invoice=True, sums={}, net=Decimal(0), tax=Decimal(0), deductible=Decimal(0),
        has_other_tax=False,
    )  # fmt: skip
    return list(sii.reported("issued", FRENCH, "B12345674", [invoice]))


def unbalanced_bank(rows: RawRows) -> None:
    rows["bank_accounts"][0]["balance"] += 1


def broken_books(scene: Scene) -> object:
    business = scene.books("GB", edit=unbalanced_bank)
    return scene.export("vat-return", business, "2025-07-01", "2025-07-31")


def unmapped_rates(scene: Scene) -> object:
    business = scene.books("ES", mapped=False)
    return scene.export("sii", business, "2025-07-01", "2026-06-30", "--force")


def empty_period(scene: Scene) -> object:
    business = scene.books("DE")
    return scene.export("datev", business, "1999-01-01", "1999-01-31", "--force")


def unwritable_output(scene: Scene) -> object:
    scene.user.warehouse.touch()
    return scene.export(
        "sii", "b", "2025-07-01", "2025-07-31", "--output", str(scene.user.warehouse)
    )


# --- the warehouse


def unreachable_server(scene: Scene) -> object:
    scene.patch.setenv("DESTINATION__POSTGRES__CREDENTIALS", "postgresql://a:b@127.0.0.1:9/c")
    return open_warehouse("postgres").counts("sage", ["currencies"])


def foreign_file(scene: Scene) -> object:
    duckdb.connect(str(scene.user.warehouse)).execute("CREATE TABLE main.mine (a INT)").close()
    return demo.start_over(open_warehouse("duckdb"))


def held_file(scene: Scene) -> object:
    duckdb.connect(str(scene.user.warehouse)).close()
    command = [sys.executable, "-c", HOLD, str(scene.user.warehouse)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        try:
            return open_warehouse("duckdb").wait_until_free(0)
        finally:
            holder.communicate()


def other_sync(scene: Scene) -> object:
    scene.user.connect()
    folder = Path(scene.user.environment["DLT_DATA_DIR"]) / "pipelines"
    with FileLock(folder / "sage_elt__default.lock"):
        return scene.user.run("sync", "--lock-timeout", "0")


def empty_file(scene: Scene) -> object:
    duckdb.connect(str(scene.user.warehouse)).close()
    return scene.user.run("check")


def damaged_file(scene: Scene) -> object:
    scene.user.warehouse.write_bytes(b"no database" * 1000)
    return open_warehouse("duckdb").tables("sage")


def read_only_file(scene: Scene) -> object:
    scene.user.warehouse.touch()
    scene.user.warehouse.chmod(0o444)
    return open_warehouse("duckdb").check_writable()


def missing_overrides(scene: Scene) -> object:
    scene.patch.setenv("TRANSFORMS__OVERRIDES", "nowhere.csv")
    return load_overrides(open_warehouse("duckdb"))


PROVOKERS: dict[str, Callable[[Scene], object]] = {
    "access-token-refused": access_of_nobody,
    "answer-not-decodable": two_shapes,
    "books-mixed": foreign_file,
    "budget-file-unusable": uncounted,
    "business-not-selected": lambda _: choose([], [], []),
    "business-unknown": lambda _: choose([], ["b"], []),
    "client-credentials-refused": wrong_client_secret,
    "day-budget-used-up": used_up_day,
    "destination-settings-missing": lambda scene: scene.user.run(
        "status", "--destination", "postgres"
    ),
    "destination-unreachable": unreachable_server,
    "destination-wrong": lambda _: open_warehouse("nowhere"),
    "export-account-unusable": lambda _: refusals.require_accounts(entries("1", None), "FEC"),
    "export-amount-unusable": lambda _: refusals.require_cents(entries("0.001", "1")),
    "export-business-wrong": lambda _: refusals.require_country(FRENCH, "DE", "DATEV"),
    "export-chart-unknown": lambda _: datev.require_chart(
        replace(FRENCH, country="DE", chart=None)
    ),
    "export-checks-broken": broken_books,
    "export-identifier-missing": lambda _: sii.require_nif(replace(FRENCH, country="ES")),
    "export-no-entries": empty_period,
    "export-not-built": cash_accounting,
    "export-number-wrong": lambda _: datev_format.require_numbers(1, 1),
    "export-period-wrong": lambda _: fec.require_whole_year(
        FRENCH, refusals.Period(date(2025, 2, 1), YEAR.last), YEAR
    ),
    "export-rates-unmapped": unmapped_rates,
    "input-wrong": unknown_ageing,
    "list-moved": churning_list,
    "nothing-transformed": empty_file,
    "other-sage-user": sign_in_of_another,
    "outbox-key-reused": key_used_twice,
    "outbox-unusable": outbox_below_a_file,
    "output-not-writable": unwritable_output,
    "override-mistake": lambda _: su.read_overrides(pl.DataFrame({"colour": ["green"]})),
    "overrides-unreadable": missing_overrides,
    "push-file-unreadable": lambda scene: scene.user.run("push", "nowhere.jsonl"),
    "raw-rows-contradict": doubled_rows,
    "redirect-port-taken": taken_port,
    "refresh-token-refused": lost_answer,
    "request-rejected": lambda scene: scene.refuse(kind="status", status=422),
    "resource-not-offered": lambda scene: scene.refuse(kind="status", status=403),
    "resource-unknown": lambda _: sage_accounting.sage_accounting(resources=["invoices"]),
    "rule-table-mistake": bad_rule_table,
    "sage-answers-unusable": lambda scene: scene.refuse(kind="status", status=503),
    "sage-limit-reached": lambda scene: scene.refuse(
        kind="status", status=429, retry_after="seconds", retry_after_s=36_000
    ),
    "sage-unreachable": lambda scene: scene.ask(base_url="http://127.0.0.1:9/v3.1"),
    "setting-missing": without("CLIENT_ID"),
    "setting-wrong": wrong_setting,
    "sign-in-failed": wrong_code,
    "sign-in-missing": lambda scene: scene.vault().bearer(),
    "subscription-ended": ended_subscription,
    "sync-already-running": other_sync,
    "token-key-malformed": lambda _: Cipher(["secret"]),
    "token-key-mismatch": other_token_key,
    "token-key-missing": without("TOKEN_KEY"),
    "token-lock-held": held_lock,
    "token-store-unusable": lock_below_a_file,
    "tokens-newer-stored": older_tokens,
    "tokens-of-other-version": lambda _: Record.from_bytes(b'{"format": 0}'),
    "unexpected-failure": lambda _: 1 / 0,
    "warehouse-busy": held_file,
    "warehouse-missing": lambda scene: scene.user.run("check"),
    "warehouse-not-writable": read_only_file,
    "warehouse-unreadable": damaged_file,
}
"""One small way to each code: raises, or runs a command that fails."""


def code_of(provoke: Callable[[Scene], object], scene: Scene) -> str:
    try:
        ended = provoke(scene)
    except Exception as error:  # noqa: BLE001 - whatever it is must have a code
        return explain(error).error_code
    assert isinstance(ended, Done), "nothing went wrong"
    found = re.search(r"\(([a-z-]+): docs/errors\.md#\1\)$", ended.stderr.strip())
    assert found is not None, ended.stderr
    return found[1]


@pytest.mark.parametrize("code", list(PROVOKERS))
def test_mistake_ends_in_its_code(scene: Scene, code: str) -> None:
    assert code_of(PROVOKERS[code], scene) == code


def test_every_entry_is_reached_by_a_mistake() -> None:
    assert set(catalogue()) == set(PROVOKERS)


def test_every_code_in_the_sources_has_an_entry() -> None:
    packages = [Path(p.__file__).parent for p in (sage_accounting, su, sage_elt)]
    used = {
        code
        for package in packages
        for path in package.rglob("*.py")
        for code in re.findall(r'error_code\s*=\s*"([^"]+)"', path.read_text(encoding="utf-8"))
    }
    assert used <= set(catalogue())


def test_no_code_stands_for_two_entries() -> None:
    tables = [Path(p.__file__).parent / "errors.csv" for p in (sage_accounting, su, sage_elt)]
    codes = [code for table in tables for code in pl.read_csv(table)["code"]]
    assert len(codes) == len(set(codes))


def kinds_of(root: type[Exception]) -> Iterator[type[Exception]]:
    for kind in root.__subclasses__():
        yield kind
        yield from kinds_of(kind)


@pytest.mark.parametrize("root", [SageError, su.UnifiedError, WarehouseError])
def test_every_class_of_errors_has_a_code_or_asks_for_one(root: type[Exception]) -> None:
    without = {kind for kind in kinds_of(root) if not hasattr(kind, "error_code")}
    assert without <= {refusals.ExportRefusedError}


def test_page_of_errors_is_current() -> None:
    made = runpy.run_path(str(ROOT / "scripts" / "make_error_docs.py"))["page"]()
    assert (ROOT / "docs" / "errors.md").read_text(encoding="utf-8") == made
