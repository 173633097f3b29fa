"""Exercises of chapter 6: image kernels."""

from __future__ import annotations

from itertools import product

import numpy as np
import scipy.ndimage
import scipy.signal
import skimage.feature
from numpy.lib.stride_tricks import sliding_window_view

from course_utils.exercises.core import Exercise, Mistake
from course_utils.exercises.probes import edge_arrows, half_open

# --- 06.1 -----------------------------------------------------------------------------------


def _range_cases(rng):
    sobel = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    return [
        (np.array([[-1.0, 3.0]]),),
        (np.array([[1.0, 2.0]]) / 3,),
        (np.array([[-1.0], [-2.0]]),),
        (sobel,),
        (np.where(np.arange(9).reshape(3, 3) == 4, 9.0, -1.0),),
        (rng.integers(-4, 5, size=(2, 4)).astype(float),),
        (rng.normal(size=(3, 3)),),
    ]


def _every_window(kernel):
    """Try all windows of black and white: a weighted sum is extreme at one of them."""
    black_and_white = np.array(list(product((0, 255), repeat=kernel.size)))
    answers = black_and_white @ kernel.ravel()
    return answers.min(), answers.max()


def _signs(kernel, white=255):
    return white * np.minimum(kernel, 0).sum(), white * np.maximum(kernel, 0).sum()


def _flat_windows(kernel):
    white = 255 * kernel.sum()
    return min(0, white), max(0, white)


RANGE = Exercise(
    id="06.1",
    title="What can a kernel answer?",
    points=1,
    minutes=5,
    trains="the signs of the weights",
    cases=_range_cases,
    oracle=_every_window,
    mistakes=(
        Mistake(
            "grey levels",
            lambda kernel: (0.0, 255.0),
            "You return the range of the image. The answer is a weighted sum, and depends on the "
            "weights.",
        ),
        Mistake(
            "flat windows only",
            _flat_windows,
            "You tried windows of one grey level only. The pixels of a window may differ: put "
            "each where it helps most.",
        ),
        Mistake(
            "one weight at a time",
            lambda kernel: (255 * min(kernel.min(), 0), 255 * max(kernel.max(), 0)),
            "You looked at the smallest and the largest weight only. The products of all the "
            "weights are added.",
        ),
        Mistake(
            "absolute values",
            lambda kernel: (-255 * np.abs(kernel).sum(), 255 * np.abs(kernel).sum()),
            "You let every weight help at both ends. No grey level is negative, so a positive "
            "weight cannot pull the sum below zero.",
        ),
        Mistake(
            "never below zero",
            lambda kernel: (0.0, _signs(kernel)[1]),
            "Your highest answer is right. The lowest can be below zero: which window would make "
            "it so?",
        ),
        Mistake(
            "white is one",
            lambda kernel: _signs(kernel, white=1),
            "Your range is right for images from 0 to 1. Here white is 255.",
        ),
        Mistake(
            "highest first",
            lambda kernel: _signs(kernel)[::-1],
            "You return the highest answer first. The lowest was asked for first.",
        ),
    ),
)

# --- 06.2 -----------------------------------------------------------------------------------


def _separable_cases(rng):
    small = np.array([[1.0, 2.0, 4.0]])
    tall = np.array([[1.0], [5.0], [2.0], [0.0]])
    slope = np.array([1.0, 0.0, -1.0])
    one = np.array([1.0])
    return [
        (small, one, slope),
        (tall, np.array([1.0, 2.0, 0.0]), one),
        (np.arange(12.0).reshape(3, 4) ** 2, np.array([1.0, 2.0, 0.0]), slope),
        (rng.normal(size=(6, 8)), rng.normal(size=5), rng.normal(size=3)),
        (rng.normal(size=(7, 5)), rng.normal(size=3), rng.normal(size=5)),
    ]


def _passes(image, column, row, mode="reflect"):
    """Two passes of SciPy, whose "reflect" is the mirror that repeats the border pixel."""
    across = scipy.ndimage.correlate1d(image, row, axis=1, mode=mode)
    return scipy.ndimage.correlate1d(across, column, axis=0, mode=mode)


def _kernel_at_once(image, column, row):
    return scipy.ndimage.correlate(image, np.outer(column, row), mode="reflect")


