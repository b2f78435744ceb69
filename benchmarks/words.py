"""What is trained, as words of the command line."""

SINC = ["data=sinc", "model=deep"]
CNN = ["data=mnist", "model=deep"]
MLP = ["data=mnist", "model=mlp_500_50"]

# Short and long training hold the same two evaluations, which cancel, and which are kept short.
ENDS = ["trainer.log_every=ends", "data._target_=benchmarks.ours.few_test_images"]
SAME_EVALUATIONS = (
    "Step times without evaluation: the trainings that are subtracted hold one at either end."
)


def logged(epochs: int) -> str:
    """What ``trainer.log_every=thinned`` is for so many epochs, said for all lengths alike."""
    return f"trainer.log_every={-(-epochs // 200)}"
