"""How our pictures look: figures without global state, colours for colour-blind eyes too."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito, Color Universal Design (2008); the yellow is left out: too pale for lines on white.
# The last three are ours, told from the others by lightness.
COLOURS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#333333",
    "#A6CE39",
    "#6A3D9A",
    "#8C510A",
)
GREY = "#9a9a9a"
INK = "#222222"
GREEN = "#009E73"

# A second sign beside colour, for more series than colours and for prints in grey.
DASHES = ("-", "--", ":", "-.")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def new_figure(width: float, height: float) -> "Figure":
    """A figure of inches that belongs to nobody: no pyplot, so no display and nothing to close."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def grid_of_axes(count: int, columns: int, *, width: float, height: float) -> "tuple[Figure, list]":
    """A figure and `count` axes in rows of `columns`; each axes of `width` x `height` inches."""
    rows = -(-count // columns)
    columns = min(count, columns)
    figure = new_figure(width * columns, height * rows)
    return figure, [tidy(figure.add_subplot(rows, columns, i + 1)) for i in range(count)]


def tidy(axes: "Axes", *, grid: str = "y") -> "Axes":
    """Remove what carries no data: the box, heavy ticks; leave a light grid behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=INK, length=3, labelsize=9)
    axes.grid(axis=grid, color="#e6e6e6", linewidth=0.8)  # pyright: ignore[reportArgumentType]
    axes.set_axisbelow(True)
    return axes


def save(figure: "Figure", path: Path, *, dpi: int = 150) -> Path:
    """Write the figure as PNG and return its path; the folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        # Names come in every script of the world; a box for a missing glyph is no fault.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(path, dpi=dpi, format="png")
    return path


def shorten(text: str, length: int) -> str:
    """The text on one line, cut with an ellipsis beyond `length` characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def colour_cycle(names: Sequence[str]) -> dict[str, str]:
    """A colour for each name, in order."""
    return {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
