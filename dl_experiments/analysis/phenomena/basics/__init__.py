"""The basics: parameters, activations, batch size, learning rate, regularization."""

from dl_experiments.analysis.experiments import Experiment

EXPERIMENTS = (
    Experiment(
        "basics_parameter_count",
        "Parameter count",
        "How many parameters has each model, and in which of its layers are they?",
        f"{__name__}.parameter_count",
        section="basics",
        beside=(
            "basics_activations",
            "basics_batch_size",
            "basics_learning_rate",
            "basics_regularization",
        ),
    ),
    Experiment(
        "basics_activations",
        "Activations",
        "What can a net with an activation between its layers do that a linear one cannot?",
        f"{__name__}.activations",
        section="basics",
    ),
    Experiment(
        "basics_batch_size",
        "Batch size",
        "What does the batch size change at equal epochs: noise, progress, time?",
        f"{__name__}.batch_size",
        section="basics",
    ),
    Experiment(
        "basics_learning_rate",
        "Learning rate",
        "Which learning rates learn, and what do those do that are too large or too small?",
        f"{__name__}.learning_rate",
        section="basics",
    ),
    Experiment(
        "basics_regularization",
        "Dropout and weight decay",
        "Do dropout and weight decay narrow the gap between training and test set, at no cost?",
        f"{__name__}.regularization",
        section="basics",
    ),
)
