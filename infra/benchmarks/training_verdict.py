"""How a disturbed training is judged beside the undisturbed one of the same invocation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from infra.benchmarks.claims import Claim
from infra.benchmarks.training_process import Trained
from training.errors import TrainingFailed

COMMAND = "make chaos-training"


@dataclass(frozen=True)
class Undisturbed:
    """What the undisturbed run came to.

    Attributes:
        score: final validation score.
        seconds: from the first to the last epoch.
    """

    score: float
    seconds: float

    @classmethod
    def of(cls, training: Trained) -> Self:
        """Raises: TrainingFailed if it has no result."""
        result, lines = training.result(), training.lines()
        if result is None or not lines:
            raise TrainingFailed("the undisturbed training failed", hint=training.said()[-500:])
        return cls(result["validation"], lines[-1][1] - lines[0][1])


def verdict(
    trial: str, training: Trained, undisturbed: Undisturbed, *, repeated: int
) -> list[Claim]:
    """What holds for each trial. Ends what it left running, after having counted it.

    Args:
        trial: its name.
        training: has ended.
        undisturbed: to compare with.
        repeated: how many epochs may have been written down twice.
    """
    left = training.lasting()
    training.sweep()
    result = training.result()
    score = result["validation"] if result else float("nan")
    epochs = [epoch for epoch, _ in training.lines()]
    lost = max(epochs, default=0) - len(set(epochs))
    return [
        Claim(
            f"{trial}: final validation score, apart from the undisturbed run's, share",
            abs(score / undisturbed.score - 1),
            "<= 0.01",
            COMMAND,
            f"{score:.5f} and {undisturbed.score:.5f}",
        ),
        count(trial, "registered", int(training.registered()), 1),
        count(trial, "epochs without metrics", lost, 0),
        Claim(
            f"{trial}: epochs written down twice",
            len(epochs) - len(set(epochs)),
            f"<= {repeated}",
            COMMAND,
        ),
        Claim(
            f"{trial}: processes left 30 s after the end",
            len(left),
            "= 0",
            COMMAND,
            "; ".join(left)[:200],
        ),
    ]


def recoveries(
    trial: str, training: Trained, faults: Sequence[float], *, within_s: int = 60
) -> list[Claim]:
    """Seconds from each fault (Unix time) to the next group of workers, and to its first epoch."""
    starts = [fault.time for fault in training.faults("started")]
    epochs = [time for _, time in training.lines()]
    never = float("nan")
    begun = [min((start - at for start in starts if start > at), default=never) for at in faults]
    done = [
        min((time - at for time in epochs if time > at + wait), default=never)
        for at, wait in zip(faults, begun, strict=True)
    ]
    return [
        Claim(
            f"{trial}: slowest recovery, s, from the fault to the next finished epoch",
            max(done),
            f"<= {within_s}",
            COMMAND,
            f"workers began after {', '.join(f'{wait:.1f}' for wait in begun)} s, the first epoch "
            f"was done after {', '.join(f'{wait:.1f}' for wait in done)} s",
        )
    ]


def count(trial: str, what: str, value: int, target: int, detail: str = "") -> Claim:
    """A number that must be exactly so."""
    return Claim(f"{trial}: {what}", value, f"= {target}", COMMAND, detail)
