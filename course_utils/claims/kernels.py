"""What the lectures say of convolution, its cost, and kernels that are written by hand."""

from __future__ import annotations

import numpy as np
import scipy.signal

from course_utils import ops
from course_utils.claims.core import AGREES, DISAGREES, Finding, Row, claim
from course_utils.claims.figures import holds
from course_utils.data import photo

CONVOLUTION, KERNELS = "05_convolution", "06_image_kernels"
SHARPEN = np.where(np.arange(9).reshape(3, 3) == 4, 9.0, -1.0)
EDGES = SHARPEN - (SHARPEN > 0)  # 8 in the centre
UPRIGHT = np.tile([1.0, 0.0, -1.0], (3, 1))


@claim("USP-22", taught=f"{CONVOLUTION}#ch05-flip")
def flip(row: Row) -> Finding:
    """Convolution against correlation with the flipped kernel, and against the sum."""
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(9, 11)), rng.normal(size=(3, 4))
    flipped = ops.correlate2d(x, w[::-1, ::-1])
    conditions = {
        "a flip turns one into the other": np.allclose(ops.convolve2d(x, w), flipped),
        "SciPy agrees": np.allclose(ops.convolve2d(x, w), scipy.signal.convolve2d(x, w)),
    }
    why = "In two dimensions the flip is along both axes, a rotation by 180 degrees."
    return holds(row, "flip", conditions, why)


@claim("CMU-05", taught=f"{CONVOLUTION}#ch05-cost")
def direct_cost(row: Row) -> Finding:
    """Products of a full convolution, counted by a convolution of ones."""
    counts = {
        (m, n): int(ops.convolve2d(np.ones((m, m)), np.ones((n, n))).sum())
        for m in (4, 9, 16)
        for n in (1, 3, 4)
    }
    right = all(count == m**2 * n**2 for (m, n), count in counts.items())
    why = "Every pixel meets every weight once: exactly M^2 N^2 products, with the border counted."
    return holds(row, "O(M^2 N^2)", {"M^2 N^2 in nine cases": right}, why)


@claim("CMU-06", taught=f"{CONVOLUTION}#ch05-slide")
def transformed_cost(row: Row) -> Finding:
    """Operations a pixel for growing images and one filter; and the correlation theorem."""
    a_pixel = [_whole_image(m, 16) / m**2 for m in (2**8, 2**12, 2**16, 2**20)]
    bounded = a_pixel[-1] < 1.05 * a_pixel[0]
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(8, 8)), rng.normal(size=(8, 8))
    around = np.fft.ifft2(np.fft.fft2(x) * np.conj(np.fft.fft2(w))).real
    theorem = np.isclose(around[0, 0], (x * w).sum())
    conditions = {"cost per pixel stays bounded": bounded, "conjugate": bool(theorem)}
    why = (
        "The conjugate is right. The cost of transforming the whole image is O(M^2 log M): the "
        "image's side stands in the logarithm. log N is right for another algorithm, tiles of the "
        "filter's size (overlap-add); a guess: the small letter was taken for the one that counts."
    )
    text = "operations a pixel for N = 16: " + ", ".join(f"{cost:.0f}" for cost in a_pixel)
    return holds(row, "O(M^2 log N)", conditions, why, text=text)


def _whole_image(m: int, n: int) -> float:
    """Three real transforms of side M + N - 1 and the products between them."""
    size = m + n - 1
    return 15 * size**2 * np.log2(size) + 3 * size**2


@claim("USP-20", taught=f"{KERNELS}#ch06-sum")
def sharpen(row: Row) -> Finding:
    """The sum of the weights, and the mean of a photograph before and after."""
    before, after, clipped = _means(SHARPEN)
    why = (
        f"The full convolution keeps the sum of a photograph. In the picture it is not quite "
        f"kept: clipped to 0 to 255, the mean moves from {before:.1f} to {clipped:.1f}."
    )
    conditions = {"mean kept": bool(np.isclose(before, after))}
    return holds(
        row, f"sum of weights = {SHARPEN.sum():g}", conditions, why, text=f"sum {SHARPEN.sum():g}"
    )


@claim("USP-21", taught=f"{KERNELS}#ch06-step")
def detect_edges(row: Row) -> Finding:
    """The sum of the weights; answers to nothing, an edge, a line and a dot."""
    shapes = {name: np.zeros((9, 9)) for name in ("nothing", "edge", "line", "dot")}
    shapes["edge"][:, 4:], shapes["line"][:, 4], shapes["dot"][4, 4] = 1, 1, 1
    answers = {n: np.abs(ops.correlate2d(s, EDGES, "valid")).max() for n, s in shapes.items()}
    why = (
        "Silent where nothing changes, and it does answer at an edge. But it answers to a dot "
        f"({answers['dot']:g}) and to a line ({answers['line']:g}) more than to an edge "
        f"({answers['edge']:g}), and noise is made of dots."
    )
    conditions = {
        "silent on flat light": answers["nothing"] == 0,
        "answers at edges": answers["edge"] > 0,
    }
    return holds(
        row, f"sum of weights = {EDGES.sum():g}", conditions, why, text=f"sum {EDGES.sum():g}"
    )


def _means(kernel: np.ndarray) -> tuple[float, float, float]:
    """Mean of a photograph, of its full convolution a pixel, and of the clipped picture."""
    image = photo("camera").astype(float)
    full = ops.convolve2d(image, kernel).sum() / image.size
    inside = ops.correlate2d(np.pad(image, 1, mode="symmetric"), kernel, "valid")
    return image.mean(), full, np.clip(inside, 0, 255).mean()


@claim("SEJ-02", taught=f"{KERNELS}#ch06-step")
def step(row: Row) -> Finding:
    """Both operations on a step from 10 to 0."""
    image = np.tile([10.0, 10, 10, 0, 0, 0], (6, 1))
    texts = {}
    for name, operation in (("correlation", ops.correlate2d), ("convolution", ops.convolve2d)):
        line = operation(image, UPRIGHT, "valid")[0].astype(int)
        texts[name] = "rows of " + " ".join(map(str, line))
    why = (
        "Right for the correlation, which is what this lecture computes in all its examples. By "
        "the "
        "sum that it prints for its sign *, a convolution, the 30s would be -30."
    )
    text = "; ".join(f"{name}: {line}" for name, line in texts.items())
    return Finding(text, AGREES if row.printed == texts["correlation"] else DISAGREES, why)


@claim("SEJ-16", taught=f"{KERNELS}#ch06-similarity")
def similarity(row: Row) -> Finding:
    """The plain score of a bar and of windows that are less like it."""
    bar = np.tile([0.0, 1, 0], (3, 1))
    flat, dot = np.full((3, 3), 6.0), np.zeros((3, 3))
    dot[0, 1] = 10
    plain = {
        name: float((x * bar).sum()) for name, x in (("bar", bar), ("flat", flat), ("dot", dot))
    }
    conditions = {"the bar scores highest": plain["bar"] == max(plain.values())}
    why = (
        f"A flat bright window, with no bar in it, scores {plain['flat']:g} and the bar itself "
        f"{plain['bar']:g}: brightness and contrast count too. It is true of windows of one "
        f"length, as vectors."
    )
    text = "; ".join(f"{name} {score:g}" for name, score in plain.items())
    return holds(row, "monotone", conditions, why, text=text)
