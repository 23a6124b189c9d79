"""Where a model came from, and under which terms: data, quarantine, code, licences."""

from training.data.clean import CleanData
from training.report.html import Markup, join, tag, written
from training.report.run_record import RunRecord
from training.report.tables import facts, table
from training.run_config import RunConfig
from training.tracking.model_card import EncoderFact
from training.tracking.model_card import _licence as licence_of
from training.tracking.reachability import public_name

_SAMPLE = "sample"


def data_section(data: CleanData) -> Markup:
    """Counts, and what was kept out, by reason."""
    manifest = data.manifest
    report = manifest.report
    counts = facts(
        "What the model was trained and measured on",
        [
            ("source", written(public_name(manifest.config.posts))),
            *((name, f"{count:,}") for name, count in manifest.counts.items()),
            *((f"posts in {part}", f"{count:,}") for part, count in manifest.splits.items()),
            *((f"people with {n} posts", f"{c:,}") for n, c in report.authors_by_posts.items()),
            ("posts without text", f"{report.posts_without_text:,}"),
            ("posts without image", f"{report.posts_without_image:,}"),
            ("private posts (never shown here)", f"{report.private_posts:,}"),
        ],
    )
    rows = [
        (name, reason, f"{count:,}", f"{count / max(1, found.read):.2%}")
        for name, found in report.tables.items()
        for reason, count in found.reasons.items()
    ]
    bad = (
        table("Rows in quarantine, by reason", ("table", "reason", "rows", "of those read"), rows)
        if rows
        else tag("p", "No row is in quarantine.")
    )
    return join([counts, tag("h3", "Quarantine"), bad])


def lineage_section(record: RunRecord) -> Markup:
    """What this run can be made again from."""
    version = record.version
    aliases = f" ({', '.join(version.aliases)})" if version and version.aliases else ""
    rows = [
        ("run", record.name),
        ("MLflow run", record.run_id),
        ("model version", f"{version.version}{aliases}" if version else "not registered"),
        ("model id", version.model_id if version else None),
        ("model digest", version.digest if version else None),
        ("gate", version.reason if version else None),
        ("registered", f"{version.created:%Y-%m-%d %H:%M} UTC" if version else None),
        ("data digest", record.data_digest),
        ("git commit", record.commit or "no checkout"),
    ]
    return facts("Lineage", [(name, value) for name, value in rows if value])


def licences_section(config: RunConfig) -> Markup:
    """Licences of what is in the model and on this page."""
    encoders = [
        EncoderFact("image", config.image_encoder.name, config.image_encoder.tuning),
        EncoderFact("text", config.text_encoder.name, config.text_encoder.tuning),
    ]
    data = (
        "public domain: drawings of the Open Clip Art Library"
        if config.data.posts == _SAMPLE
        else "as its source says; pictures and texts on this page fall under it"
    )
    rows = [(f"{e.modality} encoder {e.name}, {e.tuning}", licence_of(e)) for e in encoders]
    return facts("Licences", [*rows, ("data", data), ("Commonspace", "Apache-2.0")])


def configuration_section(config: RunConfig) -> Markup:
    """The whole configuration, folded away; without credentials."""
    text = public_name(config.to_yaml())
    return tag("details", tag("summary", "All settings (YAML)"), tag("pre", tag("code", text)))
