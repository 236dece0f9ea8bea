"""`python -m app` is `media`."""

from app.cli import main

main()
