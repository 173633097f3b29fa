"""The book's figure style.

Figures are drawn on a white card with dark text, so that they read the same in a light and in a
dark page. Colours are those of Okabe and Ito (2008), which the common kinds of colour blindness
keep apart; line styles or markers repeat what colour says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.scales import at_scale

# Okabe and Ito: blue, orange, green, vermilion, purple, sky, black. Yellow is too pale on white.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)), (0, (1, 1)))
SEQUENTIAL = "viridis"
DIVERGING = "RdBu_r"

STYLE = {
    "figure.figsize": (6.4, 3.8),
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "font.size": 12,
    "axes.titlesize": 13,
    "axes.labelsize": 12,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "legend.fontsize": 11,
    # A white ground without an edge: lines of the grid do not run through the words.
    "legend.frameon": True,
    "legend.framealpha": 0.85,
    "legend.edgecolor": "none",
    "legend.facecolor": "white",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "lines.linewidth": 2.2,
    "lines.markersize": 6,
    "image.cmap": "gray",
    "image.interpolation": "nearest",
    "axes.prop_cycle": cycler(color=COLORS) + cycler(linestyle=LINES),
}


def use_style() -> None:
    """Set the book's figure style for the rest of the notebook."""
    mpl.rcParams.update(STYLE)
    _sharp_inline_figures()


def _sharp_inline_figures() -> None:
    """Ask a notebook for figures with twice the pixels, which a phone needs to show fine text.

    At the scale `smoke` nobody looks at them, and half the pixels are drawn in half the time.
    """
    try:
        from IPython import get_ipython
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ImportError:
        return
    if get_ipython() is not None:
        set_matplotlib_formats(at_scale(smoke="png", lecture="retina", full="retina"))


def show_image(
    image: np.ndarray,
    ax: Axes | None = None,
    *,
    title: str | None = None,
    cmap: str | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
) -> Axes:
    """Draw one image without ticks and return its axis.

    Parameters
    ----------
    image
        ``(H, W)``, ``(H, W, 3)``, ``(1, H, W)`` or ``(3, H, W)``; NumPy array or CPU tensor.
    ax
        Where to draw; a new figure when None.

    Raises
    ------
    ValueError
        For any other shape.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(3.2, 3.2))
    ax.imshow(_channels_last(np.asarray(image)), cmap=cmap, vmin=vmin, vmax=vmax)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(visible=False)
    for spine in ax.spines.values():
        spine.set_visible(False)
    if title is not None:
        ax.set_title(title)
    return ax


def _channels_last(image: np.ndarray) -> np.ndarray:
    if image.ndim == 3 and image.shape[0] in (1, 3) and image.shape[-1] not in (3, 4):
        image = np.moveaxis(image, 0, -1)
    if image.ndim == 3 and image.shape[-1] == 1:
        image = image[..., 0]
    if image.ndim == 2 or (image.ndim == 3 and image.shape[-1] in (3, 4)):
        return image
    raise ValueError(
        f"an image has shape (H, W), (H, W, 3), (1, H, W) or (3, H, W); got {image.shape}"
    )


def show_grid(
    images: Sequence[np.ndarray] | np.ndarray,
    titles: Sequence[str] | None = None,
    *,
    columns: int | None = None,
    suptitle: str | None = None,
    size: float = 1.2,
    cmap: str | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
) -> Figure:
    """Draw images side by side, `columns` in a row, and return the figure.

    Parameters
    ----------
    images
        N images, each in a shape that :func:`show_image` takes.
    titles
        N titles, or None.
    columns
        Images in a row; by default at most eight.
    size
        Width and height of one image in inches.

    Raises
    ------
    ValueError
        If there is no image, or titles and images differ in number.
    """
    count = len(images)
    if count == 0:
        raise ValueError("show_grid needs at least one image; got none")
    if titles is not None and len(titles) != count:
        raise ValueError(f"expected {count} titles, one an image; got {len(titles)}")
    columns = min(columns or 8, count)
    rows = math.ceil(count / columns)
    height = size * rows + (0.3 * rows if titles is not None else 0) + (0.5 if suptitle else 0)
    fig, axes = plt.subplots(rows, columns, figsize=(size * columns, height), squeeze=False)
    for index, ax in enumerate(axes.flat):
        if index < count:
            title = None if titles is None else titles[index]
            show_image(images[index], ax, title=title, cmap=cmap, vmin=vmin, vmax=vmax)
            ax.title.set_fontsize(11)
        else:
            ax.axis("off")
    if suptitle is not None:
        fig.suptitle(suptitle)
    return fig


def band(
    ax: Axes,
    x: np.ndarray,
    runs: np.ndarray,
    label: str,
    *,
    color: str | None = None,
    linestyle: str | tuple | None = None,
    marker: str | None = None,
) -> Axes:
    """Draw the mean of several runs as a line and their range as a band; return the axis.

    Parameters
    ----------
    x
        ``(N,)`` positions.
    runs
        ``(S, N)``: one row a run (a seed).

    Raises
    ------
    ValueError
        If `runs` is not two-dimensional or does not fit `x`.
    """
    runs = np.asarray(runs, dtype=float)
    if runs.ndim != 2 or runs.shape[1] != len(x):
        raise ValueError(f"expected runs of shape (S, {len(x)}); got {runs.shape}")
    style: dict[str, Any] = {"color": color, "linestyle": linestyle, "marker": marker}
    given = {key: value for key, value in style.items() if value is not None}
    (line,) = ax.plot(x, runs.mean(axis=0), label=label, **given)
    ax.fill_between(
        x, runs.min(axis=0), runs.max(axis=0), color=line.get_color(), alpha=0.2, linewidth=0
    )
    return ax


def confusion(ax: Axes, matrix: np.ndarray, classes: Sequence[str]) -> Axes:
    """Draw a confusion matrix with its counts; rows are the true classes; return the axis.

    Raises
    ------
    ValueError
        If `matrix` is not ``(K, K)`` for K classes.
    """
    count = len(classes)
    matrix = np.asarray(matrix)
    if matrix.shape != (count, count):
        raise ValueError(f"expected a matrix of shape ({count}, {count}); got {matrix.shape}")
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(count, count):
        if matrix[row, column]:
            ink = "white" if share[row, column] > 0.5 else "black"
            text = str(matrix[row, column])
            ax.text(column, row, text, ha="center", va="center", color=ink, fontsize=9)
    ax.set_xticks(range(count), classes, rotation=45, ha="right")
    ax.set_yticks(range(count), classes)
    ax.set_xlabel("answered class")
    ax.set_ylabel("true class")
    ax.grid(visible=False)
    return ax
