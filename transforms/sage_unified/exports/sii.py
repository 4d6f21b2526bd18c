"""SII: the Spanish books of issued and received invoices, as XML of at most 10,000 invoices.

Source: rules/exports.csv (SII). What can not be reported as it stands is listed with its reason. Invoices
under cash accounting need the payments as well, which is not built: refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from sage_unified.exports.refusals import Business, ExportRefusedError, require_country
from sage_unified.exports.sii_invoices import ZERO, Invoice, Kind, Sums
from sage_unified.exports.sii_parties import Party, nif_of
from sage_unified.exports.sii_xml import (
    Book,
    counterparty,
    day,
    identity,
    money,
    of,
    text,
)
from sage_unified.exports.texts import one_line_of

_GENERAL, _EXPORT, _OTHER_TAX, _ACQUISITION, _ONE_STOP = "01", "02", "08", "09", "17"
_DESCRIPTIONS: Final[dict[Book, str]] = {"issued": "Venta", "received": "Compra"}
_MOST_NUMBER: Final = 60
_MOST_DESCRIPTION: Final = 500


@dataclass(frozen=True)
class Unreported:
    """An invoice that is not in the file, and why."""

    invoice: Invoice
    reason: str


def require_nif(business: Business) -> str:
    """The business's own NIF; raises :class:`ExportRefusedError` without one."""
    require_country(business, "ES", "The SII")
    if nif := nif_of(business.tax_number):
        return nif
    raise ExportRefusedError(
        f"Business {business.business_id} has no NIF of nine characters, and every record of the SII "
        "begins with it.",
        "Enter it in Sage's financial settings, then run: sage-elt run",
        error_code="export-identifier-missing",
    )


def reported(
    book: Book, business: Business, nif: str, found: Iterable[Invoice]
) -> Iterator[str | Unreported]:
    """The record of each invoice, or why there is none.

    An invoice that has the issuer, number and date of one before is a duplicate: the office refuses it.
    Raises :class:`ExportRefusedError` for invoices under cash accounting.
    """
    seen: set[tuple[str, str, str]] = set()
    own = Party(business.name, nif=nif)
    for invoice in found:
        if invoice.is_by_payment:
            raise ExportRefusedError(
                f"Business {business.business_id} is under cash accounting, for which the SII wants each "
                "payment reported, and that is not built.",
                "Report these invoices with other software.",
                error_code="export-not-built",
            )
        issuer = own if book == "issued" or "import" in invoice.kinds else invoice.who
        number = _number(book, invoice)
        if reason := _why_not(book, invoice, issuer, number):
            yield Unreported(invoice, reason)
            continue
        assert issuer is not None  # noqa: S101 - else there was a reason
        key = (issuer.identity, number, str(invoice.day))
        if key in seen:
            yield Unreported(invoice, "the number and date of another invoice")
            continue
        seen.add(key)
        yield _record(book, invoice, issuer, number)


def _why_not(book: Book, invoice: Invoice, issuer: Party | None, number: str) -> str | None:
    if not invoice.has_invoice:
        return "no VAT: not an invoice"
    if not number:
        return "no number"
    if book == "received" and not invoice.has_contact:
        return "no supplier"
    if issuer is None:
        return "no tax number of the supplier"
    return None


def _number(book: Book, invoice: Invoice) -> str:
    own = invoice.number or ""
    number = own if book == "issued" else invoice.vendor_reference or own
    return one_line_of(number)[:_MOST_NUMBER].strip()


def _record(book: Book, invoice: Invoice, issuer: Party, number: str) -> str:
    point = invoice.tax_point
    body, name, root = (
        (_issued(invoice), "FacturaExpedida", "RegistroLRFacturasEmitidas")
        if book == "issued"
        else (_received(invoice, issuer), "FacturaRecibida", "RegistroLRFacturasRecibidas")
    )
    return of(
        root,
        of("PeriodoLiquidacion", text("Ejercicio", f"{point:%Y}"), text("Periodo", f"{point:%m}")),
        of(
            "IDFactura",
            of("IDEmisorFactura", identity(issuer)),
            text("NumSerieFacturaEmisor", number),
            day("FechaExpedicionFacturaEmisor", invoice.day),
            prefix="siiLR",
        ),
        of(name, body, prefix="siiLR"),
        prefix="siiLR",
    )


def _head(book: Book, invoice: Invoice, kind: str, regime: str) -> str:
    """What both books have in common, in the order of the schema."""
    corrective = text("TipoRectificativa", "I") if kind.startswith("R") else ""
    original = ""
    if corrective and invoice.original:
        original = of(
            "FacturasRectificadas",
            of(
                "IDFacturaRectificada",
                text("NumSerieFacturaEmisor", invoice.original[0], _MOST_NUMBER),
                day("FechaExpedicionFacturaEmisor", invoice.original[1]),
            ),
        )
    delivered = invoice.delivered
    # the id is the end of it: the office takes 60 characters
    reference = f"{invoice.resource}:{invoice.document_id}"[-60:]
    return "".join(
        (
            text("TipoFactura", kind),
            corrective,
            original,
            day("FechaOperacion", delivered) if delivered and delivered != invoice.day else "",
            text("ClaveRegimenEspecialOTrascendencia", regime),
            money("ImporteTotal", invoice.total),
            text(
                "DescripcionOperacion",
                one_line_of(invoice.description or "") or _DESCRIPTIONS[book],
                _MOST_DESCRIPTION,
            ),
            text("RefExterna", reference),
        )
    )


