"""Labels that mean nothing, learned by heart."""

from dl_experiments.analysis.experiments import Experiment

EXPERIMENTS = (
    Experiment(
        "hw1_3_random_labels",
        "Random labels",
        "Can a net learn labels that mean nothing, and what does it know of the test set then?",
        f"{__name__}.analysis",
        section="1-3",
        source="Zhang et al. 2017, “Understanding deep learning requires rethinking "
        "generalization”",
        published="training accuracy 100 %, test accuracy that of guessing",
    ),
)
