"""The way through weight space: paths of several runs, and the loss around and between them."""

from dl_experiments.analysis.experiments import Experiment

EXPERIMENTS = (
    Experiment(
        "hw1_2_trajectory",
        "Trajectories of eight trainings on MNIST",
        "Which way do trainings from different initial weights take, and do they end alike?",
        f"{__name__}.paths",
        section="1-2",
        published="eight arms from nearby centres that end at similar loss",
    ),
    Experiment(
        "hw1_2_trajectory_cifar10",
        "Trajectories of a convolutional net on CIFAR-10",
        "Which way do trainings of a convolutional net take, and do they end alike?",
        f"{__name__}.paths",
        section="1-2",
    ),
    Experiment(
        "hw1_2_error_surface",
        "Error surface of the trajectory nets",
        "How does the loss look around the weights, and on the line from start to end?",
        f"{__name__}.surface",
        section="1-2",
        source="Goodfellow, Vinyals and Saxe 2015, “Qualitatively characterizing neural network "
        "optimization problems”; planes: Li et al. 2018, “Visualizing the loss landscape of neural "
        "nets”",
        published="the loss falls all the way from initial to final weights",
        shares="hw1_2_trajectory",
    ),
)
