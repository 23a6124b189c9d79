import asyncio
import time

from prometheus_client.parser import text_string_to_metric_families

from serving import exposition
from serving.exposition import merged
from training import measures
from training.ray_recorder import RayRecorder

_SCOPE = 'otel_scope_name="x",otel_scope_schema_url="",otel_scope_version=""'


def page(worker: str, count: int, waiting: int) -> str:
    """As Ray's agent writes it."""
    own = f'Component="c",NodeAddress="h",SessionName="s,{{}}",Version="2",WorkerId="{worker}"'
    return f"""# HELP ray_node_cpu_count Cores.
# TYPE ray_node_cpu_count gauge
ray_node_cpu_count{{ip="h",{_SCOPE}}} 2.0
# HELP ray_commonspace_answers_total Answers.
# TYPE ray_commonspace_answers_total counter
ray_commonspace_answers_total{{{own},{_SCOPE},outcome="full",question="a"}} {count}.0
# HELP ray_commonspace_index_lag_posts Posts.
# TYPE ray_commonspace_index_lag_posts gauge
ray_commonspace_index_lag_posts{{{own},{_SCOPE}}} {waiting}.0
"""


def test_pages_of_nodes_are_one_page_of_ours():
    found = merged([page("w1", 3, 7), "", page("w2", 4, 8)]).decode()
    families = {one.name: one for one in text_string_to_metric_families(found)}
    assert set(families) == {"commonspace_answers", "commonspace_index_lag_posts"}
    answers = families["commonspace_answers"]
    assert (answers.type, answers.documentation) == ("counter", "Answers.")
    assert {one.labels["WorkerId"]: one.value for one in answers.samples} == {"w1": 3, "w2": 4}
    assert answers.samples[0].labels == {
        "NodeAddress": "h",
        "WorkerId": "w1",
        "outcome": "full",
        "question": "a",
    }
    assert found.count("# TYPE commonspace_answers_total counter") == 1
    assert merged([]) == merged(["", "# nothing\n"]) == b""


def test_a_node_that_does_not_answer_is_left_out(monkeypatch):
    monkeypatch.setattr(exposition, "_agents", lambda: ["http://127.0.0.1:9/metrics"])
    assert asyncio.run(exposition.cluster_page()) == b""


def test_what_a_process_tells_ray_is_on_the_page(ray_session):
    recorder = RayRecorder()
    recorder.set(measures.EPOCH, 3, run="on the page")
    with recorder.stage(measures.CHECKPOINT_SECONDS, run="on the page"):
        pass
    deadline = time.monotonic() + 60
    while True:
        found = asyncio.run(exposition.cluster_page()).decode()
        samples = {
            one.name: one.value
            for family in text_string_to_metric_families(found)
            for one in family.samples
            if one.labels.get("run") == "on the page"
        }
        if len(samples) >= 4:
            break
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert samples["commonspace_training_epoch"] == 3
    assert samples["commonspace_training_checkpoint_seconds_count"] == 1
