"""`commonspace sizing`: machines, memory, disk and cost of a network."""

from typing import Annotated, Any

import typer

from infra.cli.options import AsJson
from infra.cli.output import results, table


def sizing(
    posts: Annotated[float, typer.Option("--posts", min=1, help="Such as 1e8.")] = 1e6,
    people: Annotated[float, typer.Option("--people", min=1, help="Such as 1e7.")] = 1e5,
    qps: Annotated[
        float, typer.Option("--qps", min=0, help="Questions a second at the busiest hour.")
    ] = 50,
    index: Annotated[
        str,
        typer.Option("--index", help="HNSW, HNSW_SQ8, IVF_PQ, IVF_RABITQ or DISKANN."),
    ] = "HNSW",
    assumptions: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Others; see --print-config."),
    ] = None,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print all assumptions as YAML, and end.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what a network of a size needs, from measured figures and stated assumptions.

    The figures are in infra/sizing/units.json, each with where it was measured; prices in
    prices.json are assumptions. `python -m infra.sizing.measure WORKSPACE FILE` measures anew.

    \b
    Examples:
      commonspace sizing --posts 1e6 --people 1e5 --qps 20
      commonspace sizing --posts 1e8 --people 1e7 --qps 500 --index IVF_RABITQ --set pictures=0.2
    """
    from infra.sizing.plan import SizingConfig

    asked = [f"posts={posts}", f"people={people}", f"qps={qps}", f"index={index}"]
    config = SizingConfig.load(overrides=[*asked, *(assumptions or [])])
    if print_config:
        typer.echo(config.to_yaml(), nl=False)
        raise typer.Exit
    with results(as_json) as show:
        from infra.sizing.plan import plan
        from infra.sizing.table import amount, part_row
        from infra.sizing.units import read_prices, read_units

        prices = read_prices()
        found = plan(config, read_units(), prices)
        head = ("role", "machines", "processors", "memory", "disk", "bound by", "runs")
        lines = [
            table(head, [part_row(part) for part in found.parts]),
            "",
            f"{found.machines:,} machines all the time, {amount(found.memory_gb)} of memory and "
            f"{amount(found.disk_gb)} of disk in use",
            f"about {found.cost_a_month:,.0f} {found.currency} a month, if prices are as assumed "
            f"on {prices.assumed}: {prices.note}",
        ]
        plain: dict[str, Any] = {
            "assumptions": config.model_dump(mode="json"),
            "parts": [vars(part) for part in found.parts],
            "machines": found.machines,
            "memory_gb": found.memory_gb,
            "disk_gb": found.disk_gb,
            "cost_a_month": found.cost_a_month,
            "currency": found.currency,
            "prices_assumed": prices.assumed,
        }
        show(plain, text="\n".join(lines))
