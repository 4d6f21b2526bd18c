"""The sage-elt command, its jobs and its destinations."""
