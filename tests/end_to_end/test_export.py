"""Exports by command: equal to the ledger marts, whole or not at all, the same bytes again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from datev_reader import read_extf
from export_books import Tables, write_books
from fec_reader import read_fec
from sandbox_books import RawRows
from shell import Done, User, new_user
from sii_reader import read_sii

from sage_sandbox.server import running_sandbox

SEED = os.environ.get("EXPORT_SEED")
"""Of all books; by default each country has one of its own. ``make exports`` goes through ten."""
FIRST, LAST = date(2025, 7, 1), date(2026, 6, 30)
"""The second year of the sandbox's books."""
YEAR = ("--from", str(FIRST), "--to", str(LAST))
JULY = ("--from", "2025-07-01", "--to", "2025-07-31")


@dataclass
class Books:
    """Somebody at a shell beside a warehouse with one business."""

    user: User
    business_id: str
    tables: Tables
    exports: dict[str, dict[str, Path]] = field(default_factory=dict)

    def export(self, kind: str, *arguments: str) -> Done:
        return self.user.run("export", kind, "--business", self.business_id, *arguments)

    def of_year(self, kind: str) -> dict[str, Path]:
        """The files of the second year by name, exported once for all tests."""
        if kind not in self.exports:
            assert self.export(kind, *YEAR, "--output", kind).returncode == 0
            folder = self.user.folder / kind
            self.exports[kind] = {path.name: path for path in sorted(folder.iterdir())}
        return self.exports[kind]

    def one(self, kind: str, part: str) -> Path:
        """The file of the second year whose name holds ``part``; notes only where they are meant."""
        (path,) = [
            path
            for name, path in self.of_year(kind).items()
            if part in name and ("notes" in part or "notes" not in name)
        ]
        return path

    def files(self) -> list[str]:
        return sorted(path.name for path in self.user.folder.rglob("*") if path.suffix != ".duckdb")

    def table(self, schema: str, name: str) -> pl.DataFrame:
        return self.tables[schema, name]

    def balances(self, first: date, last: date) -> dict[str, Decimal]:
        """Movement of each account by the trial balance, by code; none that is zero."""
        months = self.table("marts", "trial_balance").filter(
            pl.col("period_end").is_between(first, last)
        )
        moved = months.group_by("account_code").agg((pl.col("debits") - pl.col("credits")).sum())
        return {code: amount for code, amount in moved.iter_rows() if amount}


MakeBooks = Callable[..., Books]


@pytest.fixture(scope="module")
def make_books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeBooks]:
    with running_sandbox(countries=(), invoices=0) as unused:

        def books(country: str, seed: int, **changes: Any) -> Books:
            folder = tmp_path_factory.mktemp(country) / "user"
            user = new_user(folder, unused)
            return Books(user, *write_books(user.warehouse, country, seed, **changes))

        yield books


@pytest.fixture(scope="module")
def british(make_books: MakeBooks) -> Books:
    return make_books("GB", int(SEED or 2))


@pytest.fixture(scope="module")
def french(make_books: MakeBooks) -> Books:
    return make_books("FR", int(SEED or 3))


@pytest.fixture(scope="module")
def german(make_books: MakeBooks) -> Books:
    return make_books("DE", int(SEED or 4))


@pytest.fixture(scope="module")
def spanish(make_books: MakeBooks) -> Books:
    return make_books("ES", int(SEED or 5))


def test_vat_return_equals_the_mart(british: Books) -> None:
    done = british.export("vat-return", *JULY, "--json", "--period-key", "18A1")
    assert done.returncode == 0, done.stderr
    body = json.loads(done.stdout, parse_float=Decimal)
    wanted = dict(
        british.table("marts", "vat_summary")
        .filter(period_kind="month", period_start=FIRST)
        .select("box", "amount")
        .iter_rows()
    )
    assert [body[name] for name in list(body)[1:10]] == [wanted[str(box)] for box in range(1, 10)]
    assert (body["periodKey"], body["finalised"]) == ("18A1", False)


