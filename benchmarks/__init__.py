"""The speed table: every row is a ratio against a hand-written baseline, measured in one run."""
