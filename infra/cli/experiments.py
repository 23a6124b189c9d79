"""`commonspace experiments`: who gets which variant, and what came of it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.options import AsJson, ConfigFile, Overrides, Workspace, configuration
from infra.cli.output import note, results, table
from training.errors import BadConfig, NotFound

if TYPE_CHECKING:
    from infra.product import ProductConfig
    from recsys.events.database import Events
    from recsys.experiments.config import ExperimentConfig
    from recsys.experiments.estimate import PolicyValue
    from recsys.experiments.ratio import Interval
    from recsys.experiments.report import ExperimentReport

NOTHING = "–"
"""Where there are too few people for a number."""
app = typer.Typer(name="experiments", help="Variants, compared on people.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Of an experiment in the settings.")]
_ESTIMATES = {
    "logged": "what answered, as it was seen",
    "naive": "mean of what both show (biased)",
    "ips": "inverse propensity",
    "self_normalised": "self-normalised",
    "clipped": "clipped weights",
    "doubly_robust": "doubly robust",
}


@app.command("list")
def list_(
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """List the experiments that the settings hold.

    \b
    Examples:
      commonspace experiments list --config product.yaml
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        rows = [_outline(one) for one in settings.experiments]
        columns = ("name", "state", "layer", "share", "variants", "shadow")
        cells = [[_words(row[column]) for column in columns] for row in rows]
        show(rows, text=table(columns, cells) if rows else "no experiments in the settings")


