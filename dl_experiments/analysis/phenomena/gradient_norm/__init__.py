"""The gradient norm as the loss flattens."""

from dl_experiments.analysis.experiments import Experiment

EXPERIMENTS = (
    Experiment(
        "hw1_2_gradient_norm",
        "The gradient norm as the loss flattens",
        "Does the gradient vanish where the loss no longer falls?",
        f"{__name__}.analysis",
        section="1-2",
        source="Goodfellow, Bengio and Courville 2016, “Deep Learning”, figure 8.1",
        published="the gradient norm stays or rises while the loss falls",
    ),
)
