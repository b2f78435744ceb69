"""What is told of the schema: the screen of ``--help``, a page of all keys, a schema for editors.

Meanings and limits come from ``schema.py``, defaults from ``conf/``, which Hydra composes. Nothing
heavy is imported.
"""
