import json
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest

from training.data.clean import CleanData
from training.errors import BadData
from training.features import FeatureTable
from training.reactions.baselines import popularity
from training.reactions.benchmark import benchmark_reactions
from training.reactions.document import markdown
from training.reactions.events import MICROSECONDS_A_DAY, Events
from training.reactions.holdout import last_of_each
from training.reactions.ranking import SLICES, Task


@dataclass
class Reactions:
    """The one table of clean data that the benchmark reads."""

    table: pa.Table

    def reactions(self) -> pa.Table:
        return self.table


def table_of(events: Events) -> pa.Table:
    instants = (events.day * MICROSECONDS_A_DAY).astype(np.int64)
    return pa.table(
        {
            "user_id": [events.users[i] for i in events.person],
            "post_id": [events.posts[i] for i in events.post],
            "kind": [events.kinds[i] for i in events.kind],
            "value": pa.array(events.value, from_pandas=True),
            "created_at": pa.array(instants).cast(pa.timestamp("us", tz="UTC")),
        }
    )


def features_of(events: Events, features) -> FeatureTable:
    ids = np.array(events.posts)
    return FeatureTable(ids, np.array(["author"] * len(ids)), features, 0, 0)


def run(events: Events, features, config, **more: Any) -> dict[str, Any]:
    data = cast(CleanData, Reactions(table_of(events)))
    return benchmark_reactions(data, features_of(events, features), (0, 1), config=config, **more)


def test_it_measures_everyone_by_the_same_rules(events, features, config, tmp_path):
    outcome = run(events, features, config, plots=tmp_path)
    json.dumps(outcome)
    for table in outcome["protocols"].values():
        assert set(table["seen_likes"]) == {
            *("random", "popularity", "item_knn", "bpr", "als", "ease", "ease_recency", "content"),
            *("reactions_closed_form", "reactions"),
        }
        means = {name: cells["ndcg@10"]["mean"] for name, cells in table["seen_likes"].items()}
        assert means["reactions"] > 1.5 * means["random"]
        for name, cells in table["seen_all"].items():
            assert cells["ndcg@10"]["mean"] >= means[name]
    page = markdown(outcome | {"command": "commonspace reactions benchmark"})
    assert "Made by `commonspace reactions benchmark`" in page
    assert all(claim["detail"] in page for claim in outcome["claims"])
    assert set(outcome["calibration"]) == set()  # the configuration wants none


def test_ties_count_against_a_model(events, config):
    task = Task.of(last_of_each(events, config, 0.2))
    measured = task.measure(lambda people: np.zeros((len(people), len(events.posts))))
    assert measured["seen_likes"]["ndcg@10"].mean() < 0.01


def test_scores_in_chunks_are_those_in_one_piece(events, config, monkeypatch):
    parts = last_of_each(events, config, 0.2)
    scorer = popularity(parts.held.likes().matrix())
    whole = Task.of(parts).measure(scorer)
    monkeypatch.setattr("training.reactions.ranking.CHUNK_CELLS", 700)
    chunked = Task.of(parts).measure(scorer)
    for name in SLICES:
        np.testing.assert_array_equal(whole[name]["ndcg@10"], chunked[name]["ndcg@10"])


def test_too_few_reactions_are_refused(events, features, config):
    with pytest.raises(BadData, match="too few"):
        run(events[events.person < 3], features, config)