def test_lines_of_a_vat_return_sum_to_its_boxes(spanish: Books) -> None:
    returned = spanish.one("vat-return", "06-30.json").read_text(encoding="utf-8")
    boxes = {b["box"]: b["amount"] for b in json.loads(returned, parse_float=Decimal)["boxes"]}
    lines = pl.read_csv(
        spanish.one("vat-return", "lines.csv"),
        schema_overrides={"box": pl.String, "amount": pl.Decimal(19, 4)},
    )
    summed = lines.drop_nulls("box").group_by("box").agg(pl.col("amount").sum())
    assert summed.height > 5
    assert {box: amount.quantize(Decimal("0.01")) for box, amount in summed.iter_rows()} == {
        box: boxes[box] for box in summed["box"]
    }


def test_fec_keeps_every_rule_and_equals_the_trial_balance(french: Books) -> None:
    path = french.one("fec", "20260630.txt")
    found = read_fec(path.name, path.read_bytes())
    assert found.problems == []
    before = french.balances(date.min, date(2025, 6, 30))
    during = french.balances(FIRST, LAST)
    wanted = {
        code: (Decimal(0) if code[0] in "67" else before.get(code, Decimal(0)))
        + during.get(code, Decimal(0))
        for code in before | during
    }
    result = sum((amount for code, amount in before.items() if code[0] in "67"), Decimal(0))
    wanted["120" if result < 0 else "129"] = result
    assert {c: a for c, a in found.balances().items() if a} == {
        c: a for c, a in wanted.items() if a
    }
    assert "UTF-8" in french.one("fec", "description").read_text(encoding="utf-8")


def test_result_of_the_fec_is_that_of_the_profit_and_loss(french: Books) -> None:
    path = french.one("fec", "20260630.txt")
    balances = read_fec(path.name, path.read_bytes()).balances()
    result = -sum(amount for code, amount in balances.items() if code[0] in "67")
    months = french.table("marts", "profit_and_loss").filter(
        pl.col("period").is_between(FIRST, LAST)
    )
    assert result == months.unique("period")["net_profit"].sum()


def test_datev_moves_every_account_by_what_sage_booked(german: Books) -> None:
    found = read_extf(german.one("datev", "Buchungsstapel_").read_bytes())
    assert found.problems == []
    accounts = german.table("unified", "dim_account").filter("is_control_account")
    control = dict(accounts.select("account_subclass", "code").iter_rows())
    moved: dict[str, Decimal] = {}
    for account, amount in found.movements().items():
        is_person = len(account) == 5
        code = control["receivable" if account[0] < "7" else "payable"] if is_person else account
        moved[code] = moved.get(code, Decimal(0)) + amount
    assert {c: a for c, a in moved.items() if a} == german.balances(FIRST, LAST)


def test_every_person_in_a_batch_is_among_debtors_and_creditors(german: Books) -> None:
    bookings = read_extf(german.one("datev", "Buchungsstapel_").read_bytes())
    people = read_extf(german.one("datev", "Debitoren").read_bytes())
    assert people.problems == []
    used = {a for record in bookings.records for a in record[6:8] if len(a) == 5}
    assert used <= {record[0] for record in people.records}


@pytest.mark.parametrize(
    ("file", "book", "direction"),
    [("emitidas", "issued", "sale"), ("recibidas", "received", "purchase")],
)
def test_sii_and_what_it_leaves_out_equal_the_tax_lines(
    spanish: Books, file: str, book: str, direction: str
) -> None:
    found = read_sii(spanish.one("sii", file).read_bytes())
    left = pl.read_csv(
        spanish.one("sii", "not_reported"), schema_overrides={"net": pl.Decimal(19, 4)}
    ).filter(book=book)
    lines = spanish.table("marts", "vat_lines").filter(
        pl.col("tax_point").is_between(FIRST, LAST), direction=direction
    )
    net = lines.filter(pl.col("rate_class") != "surcharge")["net"].sum()
    assert found.problems == []
    assert found.bases + left["net"].sum() == net
    assert found.taxes == lines["tax"].sum() + lines["notional_tax"].sum()
    assert set(left["reason"]) == {"no VAT: not an invoice"}


