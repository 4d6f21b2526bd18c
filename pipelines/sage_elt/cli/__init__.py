"""The sage-elt command line."""
