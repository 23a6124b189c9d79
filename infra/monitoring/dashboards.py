"""The two dashboards; `python -m infra.monitoring.dashboards` writes their JSON files."""

import json
from pathlib import Path
from typing import Any

from infra.monitoring.panels import Panel, Query, Variable, dashboard

FOLDER = Path(__file__).parent / "dashboards"
_RATE = "[$__rate_interval]"


def written() -> dict[str, str]:
    """The files by name, as they should be."""
    found: dict[str, dict[str, Any]] = {"training.json": training(), "serving.json": serving()}
    return {name: json.dumps(one, indent=1) + "\n" for name, one in found.items()}


def training() -> dict[str, Any]:
    """Runs that train, the data they train on, the machines they train on."""
    run = '{run=~"$run"}'
    return dashboard(
        "commonspace-training",
        "Commonspace: training",
        {
            "Learning": [
                Panel(
                    "Loss by pair",
                    [_latest(f"commonspace_training_loss{run}", "run, pair")],
                    why="Mean of each epoch. One that rises while others fall is being paid for.",
                ),
                Panel(
                    "Validation score",
                    [_latest(f"commonspace_training_validation_score{run}", "run")],
                    why="By which the best epoch and the champion are chosen.",
                ),
                Panel(
                    "Epochs",
                    [
                        Query(f"max by (run) (commonspace_training_epoch{run})", "{{run}} done"),
                        Query(
                            f"max by (run) (commonspace_training_epochs{run})", "{{run}} at most"
                        ),
                    ],
                ),
            ],
            "Speed": [
                Panel(
                    "Samples a second",
                    [_latest(f"commonspace_training_samples_per_second{run}", "run")],
                    why="Posts, all workers together.",
                ),
                Panel(
                    "Waiting for data",
                    [_latest(f"commonspace_training_data_wait_ratio{run}", "run, rank")],
                    "percentunit",
                    "Share of the epoch, by worker. Above 5 % the input pipeline is too slow.",
                ),
                Panel(
                    "Seconds of a checkpoint",
                    [
                        Query(
                            f"sum by (run) (commonspace_training_checkpoint_seconds_sum{run}) / "
                            f"sum by (run) (commonspace_training_checkpoint_seconds_count{run})",
                            "{{run}}",
                        )
                    ],
                    "s",
                    "Mean since the workers began.",
                ),
            ],
            "Faults and data": [
                Panel(
                    "Restarts",
                    [_latest(f"commonspace_training_restarts{run}", "run")],
                    why="Failures of workers that the run survived.",
                ),
                Panel(
                    "Since the last checkpoint",
                    [
                        Query(
                            "time() - max by (run) "
                            f"(commonspace_training_progress_timestamp_seconds{run})",
                            "{{run}}",
                        )
                    ],
                    "s",
                ),
                Panel(
                    "Rows in quarantine",
                    [_latest("commonspace_data_quarantined_rows", "table, reason")],
                    why="Of the data that is trained on; the rows lie in quarantine.parquet.",
                ),
                Panel(
                    "Share in quarantine",
                    [
                        Query(
                            "sum by (table) (commonspace_data_quarantined_rows) / "
                            "sum by (table) (commonspace_data_rows)",
                            "{{table}}",
                        )
                    ],
                    "percentunit",
                ),
            ],
            "Machines": [
                Panel("Processor", [Query("ray_node_cpu_utilization", "{{ip}}")], "percent"),
                Panel(
                    "Memory in use",
                    [Query("ray_node_mem_used / ray_node_mem_total", "{{ip}}")],
                    "percentunit",
                    most=1,
                ),
                Panel(
                    "Free disk",
                    [
                        Query(
                            "ray_node_disk_free / (ray_node_disk_free + ray_node_disk_usage)",
                            "{{ip}}",
                        )
                    ],
                    "percentunit",
                    most=1,
                ),
            ],
        },
        [Variable("run", "commonspace_training_epoch")],
    )