@pytest.mark.parametrize(
    ("country", "kind"),
    [("spanish", "vat-return"), ("french", "fec"), ("german", "datev"), ("spanish", "sii")],
)
def test_second_export_gives_the_same_bytes(
    request: pytest.FixtureRequest, country: str, kind: str
) -> None:
    books: Books = request.getfixturevalue(country)
    first = {name: path.read_bytes() for name, path in books.of_year(kind).items()}
    again = f"{kind}-again"
    assert books.export(kind, *YEAR, "--output", again).returncode == 0
    assert {p.name: p.read_bytes() for p in (books.user.folder / again).iterdir()} == first
    assert any(b"2026.1" in content for content in first.values())


def test_bad_numbers_are_listed_and_written(spanish: Books) -> None:
    notes = spanish.one("sii", "notes").read_text(encoding="utf-8")
    listed = json.loads(notes)["bad_identifiers"]
    contacts = spanish.table("unified", "dim_contact")
    bad = contacts.filter(contact_id=listed[0]["id"])["tax_number"].item()
    assert listed[0]["problem"] in ("checksum", "format", "component", "length")
    assert bad not in notes
    assert b"<sii:NIF>1000" in spanish.one("sii", "recibidas").read_bytes()


def broken(rows: RawRows) -> None:
    """A bank balance that the ledger does not have."""
    rows["bank_accounts"][0]["balance"] += 1


def test_broken_books_are_exported_only_by_force_and_say_so(make_books: MakeBooks) -> None:
    books = make_books("GB", 1, edit=broken)
    before = books.files()
    refused = books.export("vat-return", *JULY)
    assert refused.returncode == 1
    assert "do not tie out" in refused.stderr
    assert books.files() == before
    assert books.export("vat-return", *JULY, "--force").returncode == 0
    (notes,) = books.user.folder.glob("*_notes.json")
    told = json.loads(notes.read_text(encoding="utf-8"))
    assert told["forced"] is True
    assert told["broken_tie_outs"]


def without_siret(rows: RawRows) -> None:
    rows["business_settings"][0]["siret"] = None


def with_a_long_code(rows: RawRows) -> None:
    account = next(a for a in rows["ledger_accounts"] if a["nominal_code"] == 6815)
    account["nominal_code"] = 681512345


@pytest.mark.parametrize(
    ("country", "kind", "changes", "period", "message"),
    [
        ("FR", "fec", {"edit": without_siret}, YEAR, "no SIREN"),
        ("DE", "datev", {"edit": with_a_long_code}, YEAR, "too long for DATEV"),
        ("DE", "datev", {"mapped": False}, YEAR, "no known meaning"),
        ("ES", "sii", {"mapped": False}, YEAR, "no known meaning"),
    ],
)
def test_bad_books_are_refused_and_leave_no_file(
    make_books: MakeBooks,
    country: str,
    kind: str,
    changes: dict[str, Any],
    period: tuple[str, ...],
    message: str,
) -> None:
    books = make_books(country, 1, **changes)
    before = books.files()
    done = books.export(kind, *period)
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert books.files() == before


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        ("fec", ("--from", "2025-01-01", "--to", "2025-12-31"), "two financial years"),
        ("fec", ("--from", "2025-08-01", "--to", "2026-06-30"), "--from 2025-07-01"),
        ("fec", ("--from", "2025-07-31", "--to", "2025-07-01"), "ends before it begins"),
        ("sii", YEAR, "is a file of ES"),
        ("datev", YEAR, "is a file of DE"),
    ],
)
def test_bad_request_is_refused(
    french: Books, kind: str, arguments: tuple[str, ...], message: str
) -> None:
    done = french.export(kind, *arguments)
    assert done.returncode == 1
    assert message in done.stderr


def test_unknown_business_is_refused(french: Books) -> None:
    done = french.user.run("export", "fec", "--business", "nobody", *YEAR)
    assert done.returncode == 1
    assert french.business_id in done.stderr
