"""The site that ``make docs`` builds: the pages of this repository, and the names of the library.

Begin with ``__main__``, which builds it. ``source`` turns the repository's pages into those of the
site, ``names`` writes the reference from the docstrings, and ``conf`` is what Sphinx is told.
"""
