"""Writes to Sage: what a line asks for, whether it can be right, and sending it exactly once."""
