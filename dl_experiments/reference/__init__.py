"""What is told of the schema: the screen of ``--help`` and a page of all keys.

Meanings and limits come from ``schema.py``, defaults from ``conf/``, which Hydra composes. Nothing
heavy is imported.
"""
