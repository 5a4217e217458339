"""Migrations by Alembic: on the direct connection, one process at a time, giving way to traffic.

A project's ``env.py`` is::

    from wellhead.migrations import run_env

    from project.models import metadata

    run_env(metadata)

and then ``wellhead migrate``, ``alembic`` and :class:`Migrations` do the same things in the same
way: they take an advisory lock on a connection of its own, so that of many processes that start
together one migrates; they give way when a table is in use, and try again; and they destroy
nothing in a database on another machine unless it is named.

Begin with ``scripts``: :class:`Migrations` is what can be done, ``commands`` says it to Alembic,
``run`` is how it is done. Alembic is imported with these two, never for a schema that is at head.
``direct`` connects past the pooler, ``turns`` takes the lock, ``patience`` gives way to traffic,
``safety`` refuses to destroy, ``comparing`` finds how the models differ from the schema, and
``failures`` puts what went wrong into words.
"""

from wellhead.migrations.direct import direct_settings, sync_engine
from wellhead.migrations.environment import run_env
from wellhead.migrations.scripts import Migrations
from wellhead.migrations.steps import Applied

__all__ = ["Applied", "Migrations", "direct_settings", "run_env", "sync_engine"]
