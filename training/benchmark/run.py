"""The benchmark from data to documents: prepare, train in parallel, measure, claim, write, log."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from training.benchmark.claims.base import Evidence, all_claims
from training.benchmark.document import RESERVED, Document, document
from training.benchmark.elsewhere import measure_clip, measure_reactions
from training.benchmark.groups import measure_communities
from training.benchmark.plan import ablation_trials, curve_trials, main_trials
from training.benchmark.probes import probe_interests
from training.benchmark.recipe import Recipe
from training.benchmark.results import Results
from training.benchmark.schedule import run_trials
from training.benchmark.store import Store, context_of
from training.benchmark.trial import Outcome, Trial
from training.benchmark.written import write
from training.data.config import SAMPLE
from training.evaluation.protocol import strategy_of
from training.evaluation.slices import Slice, slices_of
from training.materials import Materials, gather_materials
from training.observer import SILENT, Observer
from training.reactions.config import ReactionConfig
from training.reactions.ranking import LIKES
from training.run_config import RunConfig

SAMPLE_NAME = "openclipart"
_PACKAGES = ("torch", "numpy", "scikit-learn", "transformers", "timm", "ray")


@dataclass(frozen=True)
class Request:
    """What is to be measured.

    Attributes:
        config: data, encoders and recipe.
        seeds: of the trainings.
        quick: leave out curves and ablations.
        reactions: a configuration whose data has reactions, for their own benchmark; or None.
        command: that was given, for the record.
    """

    config: RunConfig
    seeds: Sequence[int] = (0, 1, 2)
    quick: bool = False
    reactions: RunConfig | None = None
    command: str = "commonspace benchmark"


def benchmark(
    request: Request, workspace: Path, folder: Path, observer: Observer = SILENT
) -> Document:
    """Measure everything and write `quality.json`, `quality.md` and plots.

    Interrupted, it goes on where it stopped when called again with the same workspace.

    Args:
        request: what to measure.
        workspace: of clean data, features and finished trials.
        folder: for the documents.
        observer: sees stages and progress.
    Raises: BadData as `gather_materials`; BadConfig if a setting is wrong.
    """
    started = time.monotonic()
    config = request.config
    materials = gather_materials(config, workspace, observer)
    recipe = Recipe(model=config.model, losses=config.losses, loop=config.loop)
    store = Store(workspace / "benchmark", _context(config, materials, recipe))
    trials = main_trials(request.seeds)
    if not request.quick:
        trials += curve_trials(request.seeds[0])
    variants = [] if request.quick else ablation_trials(request.seeds[0], recipe)
    observer.stage("Training and measuring the contenders")
    outcomes = run_trials([*trials, *variants], materials.examples, recipe, store, observer)
    results = Results.of(trials, outcomes[: len(trials)])
    clip = measure_clip(materials, recipe, workspace, observer)
    if clip is not None:
        results = results.extended("clip", [clip] * len(request.seeds))
    ablations = _ablations(results, variants, outcomes[len(trials) :])
    observer.stage("Probing people's interests")
    interests = probe_interests(results, materials)
    communities, tags = measure_communities(
        results, materials, config, workspace / "features", observer
    )
    reactions, reaction_tables = _reactions(request, materials, workspace, folder, observer)
    name = data_set_name(config.data.posts)
    evidence = Evidence(results, name == SAMPLE_NAME, interests, communities, reactions)
    claims, left_out = all_claims(evidence)
    extras = {
        "interests": interests | {"tags": tags},
        "communities": communities,
        "reactions": reactions,
    }
    whole = document(
        name,
        results,
        ablations,
        _slices(materials),
        claims,
        left_out,
        _protocol(request, materials, recipe, time.monotonic() - started),
        extras | reaction_tables,
    )
    write(whole, folder)
    return whole


def data_set_name(posts: str) -> str:
    """What a data set is called in tables: by its file, or by its folder if that says `posts`."""
    if posts == SAMPLE:
        return SAMPLE_NAME
    path = Path(posts.rstrip("/"))
    stem = path.name.partition(".")[0]
    return stem if stem != "posts" else path.absolute().parent.name or stem


def name_beside(main: str, posts: str) -> str:
    """What the data set of reactions is called beside the main one, in one document."""
    name = data_set_name(posts)
    return f"{name} reactions" if name in (main, *RESERVED) else name


def _context(config: RunConfig, materials: Materials, recipe: Recipe) -> str:
    encoders = {m: getattr(config, f"{m}_encoder").to_yaml() for m in ("image", "text")}
    return context_of(materials.data, recipe, encoders, config.history.to_yaml())


def _ablations(results: Results, variants: Sequence[Trial], outcomes: Sequence[Outcome]) -> Results:
    """The variants, with the recipe itself (`joint` of the same seed) on top."""
    if not variants:
        return Results({}, {})
    found = Results.of(variants, outcomes)
    return Results(
        {"joint": results.tables["joint"][:1], **found.tables},
        {"joint": results.outcomes["joint"][:1], **found.outcomes},
    )


def _slices(materials: Materials) -> list[Slice]:
    """Parts of people and posts; a person is known to a model by training posts alone."""
    examples = materials.examples
    known = (examples.history_start.diff() > 0).numpy()
    return slices_of(examples, known, "test")


def _reactions(
    request: Request, materials: Materials, workspace: Path, folder: Path, observer: Observer
) -> tuple[dict[str, Any], Document]:
    """What `training.reactions` measures, whole and as tables of its data set."""
    config = request.reactions or request.config
    asked = request.reactions is not None
    found = gather_materials(config, workspace, observer) if asked else materials
    ours = ReactionConfig(history=config.history)
    outcome = measure_reactions(found, request.seeds, ours, asked, folder, observer)
    if "protocols" not in outcome:
        return outcome, {}
    likes = outcome["protocols"]["last_of_each"].get(LIKES, {})
    tables = {model: {"user_to_post": cells} for model, cells in likes.items()}
    main = data_set_name(request.config.data.posts)
    return outcome, {name_beside(main, config.data.posts): tables}


def _protocol(
    request: Request, materials: Materials, recipe: Recipe, elapsed: float
) -> dict[str, Any]:
    manifest = materials.data.manifest
    return {
        "command": request.command,
        "elapsed_s": round(elapsed, 1),
        "cpus": os.cpu_count(),
        "seeds": list(request.seeds),
        "data_digest": manifest.digest,
        "split": strategy_of(materials.data),
        "split_seed": manifest.split.seed,
        "posts": dict(manifest.splits),
        "people": len(materials.examples.users),
        "people_with_test_posts": len(
            materials.examples.keys.author[materials.examples.rows("test")].unique()
        ),
        "encoders": [request.config.image_encoder.name, request.config.text_encoder.name],
        "dimension": recipe.model.dimension,
        "selection": "best epoch, block weights, CCA and late fusion by the validation posts alone",
        "ranking": "every query against every candidate; ties count against the model",
        "versions": {name: version(name) for name in _PACKAGES},
    }
