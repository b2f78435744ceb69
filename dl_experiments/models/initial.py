"""Initial weights by the rules of the field, for every linear and convolutional layer of a net.

With f values into a unit and o units' worth of values out of it (of a k×k convolution from a to b
channels f = k²·a, o = k²·b), and a gain g:

* **default**: as torch's layers draw them, uniform with variance 1/(3 f).
* **he**: normal, variance 2 g²/f, which keeps the variance of what ReLU layers pass on (He et al.
  2015, "Delving deep into rectifiers", section 2.2, forward case).
* **xavier**: uniform within ±g √(6/(f + o)), variance 2 g²/(f + o), a compromise between what
  linear layers pass on and what gradients they pass back (Glorot & Bengio 2010, "Understanding the
  difficulty of training deep feedforward neural networks", equation 16).
* **orthogonal**: g Q, of a matrix [units, f] with orthonormal rows or columns, whichever are fewer,
  uniform among those (Saxe, McClelland & Ganguli 2014, "Exact solutions to the nonlinear dynamics
  of learning in deep linear neural networks", section 3).

Biases stay as torch draws them, uniform within ±1/√f. All is drawn from torch's global generator,
which is a stream of the run's seed while a model is made; the default draws come first, so that
biases are the same numbers with each rule.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from dl_experiments import settings

Rule = Callable[[Tensor, float], object]


def _he(weight: Tensor, gain: float) -> None:
    nn.init.kaiming_normal_(weight, nonlinearity="relu")
    weight.data.mul_(gain)


def _orthogonal(weight: Tensor, gain: float) -> None:
    with settings.kept():
        torch.set_num_threads(1)  # a factorisation that is shared among threads rounds by how many
        nn.init.orthogonal_(weight, gain)


INITS: dict[str, Rule | None] = {
    "default": None,
    "he": _he,
    "xavier": nn.init.xavier_uniform_,
    "orthogonal": _orthogonal,
}


def initialise(network: nn.Module, init: str, gain: float) -> None:
    """Draw the weights of all linear and convolutional layers of a net by a rule (see the module).

    Args:
        network: Of new layers; changed.
        init: A key of ``INITS``.
        gain: Factor g of the weights, above 0.

    Raises:
        ValueError: No rule has this name, the gain is no number above 0, or there is one without a
            rule.
    """
    if init not in INITS:
        raise ValueError(f"model.init={init} is unknown; choose one of {', '.join(INITS)}")
    number = isinstance(gain, int | float) and not isinstance(gain, bool)
    if not number or not 0 < gain < float("inf"):
        raise ValueError(f"model.gain={gain} must be a number above 0")
    rule = INITS[init]
    if rule is None:
        if gain != 1:
            raise ValueError(f"model.gain={gain} needs model.init other than {init}")
        return
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            rule(layer.weight, gain)
