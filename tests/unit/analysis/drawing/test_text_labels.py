import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from dl_experiments.analysis.drawing import style
from dl_experiments.analysis.drawing.text import Label, place


def test_texts_cover_neither_points_nor_one_another() -> None:
    drawn = np.random.default_rng(0).normal(size=(30, 2))
    with style.applied():
        figure, axes = style.page("title", "about", 1, 1, (5, 4))
        axis = axes[0, 0]
        axis.plot(*drawn.T, ".")
        labels = [Label(at, f"point {number}") for number, at in enumerate(drawn)]
        left = place(axis, labels, drawn)
        assert 0 < len(left) < len(labels)
        assert len(axis.texts) == len(labels) - len(left)
        renderer = FigureCanvasAgg(figure).get_renderer()
        boxes = [text.get_window_extent(renderer) for text in axis.texts]
        dots = axis.transData.transform(drawn)
        frame = axis.get_window_extent(renderer)
    for number, box in enumerate(boxes):
        assert box.count_contains(dots) == 0
        assert box.count_overlaps(boxes[number + 1 :]) == 0
        assert frame.x0 <= box.x0 < box.x1 <= frame.x1


def test_the_first_label_is_placed_and_a_crowd_is_not() -> None:
    with style.applied():
        _, axes = style.page("title", "about", 1, 1, (5, 4))
        axis = axes[0, 0]
        axis.set(xlim=(-1, 1), ylim=(-1, 1))
        same = [Label(np.zeros(2), f"a text that is rather long {number}") for number in range(40)]
        left = place(axis, same, np.zeros((1, 2)))
        assert same[0] not in left
        assert len(left) > 20
        assert axis.texts[0].get_text() == same[0].text
