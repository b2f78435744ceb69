"""Optimizers by name."""

OPTIMIZER = "optimizer.name"
WRITTEN = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop", "lbfgs": "L-BFGS"}


def written(name: str) -> str:
    """An optimizer's name as it is written."""
    return WRITTEN.get(name, name)
