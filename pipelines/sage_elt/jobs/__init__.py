"""The jobs behind the commands: sync, transform, check. They arrange; they know no accounting.

Each is imported by its own module: a sync needs no polars and none of the rules, which take a third of a
second to load.
"""
