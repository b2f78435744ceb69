"""What more parameters do to training and test set."""

from dl_experiments.analysis.experiments import Experiment

EXPERIMENTS = (
    Experiment(
        "hw1_3_parameters",
        "Parameters: ten nets on MNIST",
        "Does a net that has more parameters than images generalise worse?",
        f"{__name__}.ten_nets",
        section="1-3",
        published="test accuracy saturates near 98 %",
    ),
    Experiment(
        "hw1_3_parameters_cnn",
        "Parameters: CNNs of growing dense layers on MNIST",
        "Do larger dense layers make a convolutional net generalise worse?",
        f"{__name__}.cnn",
        section="1-3",
    ),
    Experiment(
        "hw1_3_parameters_cifar10",
        "Parameters on CIFAR-10",
        "Do test loss and test accuracy both rise with the size of the net?",
        f"{__name__}.cifar10",
        section="1-3",
    ),
    Experiment(
        "hw1_3_parameters_samples",
        "Parameters against training images",
        "Do more training images call for a larger net?",
        f"{__name__}.samples",
        section="1-3",
    ),
    Experiment(
        "hw1_3_double_descent",
        "Double descent: across the interpolation threshold",
        "Does the test error peak where a net can just fit its training set, and fall again?",
        f"{__name__}.double_descent",
        section="1-3",
        source="Belkin et al. 2019, “Reconciling modern machine-learning practice and the "
        "classical bias-variance trade-off”",
        published="a peak at parameters = training images × classes, and a second descent",
    ),
)
