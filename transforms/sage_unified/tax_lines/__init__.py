"""Tax lines: their meaning by document, contact and rate, and the fact table of them."""

from sage_unified.tax_lines.classify import classify_tax_lines

__all__ = ["classify_tax_lines"]
