"""The lectures' worked examples of a convolutional layer, and the sizes that they print."""

from __future__ import annotations

import numpy as np

from course_utils import ops
from course_utils.claims.core import AGREES, DISAGREES, Finding, Row, claim
from course_utils.claims.figures import compare, figure, figures, matrix, words, worst

CHAPTER = "07_convolutional_layer"

# The top left 3 x 3 of the example that two lectures share, with its ring of zeros; and the kernel.
CORNER = np.array(
    [
        [[0, 0, 0], [0, 156, 155], [0, 153, 154]],
        [[0, 0, 0], [0, 167, 166], [0, 164, 165]],
        [[0, 0, 0], [0, 163, 162], [0, 160, 161]],
    ]
)
KERNEL = np.array(
    [
        [[-1, -1, 1], [0, 1, -1], [0, 1, 1]],
        [[1, 0, 0], [1, -1, -1], [1, 0, -1]],
        [[0, 1, 1], [0, 1, 0], [1, -1, 1]],
    ]
)
BINARY = ["11100", "01110", "00111", "00110", "01100"]
CROSS = ["101", "010", "101"]
STROKES = ["100001", "010010", "001100", "100010", "010010", "001010"]
DIAGONAL = [[1, -1, -1], [-1, 1, -1], [-1, -1, 1]]
UPRIGHT = [[-1, 1, -1]] * 3

# The example with two filters: three channels of five rows, and two filters of three slices.
VOLUME = (
    "22101 22221 02011 00001 20200",
    "10010 01101 00122 21020 10010",
    "20202 02200 00111 11111 00010",
)
FILTERS = (
    "-1 -1 0 1 1 -1 1 1 0   0 1 -1 1 0 -1 0 1 0   0 0 1 1 -1 1 0 0 0",
    "-1 0 -1 -1 -1 1 1 1 -1   -1 -1 1 1 1 1 1 -1 -1   0 0 1 -1 1 0 1 -1 -1",
)
SECOND_MAP = [[0, 2, 4], [-2, -5, 2], [-1, 1, -2]]  # printed beside the first, o[:,:,1]


def grid(rows: list[str]) -> np.ndarray:
    """Rows of digits as an array (H, W)."""
    return np.array([[float(digit) for digit in row] for row in rows])


def maps(image: np.ndarray, kernels: list, stride: int = 1, padding: int = 0) -> np.ndarray:
    """(H, W) and F kernels (K, K) -> F maps."""
    weights = np.array(kernels, float)[:, None]
    return ops.conv2d(image[None, None], weights, stride=stride, padding=padding)[0]


