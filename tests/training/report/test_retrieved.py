import numpy as np

from training.evaluation.embedded import Direction
from training.evaluation.retrieval import retrieval_per_query
from training.report.retrieved import galleries


def test_failures_are_the_worst_and_say_what_was_expected(hostile, report_on, hostile_report):
    materials = hostile
    author = materials.examples.keys.author[materials.examples.rows("test")].numpy()
    found = {each.direction: each for each in hostile_report.galleries}
    posts = found[Direction.POST_TO_USER]
    for each in (*posts.typical, *posts.worst):
        assert each.expected == author[each.query]
        assert each.matches == tuple(row == each.expected for row in each.results)
        assert each.average_precision == 1 / each.rank  # one match
        if each.rank <= len(each.results):
            assert each.results[each.rank - 1] == each.expected
    lowest = min(each.average_precision for each in posts.worst)
    assert lowest <= min(each.average_precision for each in posts.typical)


def test_queries_are_of_different_people(hostile_report, hostile):
    author = hostile.examples.keys.author[hostile.examples.rows("test")].numpy()
    for gallery in hostile_report.galleries:
        for part in (gallery.typical, gallery.worst):
            queries = [each.query for each in part]
            people = queries if gallery.direction.query == "user" else author[queries].tolist()
            assert len(set(people)) == len(people)


def test_a_model_that_knows_nothing_fails_at_the_very_end(small_embedded):
    per_query = retrieval_per_query(small_embedded)
    [gallery] = [
        each
        for each in galleries(small_embedded, per_query)
        if each.direction == Direction.POST_TO_USER
    ]
    assert {each.rank for each in gallery.worst} == {len(small_embedded.users)}
    assert not any(any(each.matches[:-1]) for each in gallery.worst)
    assert np.isclose(gallery.worst[0].average_precision, 1 / len(small_embedded.users))
