"""What the service tells of itself; see `training/recorder.py` for how."""

from training.recorder import Kind, Metric

_SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)

HTTP_REQUESTS = Metric(
    "commonspace_http_requests_total",
    Kind.COUNTER,
    "Requests by route, method and status.",
    ("route", "method", "status"),
)
HTTP_SECONDS = Metric(
    "commonspace_http_request_seconds",
    Kind.HISTOGRAM,
    "Seconds until the answer was sent, by route and method.",
    ("route", "method"),
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
ANSWERS = Metric(
    "commonspace_answers_total",
    Kind.COUNTER,
    "Answers by question and outcome: full, empty, or fallback (posts for somebody unknown).",
    ("question", "outcome"),
)
EXPOSURES = Metric(
    "commonspace_exposures_total",
    Kind.COUNTER,
    "Posts that were shown, by what became of their entry in the log.",
    ("outcome",),
)
REFUSED = Metric(
    "commonspace_refused_total",
    Kind.COUNTER,
    "Requests that were told to come again, by the part whose queue was full.",
    ("part",),
)
CALL_SECONDS = Metric(
    "commonspace_call_seconds",
    Kind.HISTOGRAM,
    "Seconds of a call from one part to another, its wait in the queue included.",
    ("part", "method"),
)
CALLS_UNDER_WAY = Metric(
    "commonspace_calls_under_way",
    Kind.GAUGE,
    "Calls of a part that wait or are worked on, as their callers count them.",
    ("part",),
)
QUESTIONS_INSIDE = Metric(
    "commonspace_edge_questions", Kind.GAUGE, "Questions that a proxy has let in, now."
)
ENCODER_BATCH = Metric(
    "commonspace_encoder_batch_contents",
    Kind.HISTOGRAM,
    "Contents that went through an encoder together.",
    ("modality",),
    _SIZES,
)
ENCODER_SECONDS = Metric(
    "commonspace_encoder_batch_seconds",
    Kind.HISTOGRAM,
    "Seconds of a batch in an encoder.",
    ("modality",),
)
IN_USE = Metric(
    "commonspace_in_use_info",
    Kind.GAUGE,
    "1 for the model version and index build that answer, 0 for those before.",
    ("model_version", "index_build"),
)
INDEX_BEGUN = Metric(
    "commonspace_index_begun_timestamp_seconds",
    Kind.GAUGE,
    "When the build of the index in use was begun, in Unix time.",
)
INDEX_LAG_POSTS = Metric(
    "commonspace_index_lag_posts",
    Kind.GAUGE,
    "Posts that were written or changed and are not in the index yet.",
)
INDEX_LAG_REACTIONS = Metric(
    "commonspace_index_lag_reactions",
    Kind.GAUGE,
    "Reactions since the index was begun, by which it doesn't place people yet.",
)
INDEX_DRIFT = Metric(
    "commonspace_index_drift",
    Kind.GAUGE,
    "Differences of index and event database that the last comparison found, by kind; it mends "
    "them then.",
    ("kind",),
)
INDEX_COMPARED = Metric(
    "commonspace_index_compared_timestamp_seconds",
    Kind.GAUGE,
    "When index and event database were last compared, in Unix time.",
)
TRACKING_UP = Metric(
    "commonspace_tracking_up", Kind.GAUGE, "1 if MLflow answered when it was last asked, else 0."
)

ALL = (
    HTTP_REQUESTS,
    HTTP_SECONDS,
    ANSWERS,
    EXPOSURES,
    REFUSED,
    CALL_SECONDS,
    CALLS_UNDER_WAY,
    QUESTIONS_INSIDE,
    ENCODER_BATCH,
    ENCODER_SECONDS,
    IN_USE,
    INDEX_BEGUN,
    INDEX_LAG_POSTS,
    INDEX_LAG_REACTIONS,
    INDEX_DRIFT,
    INDEX_COMPARED,
    TRACKING_UP,
)
