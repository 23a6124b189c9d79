"""All processes' figures on one page, whichever gateway is asked for it.

Each node's agent of Ray shows what its processes told it; a gateway asks them all. So one address
is enough for Prometheus, behind the same proxy and key as everything else; on a large cluster let
it read the agents themselves (`infra/monitoring/prometheus.yml` does both).
"""

import asyncio
import re
from collections.abc import Sequence

_OURS = "ray_commonspace_"
_PATIENCE_S = 3.0
_DROPPED = re.compile(r'(?<=[{,])(?:otel_scope_\w+|Version|Component|SessionName)="[^"]*",?')


async def cluster_page() -> bytes:
    """Figures of every node, by the names and labels that a process of ours gave them, and whose
    they are: `WorkerId` and `NodeAddress`. A node that doesn't answer is left out.
    """
    addresses = await asyncio.to_thread(_agents)
    return merged(await asyncio.gather(*(_read(address) for address in addresses)))


def merged(pages: Sequence[str]) -> bytes:
    """Our metrics of several pages as one: each described once, its samples together."""
    described: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = {}
    for page in pages:
        name = ""
        for line in page.splitlines():
            if line.startswith(("# HELP ", "# TYPE ")):
                name = line.split(" ", 3)[2]
                told = line.replace(_OURS, "commonspace_", 1)
                if name.startswith(_OURS) and told not in described.setdefault(name, []):
                    described[name].append(told)
            elif line.startswith(_OURS):
                samples.setdefault(name, []).append(_ours(line))
    lines = [line for name in samples for line in (*described.get(name, ())[:2], *samples[name])]
    return ("\n".join(lines) + "\n").encode() if lines else b""


def _ours(line: str) -> str:
    labels, _, value = line.removeprefix("ray_").rpartition(" ")
    kept = _DROPPED.sub("", labels)
    for end, instead in (("{}", ""), (",}", "}")):
        if kept.endswith(end):
            kept = kept.removesuffix(end) + instead
    return f"{kept} {value}"


def _agents() -> list[str]:
    import ray

    return [
        f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
        for node in ray.nodes()
        if node["Alive"] and node["MetricsExportPort"] > 0
    ]


async def _read(address: str) -> str:
    import aiohttp

    try:
        timeout = aiohttp.ClientTimeout(total=_PATIENCE_S)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(address) as page:
            return await page.text() if page.status == 200 else ""
    except (aiohttp.ClientError, TimeoutError):
        return ""
