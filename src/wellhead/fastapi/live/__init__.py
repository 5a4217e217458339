"""The live page ``/db``: what the databases of an application do now.

Begin with ``page``, which adds its routes. ``access`` decides which requests get the figures,
``feed`` sends them as they change, and ``plans`` has the server explain a statement. The page
itself, in HTML, CSS and JavaScript, is in this folder, too.
"""
