"""What is refused before a model is compared, and beside that comparison; pure rules."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from infra.pipeline.config import PipelineConfig
from training.drift.shift import Level
from training.evaluation.comparison import Compared
from training.evaluation.embedded import Direction

if TYPE_CHECKING:
    from training.data.clean import Manifest


def check_data(now: "Manifest", before: "Manifest | None", config: PipelineConfig) -> list[str]:
    """Reasons to refuse data, beside those of the champion.

    Args:
        now: of the clean data.
        before: of the data that the champion was trained on; None if that is not there to compare.
        config: thresholds.
    """
    if before is None:
        return []
    found = []
    posts, earlier = now.counts["posts"], before.counts["posts"]
    if posts < config.least_posts * earlier:
        found.append(
            f"{posts:,} posts against {earlier:,} of the champion, below "
            f"{config.least_posts:.0%}: is the export whole?"
        )
    share, usual = quarantined(now), quarantined(before)
    if share > usual + config.more_quarantined:
        found.append(
            f"{share:.1%} of the rows are bad against {usual:.1%} of the champion, more than "
            f"{config.more_quarantined:.1%} above: commonspace data check says why"
        )
    return found


def check_drift(level: Level, verdict: str, config: PipelineConfig) -> list[str]:
    """Reasons to refuse data that has moved."""
    if config.refuse_drift == "never" or level.rank < Level(config.refuse_drift).rank:
        return []
    return [verdict]


def check_directions(compared: Sequence[Compared], config: PipelineConfig) -> list[str]:
    """Directions in which a candidate is surely worse, and by too much."""
    return [
        f"{Direction(each.direction).arrow} lost {-each.difference.value:.3f} "
        f"{each.metric.upper()} ({each.champion.value:.3f} → {each.candidate.value:.3f}), at most "
        f"{config.most_lost:g} may be lost; 95 % interval of the difference "
        f"{each.difference.low:+.3f} to {each.difference.high:+.3f}"
        for each in compared
        if each.difference.high < 0 and -each.difference.value > config.most_lost
    ]


def quarantined(manifest: "Manifest") -> float:
    """Share of the rows that were read which are bad, of all tables."""
    report = manifest.report
    read = sum(table.read for table in report.tables.values())
    return report.quarantined / read if read else 0.0
