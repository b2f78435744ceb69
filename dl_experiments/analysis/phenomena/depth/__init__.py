"""What does depth buy at equal parameter count?"""

from dl_experiments.analysis.experiments import Experiment

EXPERIMENTS = (
    Experiment(
        "hw1_1_simulate",
        "Deep against shallow on functions",
        "Which of nets of equal size learns a function of one variable faster and better?",
        f"{__name__}.simulate",
        section="1-1",
    ),
    Experiment(
        "hw1_1_mnist",
        "Deep against shallow on MNIST",
        "What does depth change on MNIST, and what happens to a net that is trained on?",
        f"{__name__}.mnist",
        section="1-1",
        published="98 to 99 % of the test set right",
    ),
    Experiment(
        "hw1_1_cifar10",
        "Deep against shallow on CIFAR-10",
        "Is the deeper of two nets of equal size better on CIFAR-10?",
        f"{__name__}.cifar10",
        section="1-1",
    ),
)