def _issued(invoice: Invoice) -> str:
    who = invoice.who
    if who is None:
        kind = "R5" if invoice.is_corrective else "F2"
    else:
        kind = "R1" if invoice.is_corrective else "F1"
    regime = _GENERAL
    if "E2" in invoice.kinds:
        regime = _EXPORT
    elif "one_stop" in invoice.kinds:
        regime = _ONE_STOP
    elif invoice.has_other_tax:
        regime = _OTHER_TAX
    head = _head("issued", invoice, kind, regime)
    if who is None or not who.is_foreign:
        breakdown = of("DesgloseFactura", _operations(invoice, None))
    else:
        services, goods = _operations(invoice, True), _operations(invoice, False)
        breakdown = of(
            "DesgloseTipoOperacion",
            of("PrestacionServicios", services) if services else "",
            of("Entrega", goods) if goods else "",
        )
    return "".join((head, counterparty(who) if who else "", of("TipoDesglose", breakdown)))


def _operations(invoice: Invoice, services: bool | None) -> str:
    """Subject and not subject, of services or of goods, or of both for None."""
    own = {
        key: sums for key, sums in invoice.sums.items() if services is None or key[1] is services
    }
    exempt = [
        of("DetalleExenta", text("CausaExencion", cause), money("BaseImponible", amount))
        for cause in ("E1", "E2", "E5")
        if (amount := _net(own, cause)) is not None
    ]
    taxed = [
        (key, sums) for key, sums in sorted(own.items()) if key[0] in ("taxed", "reverse_charge")
    ]
    kinds = {key[0] for key, _ in taxed}
    subject = ""
    if exempt:
        subject += of("Exenta", *exempt)
    if taxed:
        code = "S3" if len(kinds) > 1 else "S1" if "taxed" in kinds else "S2"
        details = [_issued_detail(key, sums) for key, sums in taxed]
        subject += of("NoExenta", text("TipoNoExenta", code), of("DesgloseIVA", *details))
    parts = of("Sujeta", subject) if subject else ""
    free, located = _net(own, "not_subject"), _net(own, "located", "one_stop")
    if free is not None or located is not None:
        parts += of(
            "NoSujeta",
            money("ImportePorArticulos7_14_Otros", free) if free is not None else "",
            money("ImporteTAIReglasLocalizacion", located) if located is not None else "",
        )
    return parts


def _net(sums: dict[tuple[Kind, bool, Decimal, Decimal], Sums], *kinds: Kind) -> Decimal | None:
    of_kind = [one.net for key, one in sums.items() if key[0] in kinds]
    return sum(of_kind, ZERO) if of_kind else None


def _issued_detail(key: tuple[Kind, bool, Decimal, Decimal], sums: Sums) -> str:
    kind, _, rate, surcharge_rate = key
    if kind == "reverse_charge":
        return _detail("CuotaRepercutida", ZERO, Sums(net=sums.net), ZERO)
    return _detail("CuotaRepercutida", rate, sums, surcharge_rate)


def _detail(tax_name: str, rate: Decimal, sums: Sums, surcharge_rate: Decimal) -> str:
    return of(
        "DetalleIVA",
        money("TipoImpositivo", rate),
        money("BaseImponible", sums.net),
        money(tax_name, sums.tax),
        money("TipoRecargoEquivalencia", surcharge_rate) if surcharge_rate else "",
        money("CuotaRecargoEquivalencia", sums.surcharge) if surcharge_rate else "",
    )


def _received(invoice: Invoice, issuer: Party) -> str:
    kinds = invoice.kinds
    kind = "R1" if invoice.is_corrective else "F5" if "import" in kinds else "F1"
    regime = _ACQUISITION if "eu" in kinds else _OTHER_TAX if invoice.has_other_tax else _GENERAL
    inverted = [
        _detail("CuotaSoportada", key[2], sums, ZERO)
        for key, sums in sorted(invoice.sums.items())
        if key[0] == "reverse_charge"
    ]
    usual: dict[tuple[Decimal, Decimal], Sums] = {}
    for key, sums in sorted(invoice.sums.items()):
        if key[0] != "reverse_charge":
            place = usual.setdefault(key[2:], Sums())
            place.net += sums.net
            place.tax += sums.tax
            place.surcharge += sums.surcharge
    details = [_detail("CuotaSoportada", r, sums, s) for (r, s), sums in sorted(usual.items())]
    return "".join(
        (
            _head("received", invoice, kind, regime),
            of(
                "DesgloseFactura",
                of("InversionSujetoPasivo", *inverted) if inverted else "",
                of("DesgloseIVA", *details) if details else "",
            ),
            counterparty(issuer),
            day("FechaRegContable", invoice.registered),
            money("CuotaDeducible", invoice.deductible),
        )
    )
