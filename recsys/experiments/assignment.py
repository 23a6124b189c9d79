"""Who is in which variant: a hash of the person's id, so that nothing need be stored or asked."""

import bisect
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from recsys.experiments.config import ExperimentConfig, VariantConfig

_RANGE = 2**64


@dataclass(frozen=True)
class Assignment:
    """A person's part in an experiment.

    Attributes:
        experiment: which.
        variant: the one that they get.
    """

    experiment: ExperimentConfig
    variant: VariantConfig


def place(salt: str, user_id: str) -> float:
    """Where in [0, 1) a person is by this salt; uniform, and independent between salts.

    The same on every machine and in every release: a running experiment rests on it.
    """
    text = f"{len(salt)}:{salt}{user_id}"  # the length: no two pairs make the same text
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    # 53 bits: more would round up to 1
    return (int.from_bytes(digest, "big") >> 11) / (_RANGE >> 11)


def variant_of(user_id: str, experiment: ExperimentConfig) -> VariantConfig | None:
    """The person's variant, whatever the date; None if they don't take part.

    Taking part and the variant are drawn by different salts: a share that grows takes more people
    in and leaves every one where they are.
    """
    here = place(f"layer:{experiment.layer}", user_id)
    if not experiment.offset <= here < experiment.offset + experiment.share:
        return None
    weights = list(accumulate(variant.weight for variant in experiment.shown))
    at = place(f"variant:{experiment.salt or experiment.name}", user_id) * weights[-1]
    # min: the product may round up to the sum
    return experiment.shown[min(bisect.bisect_right(weights, at), len(weights) - 1)]


def assignments(
    user_id: str, experiments: Sequence[ExperimentConfig], now: datetime
) -> tuple[Assignment, ...]:
    """A person's part in each experiment that runs, in the order of the experiments.

    Args:
        user_id: the person.
        experiments: checked together, so that no two of them share the person in one layer.
        now: with its zone.
    """
    return tuple(_assigned(user_id, experiments, now))


def _assigned(
    user_id: str, experiments: Sequence[ExperimentConfig], now: datetime
) -> Iterator[Assignment]:
    for experiment in experiments:
        if experiment.running(now):
            variant = variant_of(user_id, experiment)
            if variant is not None:
                yield Assignment(experiment, variant)