def side(size: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """Side of the map that a layer of the course makes of an image."""
    return maps(np.zeros((size, size)), [np.zeros((kernel, kernel))], stride, padding).shape[-1]


def square(number: int) -> str:
    """ "5x5" for 5."""
    return f"{number}x{number}"


def partial_sum(channel: int) -> int:
    """What one channel adds to the top left output."""
    return int((CORNER[channel] * KERNEL[channel]).sum())


def two_filters() -> np.ndarray:
    """Both maps (2, 3, 3) of the example with stride 2."""
    x = np.stack([grid(rows.split()) for rows in VOLUME])
    w = np.array(" ".join(FILTERS).split(), float).reshape(2, 3, 3, 3)
    return ops.conv2d(x[None], w, np.array([1.0, 0.0]), stride=2, padding=1)[0]


CHANNEL_1 = "multi-channel example: sum of channel 1"


@claim("USP-01", taught=f"{CHAPTER}#ch07-channels", about=CHANNEL_1)
def first_channel(row: Row) -> Finding:
    """The red window times its slice of the kernel."""
    return figure(row, partial_sum(0), "The nine products of the red channel add up to this.")


@claim("USP-02", taught=f"{CHAPTER}#ch07-channels")
def second_channel(row: Row) -> Finding:
    """The green window times its slice of the kernel."""
    return figure(row, partial_sum(1), "The nine products of the green channel add up to this.")


@claim("USP-03", taught=f"{CHAPTER}#ch07-channels")
def third_channel(row: Row) -> Finding:
    """The blue window times its slice of the kernel."""
    return figure(row, partial_sum(2), "The nine products of the blue channel add up to this.")


@claim("USP-04", taught=f"{CHAPTER}#ch07-channels")
def output_with_bias(row: Row) -> Finding:
    """The three sums and the bias."""
    total = sum(partial_sum(channel) for channel in range(3)) + 1
    return figure(row, total, "The three sums and the bias, which is added once.")


@claim("SEJ-01", taught=f"{CHAPTER}#ch07-channels", about=CHANNEL_1)
def first_channel_again(row: Row) -> Finding:
    """The same sum, and what the printed one would make of the output."""
    rest = partial_sum(1) + partial_sum(2) + 1
    slide = int(row.printed) + rest
    why = (
        f"308 is right: {row.printed} with the slide's own -498, 164 and bias would give {slide}, "
        f"and the slide prints {partial_sum(0) + rest}. A guess: two digits of 308 changed places."
    )
    return figure(row, partial_sum(0), why)


@claim("USP-05", taught=f"{CHAPTER}#ch07-filters")
def two_maps(row: Row) -> Finding:
    """The first map, compared; the second one, which the slide prints too, as well."""
    first, second = two_filters()
    found = matrix(row, first, "All nine values come out, and so do the nine of the second map.")
    same = (second == SECOND_MAP).all()
    return (
        found if same else Finding(found.computed, DISAGREES, "The second map does not come out.")
    )


@claim("CMU-01", taught=f"{CHAPTER}#ch07-examples")
def binary_size(row: Row) -> Finding:
    """The side of the map at stride 1."""
    return words(row, square(side(5, 3)), "Three windows of 3 fit side by side into 5.")


@claim("CMU-02", taught=f"{CHAPTER}#ch07-examples")
def binary_values(row: Row) -> Finding:
    """The four windows at stride 2."""
    return matrix(row, maps(grid(BINARY), [grid(CROSS)], stride=2)[0], "All four windows come out.")


@claim("SEJ-03", taught=f"{CHAPTER}#ch07-inner-product")
def binary_first_value(row: Row) -> Finding:
    """The top left window."""
    return figure(
        row, int(maps(grid(BINARY), [grid(CROSS)])[0, 0, 0]), "Four ones lie on four ones."
    )


@claim("SEJ-15", taught=f"{CHAPTER}#ch07-inner-product")
def matrix_multiplication(row: Row) -> Finding:
    """The matrix product of window and kernel, beside the inner product."""
    window, kernel = grid(BINARY)[:3, :3], grid(CROSS)
    product, inner = window @ kernel, window.ravel() @ kernel.ravel()
    same = product.shape == () and product == inner
    why = (
        f"The slide's own answer is one number, {inner:g}: an inner product of two vectors of nine "
        "numbers. The matrix product of the two has nine numbers. (Only the whole layer can be "
        "written as a matrix product, of other matrices.)"
    )
    text = f"inner product {inner:g}; matrix product {product.astype(int).tolist()}"
    return Finding(text, AGREES if same else DISAGREES, why)


@claim("IIIT-02", taught=f"{CHAPTER}#ch07-examples")
def strokes(row: Row) -> Finding:
    """The shapes of the maps at both strides."""
    shapes = [maps(grid(STROKES), [DIAGONAL], stride).shape[-1] for stride in (1, 2)]
    return words(row, ", ".join(map(square, shapes)), "6 - 3 = 4 steps of 1, or 1 step of 2.")


@claim("IIIT-03", taught=f"{CHAPTER}#ch07-examples")
def two_filters_two_maps(row: Row) -> Finding:
    """The shape of the answer of two filters."""
    shape = maps(grid(STROKES), [DIAGONAL, UPRIGHT]).shape
    return words(row, "x".join(map(str, shape)), "Each filter makes one map.")


@claim("IIIT-04", taught=f"{CHAPTER}#ch07-examples")
def windows(row: Row) -> Finding:
    """Two sizes by the rule."""
    sizes = square(side(4, 3)), square(side(5, 3, padding=1))
    return words(row, ", ".join(sizes), "One ring of zeros makes up for a window of 3.")


@claim("SEJ-04", taught=f"{CHAPTER}#ch07-examples")
def one_filter_one_map(row: Row) -> Finding:
    """The shape of one map of a colour image."""
    shape = ops.conv2d(np.zeros((1, 3, 32, 32)), np.zeros((1, 3, 5, 5))).shape
    text = "x".join(map(str, (*shape[2:], shape[1])))
    return words(row, text, "32 - 5 + 1 = 28, and one filter makes one map.")


@claim("SEJ-05", taught=f"{CHAPTER}#ch07-inner-product")
def inner_product_length(row: Row) -> Finding:
    """How many inputs one output depends on."""
    w = np.ones((1, 3, 5, 5))
    window = ops.conv2d(np.ones((1, 3, 5, 5)), w)
    return figure(row, int(window.item()), "5 x 5 places in 3 channels; the bias comes on top.")


@claim("SEJ-06", taught=f"{CHAPTER}#ch07-stride")
def stride_that_does_not_fit(row: Row) -> Finding:
    """The printed sizes against the quotients, and against what the layer makes."""
    *whole, broken = row.printed.split(", ")
    quotient = (7 - 3) / 3 + 1
    verdicts = [
        compare(text, side(7, 3, stride)) for text, stride in zip(whole, (1, 2), strict=True)
    ]
    number, _, rest = broken.partition(" ")
    verdicts.append(compare(number, quotient) if rest == "not possible" else DISAGREES)
    made = side(7, 3, 3)
    why = (
        f"2.33 is the quotient, rounded, and it is no size of a map. But the layer is possible: it "
        f"rounds down to {made}, and the last cell is never read."
    )
    return Finding(
        f"{side(7, 3)}, {side(7, 3, 2)}, {made} (quotient {quotient:.3f})", worst(verdicts), why
    )


@claim("SEJ-07", taught=f"{CHAPTER}#ch07-examples")
def ten_filters(row: Row) -> Finding:
    """Side of the maps, and weights with biases."""
    count = 10 * (5 * 5 * 3 + 1)
    return figures(row, [side(32, 5, padding=2), count], "(5 x 5 x 3 + 1) x 10 parameters.")


@claim("SEJ-08", taught=f"{CHAPTER}#ch07-weights")
def dense_for_the_same_maps(row: Row) -> Finding:
    """Weights of a dense layer from all inputs to all places of ten maps."""
    inputs, outputs = 3 * 32 * 32, 10 * side(32, 5, padding=2) ** 2
    why = (
        f"{row.printed} = {inputs} x 10 is a layer of ten units. For the same ten maps it takes "
        f"{inputs} x {outputs:,} weights, so the case for convolution is about a thousand times "
        "stronger than the slide makes it."
    )
    return figure(row, inputs * outputs, why)


@claim("SEJ-09", taught=f"{CHAPTER}#ch07-padding")
def same_padding(row: Row) -> Finding:
    """The padded side for which a 3 x 3 kernel keeps 5 x 5."""
    padded = next(n for n in range(5, 20) if side(n, 3) == 5)
    why = (
        f"For the slide's 3x3 kernels, «same» needs one ring of zeros: 7x7. A 6x6 image gives "
        f"{square(side(6, 3))}. 6x6 is right for a 2x2 kernel, with zeros on one side only; a "
        f"guess: "
        "one side of the ring was counted."
    )
    return words(row, square(padded), why)


@claim("IIIT-01", taught=f"{CHAPTER}#ch07-parameters")
def one_dimensional(row: Row) -> Finding:
    """Sizes of the weight arrays of four layers."""
    counts = [
        np.zeros((out, channels, 3)).size for channels, out in ((1, 1), (1, 2), (2, 1), (2, 2))
    ]
    return figures(row, counts, "Window x channels in x channels out.")


@claim("IIIT-05", taught=f"{CHAPTER}#ch07-weights")
def fully_connected(row: Row) -> Finding:
    """Every unit sees every number."""
    inputs = 200 * 200 * 3
    return figure(row, inputs * 120_000, "120,000 units with 120,000 weights each.")


@claim("IIIT-06", taught=f"{CHAPTER}#ch07-weights")
def locally_connected(row: Row) -> Finding:
    """Every unit sees a window of its own."""
    return figure(row, 120_000 * 3 * 3 * 3, "120,000 units with 27 weights each.")


@claim("IIIT-07", taught=f"{CHAPTER}#ch07-weights")
def shared_weights(row: Row) -> Finding:
    """Weights of one shared filter, and the maps that make as many units."""
    weights, units = 3 * 3 * 3, 200 * 200
    made = 120_000 // units
    why = (
        f"27 a map is right. But one map has {units:,} units: for the slide's 120,000 it takes "
        f"{made} maps, {made * weights} weights."
    )
    number, _, per = row.printed.partition(" ")
    verdict = compare(number, weights) if per == "per feature map" else DISAGREES
    return Finding(f"{weights} per feature map", verdict, why)
