"""The straight line through the weights of two nets."""

from dl_experiments.analysis.experiments import Experiment

EXPERIMENTS = (
    Experiment(
        "hw1_3_interpolation",
        "Between two nets in weight space",
        "What lies between two nets that were trained differently, and which lies flatter?",
        f"{__name__}.analysis",
        section="1-3",
        source="Keskar et al. 2017, “On large-batch training for deep learning”; matched units: "
        "Ainsworth et al. 2022, “Git Re-Basin”",
        published="the small-batch net lies in the flatter place; matching shrinks the barrier",
    ),
)