def _added(image, column, row):
    across = scipy.ndimage.correlate1d(image, row, axis=1, mode="reflect")
    return across + scipy.ndimage.correlate1d(image, column, axis=0, mode="reflect")


SEPARABLE = Exercise(
    id="06.2",
    title="A row, then a column",
    points=2,
    minutes=10,
    trains="separable kernels and the mirrored border",
    cases=_separable_cases,
    oracle=_kernel_at_once,
    mistakes=(
        Mistake(
            "zeros beyond the border",
            lambda image, column, row: _passes(image, column, row, "constant"),
            "In the middle all is well. At the border you treat the picture as black outside; "
            "here it is mirrored.",
        ),
        Mistake(
            "the other mirror",
            lambda image, column, row: _passes(image, column, row, "mirror"),
            "You mirror without repeating the border pixel. NumPy and SciPy use the word "
            "'reflect' for different mirrors: compare with the example.",
        ),
        Mistake(
            "border pixel repeated",
            lambda image, column, row: _passes(image, column, row, "nearest"),
            "You continue the picture with its border pixel. That agrees with a mirror for a "
            "kernel of three weights; a longer one sees the pixels behind the border.",
        ),
        Mistake(
            "wraps round",
            lambda image, column, row: _passes(image, column, row, "wrap"),
            "What your window sees beyond the border is the other side of the picture. "
            "Here the picture is mirrored.",
        ),
        Mistake(
            "turned over",
            lambda image, column, row: _passes(image, column[::-1], row[::-1]),
            "You turned the weights over: that is a convolution. np.convolve does so by itself.",
        ),
        Mistake(
            "passes added",
            _added,
            "You filtered the picture twice and added the two answers. The second pass must work "
            "on what the first has made.",
        ),
        Mistake(
            "row only",
            lambda image, column, row: _passes(image, np.array([1.0]), row),
            "You filtered along the rows and left the columns as they are.",
        ),
        Mistake(
            "column only",
            lambda image, column, row: _passes(image, column, np.array([1.0])),
            "You filtered along the columns and left the rows as they are.",
        ),
        Mistake(
            "row and column exchanged",
            lambda image, column, row: _passes(image, row, column),
            "You ran the column's weights along the rows, and the row's weights down the columns. "
            "In w[m, n] = c[m] r[n] the index m counts rows of the image: c runs downwards.",
        ),
        Mistake(
            "valid for same",
            lambda image, column, row: scipy.signal.correlate2d(
                image, np.outer(column, row)[: image.shape[0], : image.shape[1]], "valid"
            ),
            "Your answer is smaller than the image. Extend the image by half a kernel on every "
            "side before the passes.",
        ),
    ),
)

# --- 06.3 -----------------------------------------------------------------------------------


def _arrow_cases(rng):
    rows, columns = np.mgrid[0:5, 0:6].astype(float)
    down = np.array([[0.0, 0, 0], [0, 0, 0], [8, 8, 8]])
    return [
        (down,),
        (down.T,),
        (down[::-1],),
        (3 * columns - 4 * rows,),
        (-5 * columns - 12 * rows,),
        (rng.integers(0, 256, size=(6, 7)).astype(float),),
        (rng.normal(size=(5, 8)),),
    ]


def _slopes(image):
    """Slopes in grey levels a pixel, downwards and to the right, from SciPy."""
    inside = (slice(1, -1), slice(1, -1))
    return tuple(scipy.ndimage.sobel(image, axis=axis)[inside] / 8 for axis in (0, 1))


def _arrows(image, change=lambda gy, gx: (gy, gx)):
    gy, gx = change(*_slopes(image))
    return np.hypot(gy, gx), np.degrees(np.arctan2(gy, gx))


def _in_radians(image):
    gy, gx = _slopes(image)
    return np.hypot(gy, gx), np.arctan2(gy, gx)


def _one_quadrant(image):
    gy, gx = _slopes(image)
    flat = np.abs(gx) < 1e-12
    slope = gy / np.where(flat, 1, gx)
    angle = np.where(flat, np.sign(gy) * 90.0, np.degrees(np.arctan(slope)))
    return np.hypot(gy, gx), angle


def _absolute_sum(image):
    gy, gx = _slopes(image)
    return np.abs(gy) + np.abs(gx), np.degrees(np.arctan2(gy, gx))


