"""hw1_1_simulate: the training loss against epoch."""

from dl_experiments.analysis.drawing import curves, panels, style
from dl_experiments.analysis.phenomena.depth.groups import LOSS, Functions, colours, keys, target
from dl_experiments.analysis.runs.describe import about, data_name, loss_name, number, run_count
from dl_experiments.analysis.runs.grid import flat
from dl_experiments.analysis.runs.scales import LOG
from dl_experiments.analysis.sections import Made


def losses(arm: str, functions: Functions) -> Made:
    """Training loss against epoch, one facet a function; returns caption and figure."""
    runs = flat(functions)
    title = "Training loss of nets of equal size and different depth"
    size = (3.7, 3.2)
    figure, axes = style.page(title, about(runs, arm), 1, len(functions), size)
    goal = style.key(f"loss {number(target(runs))}", color="black", lw=0.9, ls=":")
    drawn = []
    for axis, (function, models) in zip(axes[0], functions.items(), strict=True):
        for name, colour in colours(functions).items():
            found = models.get(name, ())
            curves.draw(axis, found, LOSS, colour, log=True, every=True, start=1, calm=True)
        if axis.get_ylim()[0] < 3 * target(runs):  # elsewhere it would only flatten the curves
            axis.axhline(target(runs), color="black", lw=0.9, ls=":")
            drawn = [goal]
        panels.values(axis, f"training loss ({loss_name(runs)})", LOG)
        panels.epochs(axis, log=True)
        axis.set_title(f"{data_name(function)}{_odd_count(functions, function)}")
    style.legend_below(figure, [*keys(functions), *drawn, *curves.state_keys(runs)])
    caption = (
        "Loss on the whole training set, evaluated in eval mode, against epoch (from epoch 1; a "
        f"logarithmic axis has no 0). {curves.EVERY} {curves.CALM} "
        "Each facet has its own loss axis."
    )
    return caption, figure


def _odd_count(functions: Functions, function: str) -> str:
    """The seeds of a facet, where they differ between facets and the legend cannot say them."""
    seeds = [
        {name: run_count(found) for name, found in models.items()} for models in functions.values()
    ]
    if all(seeds[0] == other for other in seeds):
        return ""
    mine = {name: run_count(found) for name, found in functions[function].items()}
    return "\n" + ", ".join(f"{name} {text}" for name, text in mine.items())
