"""What more parameters do to training and test set."""

from dl_experiments.analysis.experiments import Experiment

EXPERIMENTS = (
    Experiment(
        "hw1_3_parameters",
        "Parameters: ten nets on MNIST",
        "1-3",
        "Does a net that has more parameters than images generalise worse?",
        f"{__name__}.ten_nets",
        published="test accuracy saturates near 98 %",
    ),
    Experiment(
        "hw1_3_parameters_cnn",
        "Parameters: CNNs of growing dense layers on MNIST",
        "1-3",
        "Do larger dense layers make a convolutional net generalise worse?",
        f"{__name__}.cnn",
    ),
    Experiment(
        "hw1_3_parameters_cifar10",
        "Parameters on CIFAR-10",
        "1-3",
        "Do test loss and test accuracy both rise with the size of the net?",
        f"{__name__}.cifar10",
    ),
    Experiment(
        "hw1_3_parameters_samples",
        "Parameters against training images",
        "1-3",
        "Do more training images call for a larger net?",
        f"{__name__}.samples",
    ),
    Experiment(
        "hw1_3_double_descent",
        "Double descent: across the interpolation threshold",
        "1-3",
        "Does the test error peak where a net can just fit its training set, and fall again?",
        f"{__name__}.double_descent",
        source="Belkin et al. 2019, “Reconciling modern machine-learning practice and the "
        "classical bias-variance trade-off”",
        published="a peak at parameters = training images × classes, and a second descent",
    ),
)
