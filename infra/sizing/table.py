"""The sizing table, as Markdown and for the terminal."""

from collections.abc import Sequence

from infra.sizing.plan import (
    QUANTIZATIONS,
    Part,
    Plan,
    SizingConfig,
    plan,
    vector_bytes,
)
from infra.sizing.units import Measured, Prices

SIZES = (
    SizingConfig(posts=1e6, people=1e5, qps=20),
    SizingConfig(posts=1e7, people=1e6, qps=100),
    SizingConfig(posts=1e8, people=1e7, qps=500, index="HNSW_SQ8"),
    SizingConfig(posts=1e9, people=3e7, qps=2000, index="IVF_RABITQ"),
    SizingConfig(posts=1e10, people=1e8, qps=10_000, index="IVF_RABITQ"),
)
"""The rows of docs/operations.md."""

HEAD = ("posts", "people", "questions/s", "index", "machines", "memory", "disk", "a month")


def sizing_table(units: Measured, prices: Prices, sizes: Sequence[SizingConfig] = SIZES) -> str:
    """Markdown with a row a size; docs/operations.md holds exactly this."""
    rows = [_row(plan(size, units, prices)) for size in sizes]
    return _markdown(HEAD, rows)


def units_table(units: Measured) -> str:
    """Markdown of the measured figures."""
    rows = [
        (f"`{unit.name}`", f"{unit.value:,.4g}", unit.unit, unit.how)
        for unit in units.units.values()
    ]
    return _markdown(("figure", "value", "unit", "how it was measured"), rows)


def quantization_table(units: Measured, dimension: int = 1536) -> str:
    """Markdown: bytes of one vector by index."""
    rows = []
    for name, kind in QUANTIZATIONS.items():
        config = SizingConfig(index=name, dimension=dimension)  # type: ignore[arg-type]
        size = vector_bytes(config, units)
        disk = 4 * dimension if kind.on_disk else 0
        rows.append((name, f"{size:,.0f}", f"{4 * dimension / size:.1f} x", f"{disk:,}"))
    head = ("index", "bytes in memory", "smaller than float32", "bytes on disk, last ranking")
    return _markdown(head, rows)


def part_row(part: Part) -> tuple[str, ...]:
    """One role, for people."""
    when = "all the time" if part.months == 1 else f"{part.months:.0%} of the month"
    return (
        part.role,
        f"{part.machines:,}",
        f"{part.cpus:,.1f}",
        amount(part.memory_gb),
        amount(part.disk_gb),
        part.bound_by,
        when,
    )


def amount(gigabytes: float) -> str:
    """Two or three digits and a unit."""
    if gigabytes >= 1000:
        return f"{gigabytes / 1000:,.3g} TB" if gigabytes < 1e6 else f"{gigabytes / 1e6:,.3g} PB"
    return f"{gigabytes:,.3g} GB" if gigabytes >= 1 else f"{1000 * gigabytes:,.3g} MB"


def count(number: float) -> str:
    """A round number with its word."""
    for size, word in ((1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
        if number >= size:
            return f"{number / size:,.3g} {word}"
    return f"{number:,.3g}"


def _row(found: Plan) -> tuple[str, ...]:
    config = found.config
    return (
        count(config.posts),
        count(config.people),
        f"{config.qps:,.0f}",
        config.index,
        f"{found.machines:,}",
        amount(found.memory_gb),
        amount(found.disk_gb),
        f"{round(found.cost_a_month, -2):,.0f} {found.currency}",
    )


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])
