"""All figures as a table for docs/watching.md; `python -m infra.monitoring.figures` prints it."""

from recsys import measures as of_recommending
from serving import measures as of_serving
from training import measures as of_training
from training.recorder import Metric

ALL: tuple[Metric, ...] = (*of_training.ALL, *of_recommending.ALL, *of_serving.ALL)


def table() -> str:
    """Markdown: name, type, labels, meaning."""
    lines = ["| name | type | labels | meaning |", "|---|---|---|---|"]
    for one in ALL:
        labels = ", ".join(f"`{label}`" for label in one.labels)
        lines.append(f"| `{one.name}` | {one.kind} | {labels} | {one.meaning} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(), end="")
