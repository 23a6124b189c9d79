from datetime import UTC, datetime

import pytest

from infra.product import ProductConfig
from recsys.config import RecommendConfig
from recsys.experiments.config import ExperimentConfig, VariantConfig
from training.errors import BadConfig

TWO = [{"name": "control"}, {"name": "new", "recommend": {"ranking": {"taste": 0.9}}}]


def experiment(name="taste", **settings):
    return {"name": name, "variants": TWO, **settings}


def refused(*experiments) -> str:
    with pytest.raises(BadConfig) as error:
        ProductConfig.parse({"experiments": list(experiments)})
    return error.value.message


def test_a_variant_answers_by_the_products_settings_but_for_what_it_changes():
    base = RecommendConfig.parse({"ranking": {"taste": 0.1}, "diversity": {"per_author": 7}})
    product = ProductConfig.parse({"recommend": base.model_dump(), "experiments": [experiment()]})
    control, new = product.experiments[0].variants
    assert control.applied(product.recommend) == base
    changed = new.applied(product.recommend)
    assert changed.ranking.taste == 0.9
    assert changed.diversity.per_author == 7
    assert new.changes == {"recommend.ranking.taste"}


def test_a_file_brings_experiments_and_a_shareable_copy_keeps_them(tmp_path):
    file = tmp_path / "product.yaml"
    file.write_text(
        "experiments:\n"
        "- name: taste\n"
        "  share: 0.2\n"
        "  start: 2026-11-01T00:00:00Z\n"
        "  variants:\n"
        "  - name: control\n"
        "  - {name: newer, model: 7, weight: 2}\n".replace("7", "'7'")
    )
    product = ProductConfig.load(file)
    assert product.experiments[0].variants[1].changes == {"model"}
    assert product.experiments[0].start == datetime(2026, 11, 1, tzinfo=UTC)
    assert product.shareable().experiments == product.experiments
    again = tmp_path / "again.yaml"
    again.write_text(product.to_yaml())
    assert ProductConfig.load(again).experiments == product.experiments


@pytest.mark.parametrize(
    ("variant", "words"),
    [
        ({"name": "b", "recommend": {"ranking": {"tast": 0.5}}}, ["ranking.tast", "taste"]),
        ({"name": "b", "recommend": {"ranking": {"taste": 7}}}, ["ranking.taste", "less than"]),
        ({"name": "b", "recommend": {"ranking": 3}}, ["variants.1.recommend", "ranking"]),
        ({"name": "b", "weight": 0}, ["experiments.0.variants.1.weight"]),
        ({"name": "b", "weight": float("nan")}, ["variants.1.weight"]),
        ({"name": "a"}, ["two have the same name"]),
        ({"name": "b b"}, ["variants.1.name"]),
        ({"name": "b", "model": "../../x"}, ["variants.1.model"]),
    ],
)
def test_a_bad_variant_is_refused_by_its_field(variant, words):
    message = refused(experiment(variants=[{"name": "a"}, variant]))
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"share": 1.1}, ["experiments.0.share"]),
        ({"share": 0.6, "offset": 0.5}, ["offset + share"]),
        ({"start": "2026-11-02T00:00:00Z", "end": "2026-11-01T00:00:00Z"}, ["end", "start"]),
        ({"start": "2026-11-02T00:00:00"}, ["experiments.0.start", "timezone"]),
        ({"shadow": ["nobody"]}, ["shadow", "nobody", "control"]),
        ({"shadow": ["control", "new"]}, ["must be shown"]),
        ({"variants": TWO[:1]}, ["experiments.0.variants"]),
        ({"values": {}}, ["experiments.0.values"]),
        ({"values": {"like": float("inf")}}, ["experiments.0.values", "like"]),
        ({"window_hours": 0}, ["window_hours"]),
        ({"persons": 3}, ["persons", "no such field"]),
    ],
)
def test_a_bad_experiment_is_refused_by_its_field(settings, words):
    message = refused(experiment(**settings))
    for word in words:
        assert word in message


def test_two_experiments_of_one_layer_must_not_want_the_same_people():
    first = experiment("one", share=0.5)
    message = refused(first, experiment("two", offset=0.4, share=0.2))
    assert "'one' and 'two'" in message and "10.0%" in message and "offset" in message
    side_by_side = [first, experiment("two", offset=0.5, share=0.5)]
    assert len(ProductConfig.parse({"experiments": side_by_side}).experiments) == 2
    one_after_the_other = [
        experiment("one", end="2026-11-01T00:00:00Z"),
        experiment("two", start="2026-11-01T00:00:00Z"),
    ]
    assert len(ProductConfig.parse({"experiments": one_after_the_other}).experiments) == 2


def test_experiments_of_two_layers_must_not_change_the_same_thing():
    other = experiment("two", layer="another")
    assert "recommend.ranking.taste" in refused(experiment("one"), other)
    free = [{"name": "a"}, {"name": "b", "recommend": {"diversity": {"per_author": 1}}}]
    experiments = [experiment("one"), experiment("two", layer="another", variants=free)]
    assert len(ProductConfig.parse({"experiments": experiments}).experiments) == 2
    for one in experiments:
        one["salt"] = "same"
    assert "same salt" in refused(*experiments)


def test_names_are_unique():
    message = refused(experiment(share=0.5), experiment(share=0.5, offset=0.5))
    assert "two have the name 'taste'" in message


def test_a_variant_must_fit_the_products_own_settings():
    """What is right beside the defaults may be wrong beside what the product sets."""
    base = RecommendConfig()
    assert VariantConfig(name="a", recommend={"k": 7}).applied(base).k == 7
    message = refused(experiment(variants=[{"name": "a"}, {"name": "b", "recommend": {"k": -1}}]))
    assert "variants.1.recommend" in message and "k: " in message


def test_running_is_from_start_to_before_end():
    start, end = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)
    one = ExperimentConfig.parse(experiment(start=start, end=end))
    assert one.running(start) and not one.running(end)
    assert not one.running(datetime(2026, 10, 31, 23, tzinfo=UTC))


def test_an_unknown_variant_is_told_with_those_that_there_are():
    with pytest.raises(BadConfig, match="it has control, new"):
        ExperimentConfig.parse(experiment()).variant("newest")
