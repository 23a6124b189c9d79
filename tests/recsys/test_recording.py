from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import text

from recsys.config import EventsConfig, IndexConfig, RecommendConfig
from recsys.events.database import Events
from recsys.events.recording import described
from recsys.events.records import Post, Reaction
from recsys.events.unindexed import Backlog
from recsys.measures import ALL, MILVUS_SECONDS, SQL_SECONDS, STAGE_SECONDS
from recsys.recommend import Recommender
from recsys.vectors import VectorStore
from tests.recsys.world import BEGINNING, ProjectionSpace, fill, publish, small_world
from training.ray_recorder import timed
from training.recorder import Kind, Recorder


class Counted(Recorder):
    """How often each stage was observed, by its labels."""

    def __init__(self) -> None:
        self.counts: Counter = Counter()

    def observe(self, metric, value, **labels):
        assert value >= 0 and set(labels) == set(metric.labels)
        self.counts[metric.name, *labels.values()] += 1

    def stage(self, metric, **labels):
        return timed(self, metric, labels)


def test_a_recommendation_tells_its_stages_sources_and_questions(tmp_path):
    recorder, world = Counted(), small_world()
    with (
        VectorStore(IndexConfig(), tmp_path, recorder) as store,
        Events(EventsConfig(), tmp_path, recorder) as events,
    ):
        fill(events, world)
        vectors = ProjectionSpace().embed_posts(world.features.posts)
        posts = dict(zip(world.posts, vectors, strict=True))
        publish(store, "1", posts, {"person0": vectors[0]})
        config = RecommendConfig(reactions=None)
        found = Recommender(store, events, config, recorder=recorder).recommend("person0", 3)
    assert len(found.items) == 3
    stages = {key[1]: n for key, n in recorder.counts.items() if key[0] == STAGE_SECONDS.name}
    assert set(stages) == {
        "profile",
        "candidates",
        "rules",
        "vectors",
        "ranking",
        "diversity",
        "exploration",
        "reasons",
    }
    for source in config.candidates.sources:
        assert recorder.counts[STAGE_SECONDS.name, "candidates", source] >= 1
    assert recorder.counts[MILVUS_SECONDS.name, "search"] >= 1
    assert recorder.counts[SQL_SECONDS.name, "select", "posts"] >= 1


def test_a_statement_that_fails_is_told_of_too(tmp_path):
    recorder = Counted()
    with (
        Events(EventsConfig(), tmp_path, recorder) as events,
        events._engine.connect() as connection,
    ):
        with pytest.raises(Exception, match="no_such"):
            connection.execute(text("SELECT 1 FROM no_such"))
        connection.execute(text("SELECT 1"))
    assert recorder.counts[SQL_SECONDS.name, "select", "other"] == 2


@pytest.mark.parametrize(
    ("statement", "known"),
    [
        ("SELECT posts.post_id FROM posts WHERE post_id IN ('a secret')", ("select", "posts")),
        ("INSERT INTO reactions (user_id) VALUES (?)", ("insert", "reactions")),
        ('DELETE FROM "people" WHERE user_id = ?', ("delete", "people")),
        ("PRAGMA table_info(posts)", ("other", "other")),
        ("update alice set x", ("update", "other")),
    ],
)
def test_statements_are_known_by_words_of_ours_alone(statement, known):
    assert described(statement) == known


def test_what_the_index_lacks_is_counted(tmp_path):
    world = small_world()
    with Events(EventsConfig(), tmp_path) as events:
        fill(events, world)
        before = events.backlog()
        events.put_post(Post("new", "person0", text="just written"))
        assert events.backlog() == Backlog(before.posts + 1)
        late = Reaction("person0", "new", "like", created_at=BEGINNING + timedelta(days=2))
        events.add_reactions([late])
        assert events.backlog(BEGINNING).reactions == 1
        assert events.backlog(BEGINNING + timedelta(days=3)).reactions == 0
        events.indexed(events.unindexed(["new"]))
        assert events.backlog() == before


def test_every_measure_is_a_time_with_few_labels():
    for one in ALL:
        assert one.kind is Kind.HISTOGRAM and one.name.endswith("_seconds")
        assert not {"user", "post", "user_id", "post_id", "text"} & set(one.labels)
