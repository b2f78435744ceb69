"""Critical points, and how many eigenvalues of the Hessian are positive there."""

from dl_experiments.analysis.experiments import Experiment

EXPERIMENTS = (
    Experiment(
        "hw1_2_minimal_ratio",
        "Minimal ratio: the Hessian at critical points",
        "Is a critical point more like a minimum the lower its loss is?",
        f"{__name__}.analysis",
        section="1-2",
        source="Dauphin et al. 2014, “Identifying and attacking the saddle point problem in "
        "high-dimensional non-convex optimization”",
        published="the share of negative eigenvalues grows with the loss of a critical point",
    ),
)
