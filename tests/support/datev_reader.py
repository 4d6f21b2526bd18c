"""A reader of DATEV's EXTF files that knows the format and not the exporter.

Applies what DATEV does when it imports: takes the tax of a key, or of an automatic account, out of the
amount and books it on the tax account.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

TEXTS_OF_HEADER = {1, 4, 8, 9, 10, 17, 18, 22, 24, 27, 30, 31}
TEXTS_OF_BOOKING = {
    2,
    3,
    6,
    9,
    11,
    12,
    14,
    16,
    20,
    *range(21, 39),
    40,
    42,
    *range(48, 88),
    91,
    95,
    96,
    98,
    102,
    103,
    105,
    107,
    109,
    110,
    112,
    118,
    120,
    121,
    123,
}
TEXTS_OF_CONTACT = {*range(2, 26), *range(29, 41)}
BOOKING_FIELDS, CONTACT_FIELDS, HEADER_FIELDS = 125, 254, 31
KEYS = {"2": 7, "3": 19, "8": 7, "9": 19}
TAX_ACCOUNTS = {
    "03": {"2": "1771", "3": "1776", "8": "1571", "9": "1576"},
    "04": {"2": "3801", "3": "3806", "8": "1401", "9": "1406"},
}
AUTOMATIC = {
    "03": {(8400, 8410): "3", (8300, 8310): "2", (3400, 3410): "9", (3300, 3309): "8"},
    "04": {(4400, 4410): "3", (4300, 4310): "2", (5400, 5410): "9", (5300, 5309): "8"},
}
NO_AUTOMATIC = "40"
FIELD = re.compile(r'"(?:[^"]|"")*"|[^;"]*')


@dataclass(frozen=True)
class Extf:
    """A file: fields as they stand, with their quotes; and what breaks a rule."""

    header: list[str]
    records: list[list[str]]
    problems: list[str]

    def text(self, record: int, position: int) -> str:
        """A field without its quotes."""
        return plain(self.records[record][position - 1])

    def movements(self) -> dict[str, Decimal]:
        """Debits less credits by account, tax taken out as DATEV does."""
        chart, length = plain(self.header[26]), int(self.header[13])
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for record in self.records:
            value = Decimal(record[0].replace(",", "."))
            value = value if plain(record[1]) == "S" else -value
            sums[record[6]] += value
            key = plain(record[8]) or _automatic(chart, record[7])
            tax = Decimal(0)
            if key in KEYS:
                rate = KEYS[key]
                tax = (value * rate / (100 + rate)).quantize(Decimal("0.01"), ROUND_HALF_UP)
                sums[TAX_ACCOUNTS[chart][key].ljust(length, "0")] -= tax
            sums[record[7]] -= value - tax
        return {account: total for account, total in sums.items() if total}


def plain(field: str) -> str:
    return field[1:-1].replace('""', '"') if field.startswith('"') else field


def read_extf(content: bytes) -> Extf:
    """The header, records and problems of a file."""
    rows = content.decode("cp1252").split("\r\n")
    problems = [] if rows[-1] == "" else ["the last line has no end"]
    header, names, *records = [_fields(row) for row in rows[:-1]]
    booking = plain(header[3]) == "Buchungsstapel"
    fields = BOOKING_FIELDS if booking else CONTACT_FIELDS
    if len(header) != HEADER_FIELDS:
        problems.append(f"the header has {len(header)} fields")
    if len(names) != fields:
        problems.append(f"{len(names)} names")
    problems += [f"header {p}: {m}" for p, m in _quotes(header, TEXTS_OF_HEADER, HEADER_FIELDS)]
    texts = TEXTS_OF_BOOKING if booking else TEXTS_OF_CONTACT
    looked_at = fields if booking else 40
    for number, record in enumerate(records, 1):
        if len(record) != fields:
            problems.append(f"record {number} has {len(record)} fields")
            continue
        found = [f"{p}: {m}" for p, m in _quotes(record, texts, looked_at)]
        found += _of_booking(header, record) if booking else _of_contact(header, record)
        problems += [f"record {number}, {problem}" for problem in found]
    if len(records) > 99_999:
        problems.append("too many records")
    return Extf(header, records, problems)


def _fields(row: str) -> list[str]:
    fields, place = [], 0
    while True:
        found = FIELD.match(row, place)
        assert found is not None
        fields.append(found[0])
        place = found.end()
        if place >= len(row):
            return fields
        assert row[place] == ";", row[place - 10 : place + 10]
        place += 1


def _quotes(fields: list[str], texts: set[int], upto: int) -> list[tuple[int, str]]:
    wrong = []
    for position, field in enumerate(fields[:upto], 1):
        if (position in texts) != field.startswith('"'):
            wrong.append((position, f"quotes of {field[:20]}"))
    return wrong


def _of_booking(header: list[str], record: list[str]) -> list[str]:
    problems = []
    length = int(header[13])
    if not re.fullmatch(r"\d{1,10},\d{2}", record[0]) or record[0] == "0,00":
        problems.append(f"amount {record[0]}")
    if plain(record[1]) not in ("S", "H"):
        problems.append("Soll/Haben")
    for account in record[6:8]:
        if not re.fullmatch(rf"\d{{{length},{length + 1}}}", account):
            problems.append(f"account {account}")
    if not re.fullmatch(r"\d{4}", record[9]) or not _within(header, record[9]):
        problems.append(f"date {record[9]}")
    if not re.fullmatch(r"[A-Za-z0-9$&%*+\-/]{0,36}", plain(record[10])):
        problems.append(f"Belegfeld 1 {record[10]}")
    if len(plain(record[13])) > 60 or record[113] != "0":
        problems.append("text or Festschreibung")
    return problems


def _of_contact(header: list[str], record: list[str]) -> list[str]:
    problems = []
    if not re.fullmatch(rf"[1-9]\d{{{header[13]}}}", record[0]):
        problems.append(f"account {record[0]}")
    limits = {6: 50, 9: 2, 10: 13, 15: 3, 16: 36, 18: 10, 19: 30, 20: 2, 22: 36}
    problems += [
        f"field {p} is long" for p, most in limits.items() if len(plain(record[p - 1])) > most
    ]
    if plain(record[6]) not in ("0", "1", "2"):
        problems.append("Adressatentyp")
    return problems


def _within(header: list[str], day_month: str) -> bool:
    """Whether a day and month are within the period of the header in one of its years."""
    first, last = header[14], header[15]
    written = day_month[2:] + day_month[:2]
    return any(first <= year + written <= last for year in {first[:4], last[:4]})


def _automatic(chart: str, account: str) -> str:
    for (first, last), key in AUTOMATIC[chart].items():
        if len(account) == 4 and first <= int(account) <= last:
            return key
    return ""
