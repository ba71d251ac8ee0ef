"""`python -m app.cli` is the `sayathing` command."""

from app.cli import main

main()
