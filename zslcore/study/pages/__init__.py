"""From committed tables to README, ``docs/``, ``CLAIMS.md`` and the book: ``python -m zslcore.study.pages``."""
