"""What a training tells of itself while it runs; see `recorder.py` for how."""

from training.recorder import Kind, Metric

_RUN = ("run",)

EPOCH = Metric("commonspace_training_epoch", Kind.GAUGE, "Epochs that are done.", _RUN)
EPOCHS = Metric("commonspace_training_epochs", Kind.GAUGE, "Epochs that there are at most.", _RUN)
LOSS = Metric(
    "commonspace_training_loss",
    Kind.GAUGE,
    "Mean loss of the last epoch, by pair of modalities or term.",
    (*_RUN, "pair"),
)
VALIDATION = Metric(
    "commonspace_training_validation_score",
    Kind.GAUGE,
    "Score on validation posts after the last epoch, by which models are chosen.",
    _RUN,
)
SAMPLES = Metric(
    "commonspace_training_samples_per_second",
    Kind.GAUGE,
    "Posts a second in the last epoch, all workers together.",
    _RUN,
)
DATA_WAIT = Metric(
    "commonspace_training_data_wait_ratio",
    Kind.GAUGE,
    "Share of the last epoch in which a worker waited for its next batch, by its rank.",
    (*_RUN, "rank"),
)
CHECKPOINT_SECONDS = Metric(
    "commonspace_training_checkpoint_seconds",
    Kind.HISTOGRAM,
    "Seconds from the end of an epoch, or a pause in it, until worker 0 had saved a checkpoint.",
    _RUN,
    (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0),
)
PROGRESS = Metric(
    "commonspace_training_progress_timestamp_seconds",
    Kind.GAUGE,
    "When the workers began, or last saved what they had learned, in Unix time.",
    _RUN,
)
RESTARTS = Metric(
    "commonspace_training_restarts",
    Kind.GAUGE,
    "How often workers failed and the run went on from its last checkpoint.",
    _RUN,
)
ROWS = Metric(
    "commonspace_data_rows",
    Kind.GAUGE,
    "Rows that were read for the training that runs, by table.",
    ("table",),
)
QUARANTINED = Metric(
    "commonspace_data_quarantined_rows",
    Kind.GAUGE,
    "Rows of them that were kept out, by table and reason.",
    ("table", "reason"),
)

ALL = (
    EPOCH,
    EPOCHS,
    LOSS,
    VALIDATION,
    SAMPLES,
    DATA_WAIT,
    CHECKPOINT_SECONDS,
    PROGRESS,
    RESTARTS,
    ROWS,
    QUARANTINED,
)
