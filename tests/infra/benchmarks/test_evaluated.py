from infra.benchmarks.evaluated import own_post_claims, reaction_claims


def cells(**values: float) -> dict:
    return {name.replace("_at_", "@"): {"value": value} for name, value in values.items()}


def contender(all_of: dict, **slices: dict) -> dict:
    return {"slices": {"all": all_of, **slices}}


def reactions(ours: float, popular_cold: float) -> dict:
    above = {"ours": {"value": ours - 0.11, "low": -0.01, "high": 0.03}}
    gap = {"best": "ease", "above": above}
    point = {"strength": 0.0, "gained": 0.0, "lost": 0.0}
    return {
        "people": 600,
        "slices": {"all": 600, "among_cold_posts": 40},
        "contenders": {
            "ours": contender(
                cells(ndcg_at_10=ours, recall_at_20=ours), among_cold_posts=cells(ndcg_at_10=0.03)
            ),
            "ease": contender(cells(ndcg_at_10=0.11, recall_at_20=0.11)),
            "popularity": contender({}, among_cold_posts=cells(ndcg_at_10=popular_cold)),
        },
        "differences": {"all": {"ndcg@10": gap, "recall@20": gap}},
        "curve": [
            point,
            point | {"strength": 0.5, "gained": 0.35, "lost": 0.02},
            point | {"strength": 1.0, "gained": 0.9, "lost": 0.2},
        ],
    }


def test_figures_of_reactions_are_held_to_their_targets():
    found = {
        claim.what: claim
        for claim in reaction_claims("films", {"splits": {"temporal": reactions(0.12, 0.02)}}, "c")
    }
    assert found["films, temporal: nDCG@10 above every baseline"].target == "> 0.1100"
    assert found["films, temporal: nDCG@10 above every baseline"].met
    assert found["films, temporal, cold posts: nDCG@10 over popularity"].value == 1.5
    assert not found["films, temporal, cold posts: nDCG@10 over popularity"].met
    diversity = found["films, temporal: diversity gained for at most 3 % of nDCG@10"]
    assert (diversity.value, diversity.met) == (0.35, True)


def test_as_good_as_the_best_is_not_above_it_and_nothing_is_beaten_by_anything():
    claims = reaction_claims("films", {"splits": {"temporal": reactions(0.11, 0.0)}}, "c")
    assert not claims[0].met
    assert claims[2].value == 1000


def test_own_posts_are_held_against_the_best_of_one_modality():
    values = {"ours": 0.7, "text": 0.5, "image": 0.3, "whitened_text": 0.56, "random": 0.9}
    found = {name: contender(cells(map=value)) for name, value in values.items()}
    plain, whitened = own_post_claims("art", {"splits": {"own_posts": {"contenders": found}}}, "c")
    assert plain.value == 0.7 / 0.5 and plain.met
    assert "text 0.5000, image 0.3000" in plain.detail
    assert whitened.value == 0.7 / 0.56 and not whitened.met
    assert whitened.what.endswith("best unimodal recommender, whitened")
