"""The seven countries as data: charts of accounts, tax rates with their history, words, lists.

One CSV a subject (charts of accounts: one a country and standard), written by hand for this
sandbox. :mod:`sage_sandbox.charts.tables` reads them.
"""
