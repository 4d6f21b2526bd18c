"""Tax rates: their meaning on a date, and the dimension of their periods."""

from sage_unified.tax_rates.classify import classify_tax_rates

__all__ = ["classify_tax_rates"]
