import dataclasses

from training.tracking.model_card import CardFacts, EncoderFact, retrieval_table, write_card
from training.tracking.provenance import Commit

FACTS = CardFacts(
    name="commonspace",
    dimension=256,
    people=509,
    run_id="r" * 32,
    commit=Commit("c" * 40, dirty=True),
    data_digest="d" * 64,
    source="openclipart | posts.parquet",
    counts={"posts": 4555, "users": 509},
    quarantined={"truncated image": 3},
    split="test",
    retrieval={
        "joint": {"user_to_image": {"map": 0.7, "recall@10": 0.9, "median_rank": 3.0}},
        "unimodal_image": {"user_to_image": {"map": 0.3}},
    },
    encoders=[
        EncoderFact("image", "packaged/efficientnet-lite0", "frozen"),
        EncoderFact("text", "transformers/somebody", "lora"),
    ],
    config="loop:\n  epochs: 3\n",
)


def test_the_card_says_it_all():
    card = write_card(FACTS)
    for fact in (
        "4,555",
        "509 people",
        "d" * 64,
        "c" * 40 + "` with local changes",
        "| quarantined: truncated image | 3 |",
        "Apache-2.0",
        "not recorded",
        "epochs: 3",
        "models:/commonspace@champion",
        "openclipart \\| posts.parquet",
    ):
        assert fact in card
    assert "{" not in card.split("```python")[0]


def test_without_a_checkout():
    assert "no git" in write_card(dataclasses.replace(FACTS, commit=None))


def test_no_password_gets_on_the_card():
    card = write_card(dataclasses.replace(FACTS, config="uri: http://me:secret@mlflow:5000\n"))
    assert "http://***@mlflow:5000" in card
    assert "secret" not in card


def test_the_table_has_a_dash_where_there_is_no_figure():
    rows = retrieval_table(FACTS.retrieval).splitlines()
    assert rows[2] == "| user → image | joint | – | 0.900 | – | 0.700 | – | 3 |"
    assert rows[3] == "| user → image | unimodal_image | – | – | – | 0.300 | – | – |"
    assert len({row.count("|") for row in rows}) == 1
