import numpy as np
import pytest

from infra.pipeline.checks import check_data, check_directions, check_drift, quarantined
from infra.pipeline.config import PipelineConfig
from training.data.clean import Manifest
from training.data.config import DataConfig, SplitConfig
from training.data.report import CheckReport, TableReport
from training.drift.shift import Level
from training.errors import BadData
from training.evaluation.comparison import Compared, compare_embedded, comparison_picture
from training.evaluation.embedded import EmbeddedPosts
from training.evaluation.intervals import Interval

CONFIG = PipelineConfig()


def manifest(posts: int, bad: int = 0) -> Manifest:
    report = CheckReport(
        tables={"posts": TableReport(read=posts + bad, kept=posts, reasons={})},
        people=3,
        authors_by_posts={},
        posts_without_text=0,
        posts_without_image=0,
        posts_without_date=0,
        private_posts=0,
        ignored_columns={},
        examples=(),
    )
    return Manifest(
        digest="d",
        prepared_at="",
        config=DataConfig(),
        split=SplitConfig(),
        source=(),
        counts={"posts": posts},
        splits={},
        report=report,
    )


def test_too_few_posts_and_too_many_bad_rows():
    assert check_data(manifest(10), None, CONFIG) == []
    assert check_data(manifest(80), manifest(100), CONFIG) == []
    (reason,) = check_data(manifest(79), manifest(100), CONFIG)
    assert "79 posts against 100" in reason
    assert check_data(manifest(98, 2), manifest(100), CONFIG) == []
    (reason,) = check_data(manifest(97, 3), manifest(100), CONFIG)
    assert "3.0% of the rows are bad" in reason
    assert quarantined(manifest(0)) == 0


@pytest.mark.parametrize(
    ("level", "refuse", "refused"),
    [
        (Level.LARGE, "large", True),
        (Level.MODERATE, "large", False),
        (Level.MODERATE, "moderate", True),
        (Level.NONE, "moderate", False),
        (Level.LARGE, "never", False),
    ],
)
def test_drift_is_refused_from_a_level_on(level: Level, refuse, refused: bool):
    config = PipelineConfig(refuse_drift=refuse)
    assert check_drift(level, "it moved", config) == (["it moved"] if refused else [])


def compared(difference: Interval) -> Compared:
    nothing = Interval(0.5, 0.4, 0.6)
    return Compared("user_to_post", "map", 10, nothing, nothing, difference)


def test_only_a_sure_and_large_loss_in_a_direction_counts():
    assert check_directions([compared(Interval(-0.2, -0.3, 0.1))], CONFIG) == []
    assert check_directions([compared(Interval(-0.02, -0.03, -0.01))], CONFIG) == []
    assert check_directions([compared(Interval(0.2, 0.1, 0.3))], CONFIG) == []
    (reason,) = check_directions([compared(Interval(-0.2, -0.3, -0.1))], CONFIG)
    assert "user→post lost 0.200 MAP" in reason


def embedded(noise: float, seed: int = 0, posts: int = 120) -> EmbeddedPosts:
    random = np.random.default_rng(seed)
    people = random.standard_normal((20, 16))
    author = np.arange(posts) % 20

    def near(scale: float) -> np.ndarray:
        moved = people[author] + scale * np.random.default_rng(1).standard_normal((posts, 16))
        return (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)

    users = (people / np.linalg.norm(people, axis=1, keepdims=True)).astype(np.float32)
    yes = np.ones(posts, dtype=bool)
    vectors = near(noise)
    return EmbeddedPosts(users, vectors, yes, vectors, yes, vectors, author, np.arange(posts))


def test_a_noisier_model_is_surely_worse_and_the_picture_is_drawn(tmp_path):
    worse, better = embedded(2.0), embedded(0.5)
    found = compare_embedded(worse, better)
    assert {each.direction for each in found} >= {"user_to_post", "post_to_user"}
    to_post = next(each for each in found if each.direction == "user_to_post")
    assert to_post.difference.high < 0
    assert to_post.difference.value == pytest.approx(
        to_post.candidate.value - to_post.champion.value
    )
    wide = to_post.candidate.high - to_post.candidate.low
    assert to_post.difference.high - to_post.difference.low < 2 * wide
    assert check_directions(found, CONFIG) and not check_directions(
        compare_embedded(better, worse), CONFIG
    )
    same = compare_embedded(better, better)
    assert all(each.difference == Interval(0, 0, 0) for each in same)
    assert [Compared.from_json(each.to_json()) for each in found] == found
    assert comparison_picture(found, tmp_path / "c.png").stat().st_size > 10_000


def test_models_of_other_posts_are_not_compared():
    with pytest.raises(BadData):
        compare_embedded(embedded(1.0), embedded(1.0, posts=100))
