"""Sage Accounting (API v3.1) as a dlt source."""
