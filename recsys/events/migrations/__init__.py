"""Every change to the tables of the event database, one Alembic revision a file.

A file is named by its revision, `r0001_…` and so on, and revises the one before. Opening a database
brings it to the last of them: see `recsys/events/schema.py`. A revision says all that it needs by
itself, for `tables.py` moves on.
"""