def _central(image):
    """Slopes from the two nearest neighbours, without the smoothing."""
    gy = (image[2:, 1:-1] - image[:-2, 1:-1]) / 2
    gx = (image[1:-1, 2:] - image[1:-1, :-2]) / 2
    return np.hypot(gy, gx), np.degrees(np.arctan2(gy, gx))


ARROWS = Exercise(
    id="06.3",
    title="Which way does the edge point?",
    points=2,
    minutes=10,
    trains="the sign and the direction of a gradient",
    cases=_arrow_cases,
    oracle=lambda image: half_open(*_arrows(image)),
    probe=edge_arrows,
    mistakes=(
        Mistake(
            "convolution for correlation",
            lambda image: _arrows(image, lambda gy, gx: (-gy, -gx)),
            "All your arrows point to the dark side. A convolution turns the kernel over, and a "
            "Sobel kernel that is turned over is its own negative.",
        ),
        Mistake(
            "upwards for downwards",
            lambda image: _arrows(image, lambda gy, gx: (-gy, gx)),
            "Left and right are correct, up and down are exchanged. The rows of an image run "
            "downwards, and here so does the angle of 90 degrees.",
        ),
        Mistake(
            "left for right",
            lambda image: _arrows(image, lambda gy, gx: (gy, -gx)),
            "Up and down are correct, left and right are exchanged. In a correlation the answer "
            "is positive where the bright side lies under the positive weights.",
        ),
        Mistake(
            "direction first",
            lambda image: _arrows(image)[::-1],
            "You return the direction first. The magnitude was asked for first.",
        ),
        Mistake(
            "axes exchanged",
            lambda image: _arrows(image, lambda gy, gx: (gx, gy)),
            "Your angles are those of the arrow mirrored at the diagonal: the two slopes have "
            "changed places. arctan2 takes the vertical part first.",
        ),
        Mistake(
            "radians",
            _in_radians,
            "The magnitudes are right, and your angles would be in radians. Degrees were asked "
            "for.",
        ),
        Mistake(
            "one half of the circle",
            _one_quadrant,
            "An arctan of the quotient cannot tell an arrow from its opposite: both slopes change "
            "their sign and the quotient does not. There is a function that takes the two apart.",
        ),
        Mistake(
            "along the edge",
            lambda image: _arrows(image, lambda gy, gx: (gx, -gy)),
            "Your arrows run along the edge. The gradient points across it, to the bright side.",
        ),
        Mistake(
            "absolute values added",
            _absolute_sum,
            "The angles are right. The length of an arrow is not the sum of its two parts: think "
            "of Pythagoras.",
        ),
        Mistake(
            "not divided by eight",
            lambda image: _arrows(image, lambda gy, gx: (8 * gy, 8 * gx)),
            "The directions are right and your slopes are 8 times too steep: on a ramp of one grey "
            "level a pixel the bare Sobel kernel answers 8.",
        ),
        Mistake(
            "no smoothing",
            _central,
            "You took the difference of the two nearest neighbours only. That agrees with Sobel "
            "on ramps; the kernel also looks at the rows or columns beside them.",
        ),
    ),
)

# --- 06.4 -----------------------------------------------------------------------------------


def _match_cases(rng):
    piece = np.array([[5.0, 7.0]])
    flat = rng.integers(0, 9, size=(6, 7)).astype(float)
    flat[1:4, 1:4] = 3.0
    image = rng.integers(0, 256, size=(9, 8)).astype(float)
    return [
        (np.array([[0.0, 1.0, 3.0, 3.0, 2.0]]), piece),
        (np.array([[9.0, 4.0, 1.0], [0.0, 2.0, 7.0]]), np.array([[1.0, 0.0], [0.0, 2.0]])),
        (flat, np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 4.0]])),
        (image, image[2:5, 3:7].copy()),
        (image, rng.integers(0, 256, size=(3, 2)).astype(float)),
    ]


def _windows(image, piece):
    return sliding_window_view(image, piece.shape)


def _score(image, piece, *, centre_x=True, centre_p=True, lengths=True, flat=0.0):
    """Scores by windows with any of the steps left out."""
    axes = (-2, -1)
    x = _windows(image, piece)
    x = x - x.mean(axis=axes, keepdims=True) if centre_x else x
    p = piece - piece.mean() if centre_p else piece
    product = (x * p).sum(axis=axes)
    if not lengths:
        return product
    size = np.linalg.norm(x, axis=axes) * np.linalg.norm(p)
    return np.where(size > 1e-9, product / np.where(size > 1e-9, size, 1), flat)


