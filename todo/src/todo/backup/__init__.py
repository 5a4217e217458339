"""Backups: all rows of the application in one file, and back into a database.

`archive` is the file, `taking` fills one from a snapshot of the database, `restoring` loads one in
a single transaction, and `copying` is PostgreSQL's COPY with either driver. There is no pg_dump in
it: that has to be at least as new as the server, and neither a container nor a laptop has the right
one by itself.
"""