@app.command()
def show(
    name: Name,
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Show an experiment's settings, and what each variant changes.

    \b
    Examples:
      commonspace experiments show taste --config product.yaml
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        experiment = _find(settings, name)
        show(
            _outline(experiment) | {"settings": experiment.model_dump(mode="json")},
            text=f"{experiment.name} is {_state(experiment)}\n{experiment.to_yaml().rstrip()}",
        )


@app.command()
def assign(
    user: Annotated[str, typer.Argument(metavar="USER", help="Id of a person.")],
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Tell a person's variant in each experiment, whether it runs or not.

    \b
    Examples:
      commonspace experiments assign alice --config product.yaml --json
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        from recsys.experiments.assignment import variant_of
        from recsys.experiments.config import leaves

        rows = []
        for experiment in settings.experiments:
            variant = variant_of(user, experiment)
            changes = dict(leaves(variant.recommend)) if variant else {}
            if variant and variant.model:
                changes["model"] = variant.model
            rows.append(
                {
                    "experiment": experiment.name,
                    "state": _state(experiment),
                    "variant": variant.name if variant else None,
                    "changes": changes,
                }
            )
        cells = [
            (
                row["experiment"],
                row["state"],
                row["variant"] or "(not in it)",
                ", ".join(f"{field}={value}" for field, value in row["changes"].items()),
            )
            for row in rows
        ]
        text = table(("experiment", "state", "variant", "changes"), cells)
        show({"user_id": user, "assignments": rows}, text=text if rows else "no experiments")


@app.command()
def report(
    name: Name,
    picture: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE", help="Draw it over time, as PNG."),
    ] = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Report what an experiment has brought: per variant, and against the first of them.

    Intervals are 95 %, over people. Read the cautions first.

    \b
    Examples:
      commonspace experiments report taste --config product.yaml
      commonspace experiments report taste --config product.yaml --json --plot taste.png
    """
    settings = configuration(config, overrides, workspace)
    experiment = _find(settings, name)
    with results(as_json) as show, _events(settings) as events:
        from recsys.experiments.report import report_on

        found = report_on(experiment, events.outcomes, datetime.now(UTC))
        if picture is not None:
            from recsys.experiments.plot import plot

            note(f"drawn: {plot(found, picture)}")
        show(_plain(asdict(found)), text=_page(found))


@app.command()
def estimate(
    name: Name,
    shadow: Annotated[
        str | None,
        typer.Option("--variant", metavar="VARIANT", help="A shadow variant, by its log."),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            "--policy",
            metavar="FILE",
            help="Parquet, CSV or JSONL: request_id, position, post_id, probability.",
        ),
    ] = None,
    logged: Annotated[
        str | None,
        typer.Option("--logged", metavar="VARIANT", help="Only from this variant's exposures."),
    ] = None,
    clip: Annotated[
        float | None, typer.Option("--clip", metavar="WEIGHT", help="Largest clipped weight.")
    ] = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Estimate what another policy would have been worth, without showing it to anyone.

    From the exposures of an experiment and the probabilities with which they came about. Values
    are per post that is shown. Where the log can't tell, there is an error and no figure.

    \b
    Examples:
      commonspace experiments estimate taste --variant newer --config product.yaml
      commonspace experiments estimate taste --policy policy.parquet --config product.yaml --json
    """
    if (shadow is None) == (policy is None):
        raise BadConfig("name exactly one of --variant and --policy")
    if clip is not None and not clip > 0:
        raise BadConfig(f"--clip must be above 0, not {clip}")
    settings = configuration(config, overrides, workspace)
    experiment = _find(settings, name)
    for variant in (shadow, logged):
        if variant is not None:
            experiment.variant(variant)
    with results(as_json) as show, _events(settings) as events:
        from recsys.experiments.estimate import estimate
        from recsys.experiments.policies import policy_from, shadow_policy, shown_in

        now = datetime.now(UTC)
        if policy is not None:
            wanted = policy_from(policy)
        else:
            assert shadow is not None  # exactly one of the two
            wanted = shadow_policy(experiment, shadow, events.shadows, now)
        shown = shown_in(experiment, events.outcomes, now, logged)
        found = estimate(shown, wanted, clip=clip)
        show(_plain(asdict(found)), text=_estimates(found))


@contextmanager
def _events(settings: "ProductConfig") -> "Iterator[Events]":
    from recsys.events.database import Events

    with Events(settings.events, settings.workspace) as events:
        yield events


def _find(settings: "ProductConfig", name: str) -> "ExperimentConfig":
    for experiment in settings.experiments:
        if experiment.name == name:
            return experiment
    known = ", ".join(experiment.name for experiment in settings.experiments)
    hint = f"there are: {known}" if known else "name some under `experiments` in the settings"
    raise NotFound(f"no experiment {name!r:.80}", hint=hint)


def _state(experiment: "ExperimentConfig") -> str:
    now = datetime.now(UTC)
    if experiment.running(now):
        return "running"
    return "ended" if experiment.end and experiment.end <= now else "planned"


def _outline(experiment: "ExperimentConfig") -> dict[str, Any]:
    return {
        "name": experiment.name,
        "state": _state(experiment),
        "layer": experiment.layer,
        "share": experiment.share,
        "variants": [variant.name for variant in experiment.shown],
        "shadow": list(experiment.shadow),
    }


def _page(found: "ExperimentReport") -> str:
    parts = [
        f"{found.experiment}, {found.start:%Y-%m-%d %H:%M} to {found.end:%Y-%m-%d %H:%M} UTC; "
        f"a reaction counts for {found.window_hours:g} hours",
        *(f"! {caution}" for caution in found.cautions),
    ]
    metrics = list(found.variants[0].metrics)
    rows = [
        (one.name, one.people, one.exposures, *(_interval(one.metrics[name]) for name in metrics))
        for one in found.variants
    ]
    parts.append(table(("variant", "people", "exposures", *metrics), rows))
    compared = [
        (
            one.variant,
            one.metric,
            _interval(one.bootstrap, signed=True),
            _interval(one.welch, signed=True),
            _interval(one.anytime, signed=True),
            "" if one.relative is None else f"{one.relative:+.1%}",
            f"{one.detectable:.4f}" if math.isfinite(one.detectable) else NOTHING,
        )
        for one in found.comparisons
    ]
    header = ("against", "metric", "difference", "check", "anytime", "relative", "detectable")
    parts.append(f"minus {found.control}\n{table(header, compared)}")
    parts.append(f"split: p = {found.mismatch:.3f}")
    return "\n\n".join(parts)


def _estimates(found: "PolicyValue") -> str:
    rows = [(words, _interval(getattr(found, name))) for name, words in _ESTIMATES.items()]
    return (
        f"{table(('value per shown post', 'with 95 % interval'), rows)}\n\n"
        f"{found.posts} places of {found.people} people, worth {found.effective:.0f} unweighted; "
        f"mean weight {found.support:.3f} (1 where the log covers the policy); "
        f"clipped at {found.clip:.1f}"
    )


def _interval(one: "Interval", *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    if not math.isfinite(one.value):
        return NOTHING  # too few people
    if not (math.isfinite(one.low) and math.isfinite(one.high)):
        return f"{one.value:{sign}.4f}"
    return f"{one.value:{sign}.4f} [{one.low:{sign}.4f}, {one.high:{sign}.4f}]"


def _words(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    """What JSON can hold: times as text, and null where there is no number."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return value if value - value == 0 else None
    return value
