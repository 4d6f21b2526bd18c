"""A reader of SII files that knows the description of the office and not the exporter."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from lxml import etree

SCHEMA = Path(__file__).with_name("sii.xsd")
_BASES = (
    "BaseImponible",
    "ImportePorArticulos7_14_Otros",
    "ImporteTAIReglasLocalizacion",
)
_TAXES = ("CuotaRepercutida", "CuotaSoportada", "CuotaRecargoEquivalencia")
_LR, _INFORMATION = "SuministroLR.xsd", "SuministroInformacion.xsd"
_OF_LR = {
    "SuministroLRFacturasEmitidas", "SuministroLRFacturasRecibidas", "RegistroLRFacturasEmitidas",
    "RegistroLRFacturasRecibidas", "IDFactura", "FacturaExpedida", "FacturaRecibida",
}  # fmt: skip


@dataclass(frozen=True)
class Sii:
    """A file: its records, and what of it breaks the schema or a rule."""

    records: list[etree._Element]
    problems: list[str]

    def total(self, *names: str) -> Decimal:
        """The sum of all elements of these names."""
        return sum(
            (Decimal(e.text or "0") for r in self.records for n in names for e in r.iter(n)),
            Decimal(0),
        )

    @property
    def bases(self) -> Decimal:
        return self.total(*_BASES)

    @property
    def taxes(self) -> Decimal:
        return self.total(*_TAXES)


def read_sii(content: bytes) -> Sii:
    """The records of a file, without their namespaces."""
    root = etree.fromstring(content)
    problems = []
    for element in root.iter(etree.Element):
        name = etree.QName(element)
        place = _LR if name.localname in _OF_LR else _INFORMATION
        if not (name.namespace or "").endswith(place):
            problems.append(f"{name.localname} is in the namespace {name.namespace}")
        element.tag = name.localname
    etree.cleanup_namespaces(root)
    bare = etree.fromstring(etree.tostring(root))
    schema = etree.XMLSchema(etree.parse(str(SCHEMA)))
    if not schema.validate(bare):
        problems += [f"line {e.line}: {e.message}" for e in schema.error_log]
    records = list(bare)[1:]
    for record in records:
        problems += _of_record(record)
    return Sii(records, problems)


def _of_record(record: etree._Element) -> list[str]:
    problems = []
    kind = record.findtext(".//TipoFactura") or ""
    number = record.findtext(".//NumSerieFacturaEmisor")
    if kind.startswith("R") != (record.find(".//TipoRectificativa") is not None):
        problems.append(f"{number}: TipoRectificativa of {kind}")
    issued = record.find(".//FacturaExpedida")
    if issued is not None:
        who = issued.find("Contraparte")
        if (who is None) != (kind in ("F2", "F4", "R5")):
            problems.append(f"{number}: counterparty of {kind}")
        foreign = who is not None and (
            who.find("IDOtro") is not None or (who.findtext("NIF") or "").startswith("N")
        )
        if foreign != (issued.find(".//DesgloseTipoOperacion") is not None):
            problems.append(f"{number}: breakdown of a foreign counterparty")
    if (record.findtext(".//DescripcionOperacion") or "").strip() == "":
        problems.append(f"{number}: no description")
    return problems
