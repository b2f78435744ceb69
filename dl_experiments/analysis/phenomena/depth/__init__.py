"""What does depth buy at equal parameter count?"""

from dl_experiments.analysis.experiments import Experiment

EXPERIMENTS = (
    Experiment(
        "hw1_1_simulate",
        "Deep against shallow on functions",
        "1-1",
        "Which of nets of equal size learns a function of one variable faster and better?",
        f"{__name__}.simulate",
    ),
    Experiment(
        "hw1_1_mnist",
        "Deep against shallow on MNIST",
        "1-1",
        "What does depth change on MNIST, and what happens to a net that is trained on?",
        f"{__name__}.mnist",
        published="98 to 99 % of the test set right",
    ),
    Experiment(
        "hw1_1_cifar10",
        "Deep against shallow on CIFAR-10",
        "1-1",
        "Is the deeper of two nets of equal size better on CIFAR-10?",
        f"{__name__}.cifar10",
    ),
)
