"""What the batch size does to the net it ends with: sensitivity, sharpness, generalisation."""

from dl_experiments.analysis.experiments import Experiment

EXPERIMENTS = (
    Experiment(
        "hw1_3_sensitivity",
        "Sensitivity and generalisation against batch size",
        "Does the batch size change how much a net reacts to its input, and how it generalises?",
        f"{__name__}.sensitivity",
        section="1-3",
        source="Novak et al. 2018, “Sensitivity and generalization in neural networks”",
        published="nets that react less to their input generalise better",
    ),
    Experiment(
        "hw1_3_sensitivity_cifar10",
        "Sensitivity and generalisation against batch size on CIFAR-10",
        "The same of a convolutional net on CIFAR-10: does its batch size change either?",
        f"{__name__}.sensitivity",
        section="1-3",
        source="Novak et al. 2018, “Sensitivity and generalization in neural networks”",
        published="nets that react less to their input generalise better",
    ),
    Experiment(
        "hw1_3_sharpness",
        "Sharpness, batch size and generalisation",
        "Do large batches end in sharper minima, and do sharper minima generalise worse?",
        f"{__name__}.sharpness",
        section="1-3",
        source="Keskar et al. 2017, “On large-batch training for deep learning”",
        published="large batches are sharper, and sharper nets generalise worse",
        shares="hw1_3_sensitivity",
    ),
)
