"""A reader of FEC files that knows the law and not the exporter: LPF art. A47 A-1, BOI-CF-IOR-60-40-20."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

NAMES = [
    "JournalCode",
    "JournalLib",
    "EcritureNum",
    "EcritureDate",
    "CompteNum",
    "CompteLib",
    "CompAuxNum",
    "CompAuxLib",
    "PieceRef",
    "PieceDate",
    "EcritureLib",
    "Debit",
    "Credit",
    "EcritureLet",
    "DateLet",
    "ValidDate",
    "Montantdevise",
    "Idevise",
]
MAY_BE_BLANK = {
    "CompAuxNum", "CompAuxLib", "EcritureLet", "DateLet", "Montantdevise", "Idevise",
}  # fmt: skip
DATES = ("EcritureDate", "PieceDate", "ValidDate", "DateLet")
FILE_NAME = re.compile(r"\d{9}FEC\d{8}\.txt")
AMOUNT = re.compile(r"-?\d{1,15},\d{2}")
CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True)
class Fec:
    """A file: its lines, and what of them breaks a rule."""

    lines: list[dict[str, str]]
    problems: list[str]

    def balances(self) -> dict[str, Decimal]:
        """Debits less credits by account."""
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for line in self.lines:
            sums[line["CompteNum"]] += amount(line["Debit"]) - amount(line["Credit"])
        return dict(sums)


def amount(text: str) -> Decimal:
    return Decimal(text.replace(",", "."))


def read_fec(name: str, content: bytes) -> Fec:
    """The lines and problems of a file."""
    problems = [] if FILE_NAME.fullmatch(name) else [f"the name {name}"]
    text = content.decode("utf-8")
    rows = text.splitlines()
    if not rows or rows[0].split("\t") != NAMES:
        return Fec([], [*problems, "the header"])
    lines = []
    for number, row in enumerate(rows[1:], 2):
        cells = row.split("\t")
        if len(cells) != len(NAMES):
            problems.append(f"line {number} has {len(cells)} fields")
            continue
        line = dict(zip(NAMES, cells, strict=True))
        lines.append(line)
        problems += [f"line {number}: {problem}" for problem in _of_line(line)]
    return Fec(lines, problems + _of_file(lines))


def _of_line(line: dict[str, str]) -> list[str]:
    problems = [f"{n} is blank" for n in NAMES if n not in MAY_BE_BLANK and not line[n].strip()]
    problems += [f"{n} is padded" for n in NAMES if line[n] != line[n].strip()]
    for name in DATES:
        if line[name] and not _is_date(line[name]):
            problems.append(f"{name} is {line[name]}")
    for name in ("Debit", "Credit"):
        if not AMOUNT.fullmatch(line[name]):
            problems.append(f"{name} is {line[name]}")
    if bool(line["Montantdevise"]) != bool(line["Idevise"]):
        problems.append("an amount in currency without a currency")
    if line["Montantdevise"] and not AMOUNT.fullmatch(line["Montantdevise"]):
        problems.append(f"Montantdevise is {line['Montantdevise']}")
    if line["Idevise"] and not CURRENCY.fullmatch(line["Idevise"]):
        problems.append(f"Idevise is {line['Idevise']}")
    if line["DateLet"] and not line["EcritureLet"]:
        problems.append("DateLet without EcritureLet")
    if line["CompAuxLib"] and not line["CompAuxNum"]:
        problems.append("CompAuxLib without CompAuxNum")
    if not re.match(r"[1-8]\d{2}", line["CompteNum"]):
        problems.append(f"CompteNum is {line['CompteNum']}")
    return problems


def _of_file(lines: list[dict[str, str]]) -> list[str]:
    problems = []
    numbers = [int(line["EcritureNum"]) for line in lines if line["EcritureNum"].isdigit()]
    if numbers and (numbers[0] != 1 or any(b - a not in (0, 1) for a, b in pairwise(numbers))):
        problems.append("EcritureNum has a gap or goes back")
    sums: dict[str, Decimal] = defaultdict(Decimal)
    journals = defaultdict(set)
    for line in lines:
        sums[line["EcritureNum"]] += amount(line["Debit"]) - amount(line["Credit"])
        journals[line["EcritureNum"]].add(line["JournalCode"])
    problems += [f"entry {number} does not balance" for number, rest in sums.items() if rest]
    problems += [f"entry {n} is in {len(j)} journals" for n, j in journals.items() if len(j) > 1]
    opening = [line["JournalCode"] == "AN" for line in lines]
    if opening != sorted(opening, reverse=True):
        problems.append("opening entries are not the first")
    return problems


def _is_date(text: str) -> bool:
    try:
        return datetime.strptime(text, "%Y%m%d").strftime("%Y%m%d") == text  # noqa: DTZ007
    except ValueError:
        return False
