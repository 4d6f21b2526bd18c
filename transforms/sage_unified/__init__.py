"""Sage raw tables to one accounting schema: pure functions over polars frames."""
