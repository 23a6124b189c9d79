from pathlib import Path

from infra.monitoring import figures
from training.recorder import Kind

DOCUMENT = Path(figures.__file__).parents[2] / "docs" / "watching.md"
PERSONAL = {"user", "user_id", "person", "post", "post_id", "text", "query", "tag", "request_id"}


def test_every_figure_is_in_the_documents_table():
    assert figures.table() in DOCUMENT.read_text(encoding="utf-8")


def test_names_are_such_as_prometheus_wants_and_labels_name_nobody():
    names = [one.name for one in figures.ALL]
    assert len(set(names)) == len(names)
    for one in figures.ALL:
        assert one.name.startswith("commonspace_") and one.meaning.endswith(".")
        assert one.name.endswith("_total") == (one.kind is Kind.COUNTER)
        assert not PERSONAL & set(one.labels)
        assert list(one.buckets) == sorted(set(one.buckets))
