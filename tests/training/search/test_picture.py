"""The picture of a search holds what its trials tried and what they came to."""

import pytest
from matplotlib.figure import Figure

from training.run_config import RunConfig
from training.search import picture
from training.search.outcome import Outcome, ranked
from training.search.picture import draw_search
from training.search.space import Dimension, parse_space, read_space

AS_IT_IS = Outcome(0, {}, "finished", (0.3, 0.5))


@pytest.fixture
def drawn(monkeypatch) -> list[Figure]:
    """Figures that were saved."""
    figures, save = [], picture.save

    def kept(figure, path):
        figures.append(figure)
        return save(figure, path)

    monkeypatch.setattr(picture, "save", kept)
    return figures


def searched(*given: str) -> tuple[Dimension, ...]:
    return parse_space(read_space(given), RunConfig())


def points(figure: Figure) -> list[tuple[float, float]]:
    lines = [line for line in figure.axes[1].lines if line.get_marker() == "o"]
    return [
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))  # type: ignore[index]
        for line in lines
    ]


def test_one_number_is_drawn_as_score_over_value(tmp_path, drawn):
    space = searched("loop.learning_rate=loguniform(1e-3, 1e-2)")
    tried = [
        Outcome(1, {"loop.learning_rate": 2e-3}, "finished", (0.2, 0.6)),
        Outcome(2, {"loop.learning_rate": 8e-3}, "stopped", (0.4,)),
    ]
    path = draw_search(space, ranked([AS_IT_IS, *tried]), tmp_path / "trials.png")
    assert path.stat().st_size > 10_000
    assert points(drawn[0]) == [(8e-3, 0.4), (2e-3, 0.6)]  # the best comes last, on top
    assert drawn[0].axes[1].get_xscale() == "log"
    assert drawn[0].axes[1].get_xlabel() == "loop.learning_rate"


def test_one_name_is_drawn_by_its_place_among_the_choices(tmp_path, drawn):
    space = searched("model.layout=choice(shared, private)")
    tried = [Outcome(1, {"model.layout": "private"}, "finished", (0.6,))]
    draw_search(space, ranked([AS_IT_IS, *tried]), tmp_path / "trials.png")
    assert points(drawn[0]) == [(1.0, 0.6)]
    ticks = [label.get_text() for label in drawn[0].axes[1].get_xticklabels()]
    assert ticks == ["shared", "private"]


def test_several_fields_are_drawn_side_by_side(tmp_path, drawn):
    space = searched("loop.learning_rate=uniform(0.001, 0.005)", "model.hidden=randint(64, 512)")
    tried = [Outcome(1, {"loop.learning_rate": 2e-3, "model.hidden": 100}, "finished", (0.6,))]
    draw_search(space, ranked([AS_IT_IS, *tried]), tmp_path / "trials.png")
    ticks = [label.get_text() for label in drawn[0].axes[1].get_xticklabels()]
    assert ticks == ["loop\nlearning_rate", "model\nhidden"]
