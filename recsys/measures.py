"""What recommending tells of itself; see `training/recorder.py` for how."""

from training.recorder import Kind, Metric

STAGE_SECONDS = Metric(
    "commonspace_recommend_stage_seconds",
    Kind.HISTOGRAM,
    "Seconds of a stage of one recommendation, all its rounds apart; source is empty but for "
    "candidates. The first source that asks the index pays for all that do.",
    ("stage", "source"),
)
MILVUS_SECONDS = Metric(
    "commonspace_milvus_seconds",
    Kind.HISTOGRAM,
    "Seconds of a call of Milvus, by the client's method.",
    ("operation",),
)
SQL_SECONDS = Metric(
    "commonspace_sql_seconds",
    Kind.HISTOGRAM,
    "Seconds of a statement of the event database, by its first word and table.",
    ("operation", "table"),
)

ALL = (STAGE_SECONDS, MILVUS_SECONDS, SQL_SECONDS)
