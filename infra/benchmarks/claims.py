"""Figures beside their targets, as a file and as lines."""

import json
import operator
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

_SIGNS = {">": operator.gt, "<=": operator.le, ">=": operator.ge, "=": operator.eq}
UNFINISHED = ": went to its end"
"""Follows a trial's name in the one figure that it has if it broke off."""


@dataclass(frozen=True)
class Claim:
    """One figure.

    Attributes:
        what: is measured.
        value: measured.
        target: sign and number, such as `<= 1.5`.
        command: that measures it.
        detail: how it came about.
    """

    what: str
    value: float
    target: str
    command: str
    detail: str = ""

    @property
    def met(self) -> bool:
        """Whether the value meets the target; NaN meets none."""
        sign, _, number = self.target.partition(" ")
        return bool(_SIGNS[sign](self.value, float(number)))


def write_claims(claims: Sequence[Claim], path: Path, *, keep: bool = False) -> None:
    """Write `[{what, value, target, met, command, detail}]`.

    Args:
        claims: measured now.
        path: of the file.
        keep: whether figures that are there and weren't measured now stay; but for that a trial
            broke off which has come to its end now.
    """
    here = f"{Path.cwd()}{os.sep}"  # figures are published; where they were measured is not
    rows = [
        asdict(claim)
        | {
            "met": claim.met,
            "value": round(claim.value, 4),
            "detail": claim.detail.replace(here, ""),
        }
        for claim in claims
    ]
    if keep and path.exists():
        fresh = {row["what"]: row for row in rows}
        old = json.loads(path.read_text(encoding="utf-8"))
        ended = {f"{what.partition(':')[0]}{UNFINISHED}" for what in fresh}
        old = [row for row in old if row["what"] in fresh or row["what"] not in ended]
        rows = [fresh.pop(row["what"], row) for row in old] + list(fresh.values())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def lines(claims: Sequence[Claim]) -> list[str]:
    """For eyes."""
    return [
        f"{'met   ' if claim.met else 'MISSED'} {claim.what}: {claim.value:.4g} "
        f"(target {claim.target}){'; ' + claim.detail if claim.detail else ''}"
        for claim in claims
    ]
