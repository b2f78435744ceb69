"""When to measure: a schedule is a plain function from the epoch to yes or no.

Epoch e means "after e passes over the training set"; epoch 0 is the initial weights.
"""

from collections.abc import Callable

Schedule = Callable[[int], bool]

_ROWS = 200


def every(period: int) -> Schedule:
    """0, period, 2·period, ..."""
    return lambda epoch: epoch % period == 0


def decades(epoch: int) -> bool:
    """0, 1, 10, 100, 1,000, ..."""
    while epoch >= 10 and epoch % 10 == 0:
        epoch //= 10
    return epoch in (0, 1)


def half_decades(epoch: int) -> bool:
    """0, 1, 2, 5, 10, 20, 50, 100, ..."""
    while epoch >= 10 and epoch % 10 == 0:
        epoch //= 10
    return epoch in (0, 1, 2, 5)


def thinned(max_epochs: int) -> Schedule:
    """Every epoch of a short run, about 200 epochs of a long one, and the half-decades."""
    regular = every(-(-max_epochs // _ROWS))
    return lambda epoch: regular(epoch) or half_decades(epoch)


def parse(key: str, value: object, max_epochs: int) -> Schedule:
    """The schedule a config value names; a run's last epoch belongs to each of them.

    Args:
        key: The config key, for the message.
        value: A number n (every n epochs), ``thinned``, ``decades`` or ``ends``.
        max_epochs: The last epoch there can be.

    Raises:
        ValueError: ``value`` names none.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        chosen = every(value)
    elif value == "thinned":
        chosen = thinned(max_epochs)
    elif value == "decades":
        chosen = decades
    elif value == "ends":
        chosen = every(max_epochs)
    else:
        raise ValueError(
            f"{key}={value!r} is neither a whole number of epochs from 1 up nor one of "
            "thinned, decades, ends"
        )
    return lambda epoch: epoch == max_epochs or chosen(epoch)
