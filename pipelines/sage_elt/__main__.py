"""`python -m sage_elt` is the sage-elt command."""

from sage_elt.cli import main

main()