def serving() -> dict[str, Any]:
    """Answers, recommendations, the index, and the parts of the service."""
    routes = '{route=~"$route"}'
    requests = "commonspace_http_requests_total"
    return dashboard(
        "commonspace-serving",
        "Commonspace: serving",
        {
            "Answers": [
                Panel(
                    "Requests a second",
                    [Query(f"sum by (status) (rate({requests}{routes}{_RATE}))", "{{status}}")],
                    "reqps",
                ),
                Panel(
                    "Time to answer",
                    [
                        _quantile(share, f"commonspace_http_request_seconds_bucket{routes}")
                        for share in (0.5, 0.95, 0.99)
                    ],
                    "s",
                ),
                Panel(
                    "Told to come again",
                    [_by("commonspace_refused_total", "part")],
                    "reqps",
                    "By the part whose queue was full; `edge` before anything was done.",
                ),
            ],
            "Recommendations": [
                Panel(
                    "Stages, 95th percentile",
                    [
                        _quantile(
                            0.95,
                            'commonspace_recommend_stage_seconds_bucket{source=""}',
                            "stage",
                        )
                    ],
                    "s",
                ),
                Panel(
                    "Candidate sources, 95th percentile",
                    [
                        _quantile(
                            0.95,
                            'commonspace_recommend_stage_seconds_bucket{source!=""}',
                            "source",
                        )
                    ],
                    "s",
                    "The first source that asks the index pays for all that do.",
                ),
                Panel(
                    "Answers by outcome",
                    [_by("commonspace_answers_total", "outcome")],
                    "reqps",
                    "`fallback`: to somebody of whom nothing is known. `empty`: to nobody's use.",
                ),
                Panel(
                    "Share of fallback",
                    [
                        Query(
                            f'sum(rate(commonspace_answers_total{{outcome="fallback"}}{_RATE})) / '
                            f"sum(rate(commonspace_answers_total{_RATE}))",
                            "fallback",
                        )
                    ],
                    "percentunit",
                ),
                Panel(
                    "Log of what was shown",
                    [_by("commonspace_exposures_total", "outcome")],
                    "cps",
                    "`dropped` and `failed` are lost to experiments and estimates.",
                ),
            ],
            "Index": [
                Panel(
                    "In use",
                    [
                        Query(
                            "max by (model_version, index_build) (commonspace_in_use_info) == 1",
                            "model {{model_version}}, build {{index_build}}",
                        )
                    ],
                    kind="stat",
                ),
                Panel(
                    "Age of the index",
                    [Query("time() - max(commonspace_index_begun_timestamp_seconds)", "age")],
                    "s",
                    kind="stat",
                ),
                Panel(
                    "Not in the index yet",
                    [
                        Query("max(commonspace_index_lag_posts)", "posts"),
                        Query("max(commonspace_index_lag_reactions)", "reactions"),
                    ],
                    why="Reactions count in answers all the same; a build places people by them.",
                ),
                Panel(
                    "Differences found",
                    [_latest("commonspace_index_drift", "kind")],
                    why="Of index and event database at the last comparison, before it was mended.",
                ),
                Panel(
                    "Since the last comparison",
                    [Query("time() - max(commonspace_index_compared_timestamp_seconds)", "ago")],
                    "s",
                ),
                Panel("MLflow", [Query("min(commonspace_tracking_up)", "answers")], most=1),
            ],
            "Parts": [
                Panel(
                    "Calls under way",
                    [Query("sum by (part) (commonspace_calls_under_way)", "{{part}}")],
                    why="Waiting or worked on, by the part that is called.",
                ),
                Panel(
                    "Calls, 95th percentile",
                    [_quantile(0.95, "commonspace_call_seconds_bucket", "part, method")],
                    "s",
                ),
                Panel(
                    "Contents of an encoder's batch",
                    [
                        Query(
                            "sum by (modality) "
                            f"(rate(commonspace_encoder_batch_contents_sum{_RATE})) / "
                            "sum by (modality) "
                            f"(rate(commonspace_encoder_batch_contents_count{_RATE}))",
                            "{{modality}}",
                        )
                    ],
                ),
                Panel(
                    "Encoders, 95th percentile",
                    [_quantile(0.95, "commonspace_encoder_batch_seconds_bucket", "modality")],
                    "s",
                ),
                Panel(
                    "Milvus, 95th percentile",
                    [_quantile(0.95, "commonspace_milvus_seconds_bucket", "operation")],
                    "s",
                ),
                Panel(
                    "Event database, 95th percentile",
                    [_quantile(0.95, "commonspace_sql_seconds_bucket", "operation, table")],
                    "s",
                ),
            ],
        },
        [Variable("route", "commonspace_http_requests_total")],
    )


def _latest(metric: str, labels: str) -> Query:
    """A gauge, once for each of the labels, whoever tells it."""
    return Query(f"max by ({labels}) ({metric})", _braced(labels))


def _by(counter: str, label: str) -> Query:
    return Query(f"sum by ({label}) (rate({counter}{_RATE}))", _braced(label))


def _quantile(share: float, buckets: str, labels: str = "") -> Query:
    by = f"le, {labels}" if labels else "le"
    expr = f"histogram_quantile({share}, sum by ({by}) (rate({buckets}{_RATE})))"
    return Query(expr, _braced(labels) or f"{100 * share:.0f} %")


def _braced(labels: str) -> str:
    return " ".join(f"{{{{{label.strip()}}}}}" for label in labels.split(",") if label)


if __name__ == "__main__":
    for name, text in written().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