def _only_template_centred(image, piece):
    """The product is centred through the template, the window's length is not."""
    p = piece - piece.mean()
    x = _windows(image, piece)
    size = np.linalg.norm(x, axis=(-2, -1)) * np.linalg.norm(p)
    return (x * p).sum(axis=(-2, -1)) / np.where(size > 0, size, 1)


def _deviations(image, piece):
    """Divide by standard deviations and forget that those are means."""
    x = _windows(image, piece)
    size = x.std(axis=(-2, -1)) * piece.std()
    product = _score(image, piece, lengths=False)
    return np.where(size > 1e-9, product / np.where(size > 1e-9, size, 1), 0.0)


def _squared_lengths(image, piece):
    """Forget the two roots."""
    x = _windows(image, piece)
    size = x.var(axis=(-2, -1)) * piece.var() * piece.size**2
    product = _score(image, piece, lengths=False)
    return np.where(size > 1e-9, product / np.where(size > 1e-9, size, 1), 0.0)


def _whole_picture(image, piece):
    """Take one mean and one length for the whole picture instead of each window's own."""
    x = _windows(image - image.mean(), piece)
    p = piece - piece.mean()
    size = np.linalg.norm(x, axis=(-2, -1)) * np.linalg.norm(p)
    return (x * p).sum(axis=(-2, -1)) / np.where(size > 0, size, 1)


MATCH = Exercise(
    id="06.4",
    title="A score that light cannot fool",
    points=3,
    minutes=15,
    trains="normalised cross-correlation",
    cases=_match_cases,
    oracle=lambda image, piece: skimage.feature.match_template(image, piece),
    rtol=1e-6,
    atol=1e-6,  # the oracle works through the FFT
    mistakes=(
        Mistake(
            "plain inner product",
            lambda image, piece: _score(
                image, piece, centre_x=False, centre_p=False, lengths=False
            ),
            "This is the plain inner product: bright windows win, whatever they show. Take the "
            "means off, and divide by the lengths.",
        ),
        Mistake(
            "centred, not divided",
            lambda image, piece: _score(image, piece, lengths=False),
            "The means are off, so brightness no longer counts. Contrast still does: a score "
            "beyond 1 is a sign that nothing was divided by the lengths.",
        ),
        Mistake(
            "cosine, not centred",
            lambda image, piece: _score(image, piece, centre_x=False, centre_p=False),
            "You divided by the lengths, but of windows with their means. Light that is added "
            "everywhere (fog) then makes all windows alike.",
        ),
        Mistake(
            "window not centred",
            _only_template_centred,
            "The product is right: taking the mean off one of the two is enough there. In the "
            "length it is not; the window's length must be taken after its mean is off.",
        ),
        Mistake(
            "template not centred",
            lambda image, piece: _score(image, piece, centre_p=False),
            "The product is right: taking the mean off one of the two is enough there. The "
            "piece's length must be taken after its mean is off.",
        ),
        Mistake(
            "mean of the whole picture",
            _whole_picture,
            "You took one mean off the whole picture. Every window has its own: light changes "
            "from place to place.",
        ),
        Mistake(
            "standard deviations",
            _deviations,
            "Your scores are too large by the number of pixels in the piece. A standard deviation "
            "is a mean over pixels, a length is a sum.",
        ),
        Mistake(
            "squares of the lengths",
            _squared_lengths,
            "You divided by the squares of the lengths: a length is the root of the sum of the "
            "squares.",
        ),
        Mistake(
            "flat windows not a number",
            lambda image, piece: _score(image, piece, flat=np.nan),
            "Right but for flat windows, where you divide zero by zero. Ask for them before you "
            "divide.",
        ),
        Mistake(
            "flat windows score one",
            lambda image, piece: _score(image, piece, flat=1.0),
            "Right but for flat windows: nothing in them resembles the piece, so they score 0.",
        ),
        Mistake(
            "absolute value",
            lambda image, piece: np.abs(_score(image, piece)),
            "You lost the sign. A window that is the negative of the piece scores -1, not 1.",
        ),
    ),
)

EXERCISES = (RANGE, SEPARABLE, ARROWS, MATCH)
