"""Tax rates with their history: the records that Sage shows and what a line needs of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from sage_sandbox.charts.tables import Row, rows
from sage_sandbox.records import LAST_DAY, cents, hex_id, stub
from sage_sandbox.store import Record

_ROLE_FALLBACK = {
    "eu_goods": "zero",
    "eu_services": "zero",
    "export_goods": "zero",
    "acquisition": "standard",
    "reverse_charge": "standard",
    "second_reduced": "reduced",
    "super_reduced": "reduced",
    "intermediate": "reduced",
    "reduced": "standard",
}
"""Where a country has no rate of its own for a case, the rate that its users take instead."""


class Share(NamedTuple):
    """One component's tax on a net amount; ``account`` is the suffix of its tax accounts' roles."""

    rate: Record
    percentage: Decimal
    amount: Decimal
    account: str


@dataclass
class Rate:
    """A tax rate as lines use it."""

    id: str
    stub: Record
    role: str
    periods: tuple[tuple[str, str, Decimal], ...]
    components: tuple[Rate, ...]
    account: str
    _on: dict[str, tuple[tuple[Record, Decimal, str], ...]] = field(default_factory=dict)

    def percentage_on(self, day: str) -> Decimal:
        """Give the percentage on an ISO date; 0 before the first period."""
        return sum((share[1] for share in self._parts_on(day)), Decimal(0))

    def shares(self, net: Decimal, day: str) -> list[Share]:
        """Split the tax on a net amount by component, each rounded half up to cents."""
        return [
            Share(rate, percentage, cents(net * percentage / 100), account)
            for rate, percentage, account in self._parts_on(day)
        ]

    def _parts_on(self, day: str) -> tuple[tuple[Record, Decimal, str], ...]:
        parts = self._on.get(day)
        if parts is None:
            if self.components:
                parts = tuple(part for c in self.components for part in c._parts_on(day))
            else:
                held = [p for start, end, p in self.periods if start <= day and day <= (end or day)]
                parts = ((self.stub, held[-1] if held else Decimal(0), self.account),)
            self._on[day] = parts
        return parts


def tax_rates(business_id: str, country: str, created_at: str) -> tuple[list[Rate], list[Record]]:
    """Give the country's rates, ready for lines, and their records, in table order."""
    rates: dict[str, Rate] = {}
    records: dict[str, Record] = {}
    for row in rows("tax_rates"):
        if row["country"] != country:
            continue
        rate = _rate(business_id, row, rates)
        rates[row["id"]] = rate
        parts = [records[c] for c in row["components"].split("+") if c]
        records[row["id"]] = _record(rate, row, parts, created_at)
    return list(rates.values()), list(records.values())


def by_role(rates: list[Rate]) -> dict[str, Rate]:
    """Give the rate for each role, roles that the country lacks filled from their neighbours."""
    roles = {rate.role: rate for rate in reversed(rates) if rate.role}
    for role, instead in _ROLE_FALLBACK.items():
        if role not in roles and instead in roles:
            roles[role] = roles[instead]
    return roles


def _rate(business_id: str, row: Row, known: dict[str, Rate]) -> Rate:
    rate_id = row["id"]
    if rate_id.startswith("own:"):
        rate_id = hex_id(business_id, "tax_rates", rate_id)
    periods = tuple(_periods(row["history"]))
    components = tuple(known[c] for c in row["components"].split("+") if c)
    rate = Rate(rate_id, {}, row["role"], periods, components, row["account"])
    percentage = rate.percentage_on(LAST_DAY.isoformat())
    rate.stub.update(stub("tax_rates", rate_id, f"{row['name']} {percentage:.2f}%"))
    return rate


def _periods(history: str) -> list[tuple[str, str, Decimal]]:
    """Read ``17.5@1991-04-01..2008-11-30;20@2011-01-04..`` (an open end is an empty text)."""
    periods = []
    for period in filter(None, history.split(";")):
        percentage, _, span = period.partition("@")
        start, _, end = span.partition("..")
        periods.append((start, end, Decimal(percentage)))
    return periods


def _record(rate: Rate, row: Row, components: list[Record], created_at: str) -> Record:
    own = row["id"].startswith("own:")
    return {
        **rate.stub,
        "created_at": created_at,
        "updated_at": created_at,
        "name": row["name"],
        "agency": row["agency"] or None,
        "percentage": rate.percentage_on(LAST_DAY.isoformat()),
        "percentages": [
            {"percentage": percentage, "from_date": start, "to_date": end or None}
            for start, end, percentage in rate.periods
        ],
        "is_visible": row["visible"] == "1",
        "retailer": row["retailer"] == "1",
        "editable": own,
        "deletable": own,
        "is_combined_rate": bool(components),
        "component_tax_rates": [
            {key: value for key, value in component.items() if key != "component_tax_rates"}
            for component in components
        ],
    }
