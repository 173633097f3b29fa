"""Pooling against torch and autograd, finite differences, its definition, and examples by hand."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from torch.nn import functional as F

from course_utils import ops
from course_utils.ops import reference
from ops_checks import (
    assert_all_close,
    assert_close,
    assert_numerical,
    assert_unchanged,
    awkward,
    draw,
    dtypes,
    many,
    seeds,
    to_torch,
    torch_gradients,
)

booleans = st.booleans()
orders = st.sampled_from([0.5, 1, 1.5, 2, 3, 4, 7.5, math.inf])


batches = st.sampled_from([1, 2, 3, 1, 2, 0])
#: More than 200, since in some torch refuses the setting and others are of empty batches.
more = hypothesis_settings(many, max_examples=320)


@st.composite
def images(draw_, smallest=0):
    """(N, C, H, W), with empty batches and sizes down to 1."""
    n = max(smallest, draw_(batches))
    return n, *draw_(st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)))


@st.composite
def pools(draw_, *, padding=True, dilation=True):
    """An image's shape, and a pooling that fits it or that is a cell too large."""
    shape = [draw_(batches), draw_(st.integers(1, 3))]
    chosen = {"kernel_size": (), "stride": ()}
    chosen |= {"padding": ()} if padding else {}
    chosen |= {"dilation": ()} if dilation else {}
    for _ in range(2):
        k, stride = draw_(st.integers(1, 4)), draw_(st.integers(1, 4))
        d = draw_(st.integers(1, 3)) if dilation else 1
        pad = draw_(st.integers(0, k // 2)) if padding else 0
        least = d * (k - 1) + 1 - 2 * pad
        shape.append(draw_(st.integers(max(1, least - 1), max(1, least) + 7)))
        for name, value in (("kernel_size", k), ("stride", stride), ("padding", pad)):
            if name in chosen:
                chosen[name] += (value,)
        if dilation:
            chosen["dilation"] += (d,)
    if draw_(st.integers(0, 4)) == 0:
        chosen["stride"] = None
    return tuple(shape), chosen | {"ceil_mode": draw_(booleans)}


def answer_or_error(function, *arrays, **settings):
    try:
        return function(*arrays, **settings)
    except (ValueError, RuntimeError) as error:
        return error


def compare(ours, backward, theirs, x, seed, settings):
    """Forward and backward of one setting; where torch refuses, so do we."""
    expected = answer_or_error(theirs, to_torch(x), **settings)
    answer = answer_or_error(ours, x, **settings)
    if isinstance(expected, RuntimeError):
        assert isinstance(answer, ValueError), f"torch refuses: {expected}"
        return
    assert not isinstance(answer, Exception), answer
    assert_close(answer, expected)
    grad = draw(seed + 1, answer.shape, x.dtype)
    assert_all_close(backward(grad, x, **settings), torch_gradients(theirs, [x], grad, **settings))
    view = awkward(x)
    assert_close(assert_unchanged(ours, view, **settings), answer)
    gradient = assert_unchanged(backward, awkward(grad), view, **settings)
    assert_close(gradient, backward(grad, x, **settings))


# --- against torch --------------------------------------------------------------------------


@more
@given(pools(), seeds, dtypes, booleans)
def test_max_pool2d_is_torchs(drawn, seed, dtype, ties):
    shape, settings = drawn
    x = draw(seed, shape, dtype)
    if ties:
        x = np.round(x)
    if not sees_the_image(shape, settings):
        return
    compare(ops.max_pool2d, ops.max_pool2d_backward, F.max_pool2d, x, seed, settings)
    answer = answer_or_error(ops.max_pool2d, x, **settings, return_indices=True)
    if not isinstance(answer, ValueError):
        _, indices = F.max_pool2d(to_torch(x), **settings, return_indices=True)
        np.testing.assert_array_equal(answer[1], indices.numpy())
        assert answer[1].dtype == np.int64


def sees_the_image(shape, settings):
    """Torch reads beyond its memory where a dilated window lies wholly in the padding."""
    for i in range(2):
        d, k, pad = settings["dilation"][i], settings["kernel_size"][i], settings["padding"][i]
        size, stride = shape[2 + i], (settings["stride"] or settings["kernel_size"])[i]
        for start in range(-pad, size, stride):
            if not any(0 <= start + m * d < size for m in range(k)):
                return False
    return True


@more
@given(pools(dilation=False), seeds, dtypes, booleans, st.sampled_from([None, 1, 2, 7]))
def test_avg_pool2d_is_torchs(drawn, seed, dtype, include, divisor):
    shape, settings = drawn
    settings |= {"count_include_pad": include, "divisor_override": divisor}
    x = draw(seed, shape, dtype)
    compare(ops.avg_pool2d, ops.avg_pool2d_backward, F.avg_pool2d, x, seed, settings)


@more
@given(pools(padding=False, dilation=False), seeds, dtypes, orders)
def test_lp_pool2d_is_torchs_of_absolute_values(drawn, seed, dtype, p):
    shape, settings = drawn
    x = draw(seed, shape, dtype)
    x = np.sign(x) * (0.2 + np.abs(x)).astype(dtype)  # away from 0, where p < 1 has no slope

    def ours(x, **settings):
        return ops.lp_pool2d(x, p, **settings)

    def backward(grad, x, **settings):
        return ops.lp_pool2d_backward(grad, x, p, **settings)

    def theirs(x, **settings):
        if p == math.inf:
            return F.max_pool2d(x.abs(), **settings)
        return F.lp_pool2d(x.abs(), float(p), **settings)

    compare(ours, backward, theirs, x, seed, settings)


@more
@given(images(), st.data(), seeds, dtypes)
def test_adaptive_avg_pool2d_is_torchs(shape, data, seed, dtype):
    sizes = st.one_of(st.none(), st.integers(1, 12))
    output_size = data.draw(st.one_of(st.integers(1, 12), st.tuples(sizes, sizes)))
    x = draw(seed, shape, dtype)
    settings = {"output_size": output_size}
    ours, backward = ops.adaptive_avg_pool2d, ops.adaptive_avg_pool2d_backward
    compare(ours, backward, F.adaptive_avg_pool2d, x, seed, settings)


@many
@given(seeds, st.integers(1, 6), st.integers(1, 3), booleans)
def test_nan_and_infinity_go_where_torch_puts_them(seed, size, kernel, nan):
    rng = np.random.default_rng(seed)
    x = rng.choice([np.nan if nan else 1.0, np.inf, -np.inf, 0.0, 1.0], size=(2, 1, size, size))
    kernel = min(kernel, size)
    settings = {"kernel_size": kernel, "stride": 1, "padding": kernel // 2}
    ours, places = ops.max_pool2d(x, **settings, return_indices=True)
    theirs, indices = F.max_pool2d(to_torch(x), **settings, return_indices=True)
    np.testing.assert_array_equal(ours, theirs.numpy())
    np.testing.assert_array_equal(ours, ops.max_pool2d(x, **settings))
    np.testing.assert_array_equal(places, indices.numpy())
    grad = rng.choice([np.inf, 1.0, 2.0], size=ours.shape)
    assert_same_numbers(
        ops.max_pool2d_backward(grad, x, **settings),
        torch_gradients(F.max_pool2d, [x], grad, **settings)[0],
    )
    expected = F.avg_pool2d(to_torch(x), **settings).numpy()
    with np.errstate(invalid="ignore"):
        assert_same_numbers(ops.avg_pool2d(x, **settings), expected)


def assert_same_numbers(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


# --- the definitions ------------------------------------------------------------------------


@many
@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(0, 3),
    st.integers(1, 3),
    booleans,
    booleans,
    seeds,
)
def test_fast_equals_the_definition(h, w, kernel, stride, padding, dilation, ceil, include, seed):
    x = draw(seed, (2, 2, h, w))
    span = dilation * (kernel - 1) + 1
    if padding < span <= min(h, w) + 2 * padding:
        settings = (kernel, stride, padding, dilation, ceil)
        assert_close(ops.max_pool2d(x, *settings), reference.max_pool2d_windows(x, *settings))
    if padding < kernel <= min(h, w) + 2 * padding:
        settings = (kernel, stride, padding, ceil, include)
        assert_close(ops.avg_pool2d(x, *settings), reference.avg_pool2d_windows(x, *settings))
    if kernel <= min(h, w):
        for p in (1, 2, 3, 2.5):
            settings = (p, kernel, stride, ceil)
            assert_close(ops.lp_pool2d(x, *settings), reference.lp_pool2d_windows(x, *settings))
    size = (kernel, 1 + padding)
    expected = reference.adaptive_avg_pool2d_windows(x, *size)
    assert_close(ops.adaptive_avg_pool2d(x, size), expected)


# --- finite differences ---------------------------------------------------------------------

OVERLAPPING = {"kernel_size": (3, 2), "stride": (2, 1), "ceil_mode": True}


@pytest.mark.parametrize(
    ("forward", "backward", "settings"),
    [
        (ops.max_pool2d, ops.max_pool2d_backward, OVERLAPPING | {"padding": 1, "dilation": (1, 2)}),
        (ops.max_pool2d, ops.max_pool2d_backward, {"kernel_size": 2, "padding": ((1, 0), (0, 1))}),
        (ops.avg_pool2d, ops.avg_pool2d_backward, OVERLAPPING | {"padding": 1}),
        (ops.avg_pool2d, ops.avg_pool2d_backward, {"kernel_size": 2, "padding": ((1, 0), (0, 1))}),
        (
            ops.avg_pool2d,
            ops.avg_pool2d_backward,
            OVERLAPPING | {"padding": 1, "count_include_pad": False},
        ),
        (ops.avg_pool2d, ops.avg_pool2d_backward, {"kernel_size": 2, "divisor_override": 3}),
        *(
            (ops.lp_pool2d, ops.lp_pool2d_backward, OVERLAPPING | {"norm_type": p})
            for p in (0.5, 1, 2, 3, 7.5, math.inf)
        ),
        (ops.adaptive_avg_pool2d, ops.adaptive_avg_pool2d_backward, {"output_size": (3, None)}),
    ],
)
def test_backward_is_the_slope(forward, backward, settings):
    x = draw(3, (2, 2, 5, 4))
    x += 0.1 * np.sign(x)  # |x| has no slope at 0
    grad = draw(4, forward(x, **settings).shape)
    assert_numerical(
        lambda x: forward(x, **settings), lambda g, x: backward(g, x, **settings), [x], grad
    )


# --- by hand --------------------------------------------------------------------------------


def one(rows):
    """One map of one image."""
    return np.array(rows, dtype=float)[None, None]


SLICE = one([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])  # printed by two lectures


def test_the_lectures_examples():
    """Claims USP-06, CMU-09, SEJ-10, IIIT-08, IIIT-09, IIIT-10 and IIIT-11: all as printed."""
    np.testing.assert_array_equal(ops.max_pool2d(SLICE, 2), one([[6, 8], [3, 4]]))
    np.testing.assert_array_equal(ops.avg_pool2d(SLICE, 2), one([[3.25, 5.25], [2, 2]]))
    feature = one(
        [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
    )
    np.testing.assert_array_equal(
        ops.max_pool2d(feature, 3, stride=1), one([[3, 3, 3], [3, 3, 3], [3, 2, 3]])
    )
    first = one([[5, 8, 2, 1], [4, 3, 7, 9], [3, 7, 3, 5], [6, 2, 2, 0]])
    np.testing.assert_array_equal(ops.max_pool2d(first, 2), one([[8, 9], [7, 5]]))
    second = one([[2, 8, 9, 4], [3, 6, 5, 7], [3, 1, 6, 4], [2, 5, 7, 3]])
    np.testing.assert_array_equal(ops.max_pool2d(second, 2), one([[8, 9], [5, 7]]))
    third = one([[12, 20, 30, 0], [8, 12, 2, 0], [34, 70, 37, 4], [112, 100, 25, 12]])
    np.testing.assert_array_equal(ops.max_pool2d(third, 2), one([[20, 30], [112, 37]]))
    expected = one([[13, 8], [79, 19.5]])  # printed as 20, rounded
    np.testing.assert_array_equal(ops.avg_pool2d(third, 2), expected)


def test_l2_pooling_by_hand():
    np.testing.assert_allclose(ops.lp_pool2d(one([[3, -4]]), 2, (1, 2)), one([[5]]))
    np.testing.assert_allclose(ops.lp_pool2d(one([[3, -4]]), 1, (1, 2)), one([[7]]))
    np.testing.assert_allclose(ops.lp_pool2d(one([[3, -4]]), 3, (1, 2)), one([[91 ** (1 / 3)]]))
    np.testing.assert_allclose(ops.lp_pool2d(one([[3, -4]]), np.inf, (1, 2)), one([[4]]))
    # Ceil mode: the last window has one of its two cells, and counts it twice.
    hanging = ops.lp_pool2d(one([[3, -4, 5]]), 2, (1, 2), ceil_mode=True)
    np.testing.assert_allclose(hanging, one([[5, 5 * math.sqrt(2)]]))


def test_the_divisor_at_the_border():
    ones = np.ones((1, 1, 1, 4))
    settings = {"kernel_size": (1, 3), "stride": (1, 3), "padding": (0, 1), "ceil_mode": True}
    np.testing.assert_allclose(ops.avg_pool2d(ones, **settings), one([[2 / 3, 2 / 3]]))
    np.testing.assert_allclose(
        ops.avg_pool2d(ones, **settings, count_include_pad=False), one([[1, 1]])
    )
    # What ceil mode alone reaches is not counted: the last window has one cell.
    np.testing.assert_allclose(ops.avg_pool2d(ones, (1, 3), (1, 3), ceil_mode=True), one([[1, 1]]))


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "floor", "ceil"),
    [
        (5, 2, 2, 0, 2, 3),
        (6, 2, 2, 0, 3, 3),
        (55, 3, 2, 0, 27, 27),  # AlexNet's first pool
        (112, 3, 2, 0, 55, 56),  # GoogLeNet's: only ceil gives the paper's 56
        (2, 1, 3, 0, 1, 1),  # the second window would begin beyond the image
        (5, 2, 3, 1, 2, 2),  # and here beyond the image, in the padding: torch leaves it out
        (2, 3, 2, 0, None, 1),  # ceil mode takes a window that is larger than the image
    ],
)
def test_floor_and_ceil(size, kernel, stride, padding, floor, ceil):
    x = draw(0, (1, 1, size, size))
    for outputs, ceil_mode in ((floor, False), (ceil, True)):
        settings = (kernel, stride, padding)
        if outputs is None:
            with pytest.raises(ValueError, match="spans 3 cells"):
                ops.max_pool2d(x, *settings, ceil_mode=ceil_mode)
            continue
        assert ops.max_pool2d(x, *settings, ceil_mode=ceil_mode).shape[2:] == (outputs, outputs)
        assert ops.avg_pool2d(x, *settings, ceil_mode=ceil_mode).shape[2:] == (outputs, outputs)


def test_padding_never_wins():
    x = -np.ones((1, 1, 3, 3))
    np.testing.assert_array_equal(ops.max_pool2d(x, 3, 1, 1), x)
    np.testing.assert_allclose(ops.avg_pool2d(x, 3, 1, 1)[0, 0, 0], [-4 / 9, -6 / 9, -4 / 9])


def test_first_of_equals_gets_the_gradient():
    x = np.zeros((1, 1, 2, 2))
    grad = np.ones((1, 1, 1, 1))
    np.testing.assert_array_equal(ops.max_pool2d_backward(grad, x, 2), one([[1, 0], [0, 0]]))
    x = one([[0, 5], [5, 5]])
    np.testing.assert_array_equal(ops.max_pool2d_backward(grad, x, 2), one([[0, 1], [0, 0]]))
    np.testing.assert_array_equal(
        ops.lp_pool2d_backward(grad, -x, np.inf, 2), one([[0, -1], [0, 0]])
    )


def test_a_window_of_nothing_but_padding():
    x = np.ones((1, 1, 1, 1))
    settings = {"kernel_size": 2, "stride": 1, "padding": 2, "dilation": 3}
    y, indices = ops.max_pool2d(x, **settings, return_indices=True)
    assert y.shape == (1, 1, 2, 2)
    assert np.all((y == 1) | (y == -np.inf))
    np.testing.assert_array_equal(indices[y == -np.inf], -1)
    np.testing.assert_array_equal(indices[y == 1], 0)
    gradient = ops.max_pool2d_backward(np.ones_like(y), x, **settings)
    assert gradient.item() == np.sum(y == 1)


def test_more_windows_than_a_byte_can_number():
    x = draw(0, (1, 1, 300, 2))
    y, indices = ops.max_pool2d(x, (300, 1), return_indices=True)
    np.testing.assert_array_equal(y[0, 0, 0], x[0, 0].max(axis=0))
    np.testing.assert_array_equal(indices[0, 0, 0] // 2, x[0, 0].argmax(axis=0))
    gradient = ops.max_pool2d_backward(np.ones_like(y), x, (300, 1))
    np.testing.assert_array_equal(gradient != 0, x == y)


def test_many_tiles_are_one_answer():
    """More channels and images than fit a tile, and maps larger than one."""
    for shape in ((3, 70, 40, 40), (2, 2, 300, 300), (90, 3, 20, 20)):
        x = draw(0, shape, np.float32)
        assert_close(ops.max_pool2d(x, 3, 2, 1), F.max_pool2d(to_torch(x), 3, 2, 1))
        assert_close(ops.avg_pool2d(x, 3, 2, 1), F.avg_pool2d(to_torch(x), 3, 2, 1))
        grad = draw(1, ops.max_pool2d(x, 2).shape, np.float32)
        expected = torch_gradients(F.max_pool2d, [x], grad, kernel_size=2)
        assert_all_close(ops.max_pool2d_backward(grad, x, 2), expected)


# --- where there is an answer, answer ---------------------------------------------------------


def test_lp_pooling_answers_where_torch_is_not_a_number():
    x = one([[-3, 4]])
    assert torch.isnan(F.lp_pool2d(to_torch(x), 1.5, (1, 2))).item()
    assert ops.lp_pool2d(x, 1.5, (1, 2)).item() == pytest.approx((3**1.5 + 8) ** (2 / 3))
    zeros = np.zeros((1, 1, 2, 2))
    grad = np.ones((1, 1, 1, 1))
    assert torch_gradients(F.lp_pool2d, [zeros], grad, norm_type=2.0, kernel_size=2)[0].sum() == 0
    for p in (0.5, 1, 2, 3, np.inf):
        np.testing.assert_array_equal(ops.lp_pool2d_backward(grad, zeros, p, 2), zeros)


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_lp_pooling_neither_overflows_nor_vanishes(size):
    x = np.full((1, 1, 2, 2), size, np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for p in (2, 3, 50):
            y = ops.lp_pool2d(x, p, 2)
            np.testing.assert_allclose(y, np.full((1, 1, 1, 1), size * 4 ** (1 / p)), rtol=1e-5)
            gradient = ops.lp_pool2d_backward(np.ones_like(y), x, p, 2)
            np.testing.assert_allclose(gradient, 4 ** (1 / p - 1), rtol=1e-5)


def test_lp_pooling_of_infinity_and_nan():
    x = one([[np.inf, 1, np.nan, 1, np.inf, -np.inf]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = ops.lp_pool2d(x, 3, (1, 2))
    np.testing.assert_array_equal(y, one([[np.inf, np.nan, np.inf]]))


# --- padding of four sides ------------------------------------------------------------------


@many
@given(images(smallest=1), seeds, st.data())
def test_asymmetric_padding_is_padding_first(shape, seed, data):
    kernel = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    sides = tuple(tuple(data.draw(st.integers(0, k // 2)) for _ in range(2)) for k in kernel)
    stride = data.draw(st.integers(1, 3))
    if any(n + sum(s) < k for n, s, k in zip(shape[2:], sides, kernel, strict=True)):
        return
    x = draw(seed, shape)
    around = ((0, 0), (0, 0), *sides)
    low, zero = np.pad(x, around, constant_values=-np.inf), np.pad(x, around)
    y = ops.max_pool2d(x, kernel, stride, sides)
    assert_close(y, ops.max_pool2d(low, kernel, stride))
    assert_close(ops.avg_pool2d(x, kernel, stride, sides), ops.avg_pool2d(zero, kernel, stride))
    inside = ops.avg_pool2d(np.pad(np.ones_like(x), around), kernel, stride)
    expected = ops.avg_pool2d(zero, kernel, stride) / np.where(inside, inside, 1)
    answer = ops.avg_pool2d(x, kernel, stride, sides, count_include_pad=False)
    np.testing.assert_allclose(answer, expected, atol=1e-12)
    cut = tuple(slice(a, a + n) for (a, _), n in zip(sides, shape[2:], strict=True))
    grad = draw(seed + 1, y.shape)
    whole = ops.max_pool2d_backward(grad, low, kernel, stride)
    assert_close(
        ops.max_pool2d_backward(grad, x, kernel, stride, sides), whole[:, :, cut[0], cut[1]]
    )


@given(images(), st.integers(1, 4), st.integers(1, 2))
def test_same_keeps_the_size(shape, kernel, dilation):
    x = draw(0, shape)
    settings = {"stride": 1, "padding": "same"}
    assert ops.max_pool2d(x, kernel, dilation=dilation, **settings).shape == shape
    assert ops.avg_pool2d(x, kernel, **settings).shape == shape


def test_an_even_same_window_looks_ahead():
    x = one([[1, 2, 3]])
    expected = one([[2, 3, 3]])
    np.testing.assert_array_equal(ops.max_pool2d(x, (1, 2), 1, "same"), expected)
    np.testing.assert_array_equal(ops.max_pool2d(x, (1, 2), 1, ((0, 0), (0, 1))), expected)


# --- errors ---------------------------------------------------------------------------------

X = np.zeros((2, 3, 5, 7))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kernel_size": 0}, "kernel_size is 0"),
        ({"kernel_size": (2, 2, 2)}, "kernel_size"),
        ({"kernel_size": 2.0}, "kernel_size is 2.0"),
        ({"kernel_size": True}, "kernel_size is True"),
        ({"kernel_size": 2, "stride": 0}, "stride is 0"),
        ({"kernel_size": 2, "padding": -1}, "padding is -1"),
        ({"kernel_size": 2, "padding": 2}, r"\(2, 3, 5, 7\).*less than the window"),
        (
            {"kernel_size": 3, "stride": 1, "padding": ((0, 0), (0, 3))},
            "axis 3.*less than the window",
        ),
        ({"kernel_size": 2, "padding": "same"}, "'same' needs stride 1"),
        ({"kernel_size": 2, "padding": "full"}, "'full'"),
        ({"kernel_size": 6}, r"spans 6 cells on axis 2 of input \(2, 3, 5, 7\)"),
        ({"kernel_size": (5, 8)}, "spans 8 cells on axis 3"),
    ],
)
def test_settings_out_of_range(settings, message):
    for forward, backward in (
        (ops.max_pool2d, ops.max_pool2d_backward),
        (ops.avg_pool2d, ops.avg_pool2d_backward),
    ):
        with pytest.raises(ValueError, match=message):
            forward(X, **settings)
        with pytest.raises(ValueError, match=message):
            backward(X, X, **settings)
    if "padding" not in settings:
        with pytest.raises(ValueError, match=message):
            ops.lp_pool2d(X, 2, **settings)


@pytest.mark.parametrize(
    ("function", "settings", "message"),
    [
        (ops.max_pool2d, {"kernel_size": 2, "dilation": 0}, "dilation is 0"),
        (ops.max_pool2d, {"kernel_size": 3, "dilation": 3}, "spans 7 cells on axis 2"),
        (ops.avg_pool2d, {"kernel_size": 2, "divisor_override": 0}, "divisor_override is 0"),
        *(
            (ops.lp_pool2d, {"kernel_size": 2, "norm_type": p}, "norm_type")
            for p in (0, -1, math.nan, "2", True, None)
        ),
        (ops.adaptive_avg_pool2d, {"output_size": -1}, "output_size is -1"),
        (ops.adaptive_avg_pool2d, {"output_size": 2.5}, "output_size is 2.5"),
        (ops.adaptive_avg_pool2d, {"output_size": (1, 2, 3)}, r"\(1, 2, 3\)"),
    ],
)
def test_settings_of_one_kind(function, settings, message):
    with pytest.raises(ValueError, match=message):
        function(X, **settings)


CALLS = (
    (ops.max_pool2d, ops.max_pool2d_backward, {"kernel_size": 2}),
    (ops.avg_pool2d, ops.avg_pool2d_backward, {"kernel_size": 2}),
    (ops.lp_pool2d, ops.lp_pool2d_backward, {"norm_type": 2, "kernel_size": 2}),
    (ops.adaptive_avg_pool2d, ops.adaptive_avg_pool2d_backward, {"output_size": (2, 3)}),
)


@pytest.mark.parametrize(("forward", "backward", "settings"), CALLS)
def test_wrong_arrays(forward, backward, settings):
    for wrong, message in (
        (np.zeros((3, 5, 7)), r"\(3, 5, 7\).*4 axes"),
        (np.zeros((1, 2, 3, 5, 7)), r"\(1, 2, 3, 5, 7\).*4 axes"),
        (np.zeros((2, 0, 5, 7)), r"\(2, 0, 5, 7\).*may be empty"),
        (np.zeros((2, 3, 0, 7)), r"\(2, 3, 0, 7\).*may be empty"),
        (X.astype(int), "int64"),
        (X.astype(np.float16), "float16"),
        (X.astype(complex), "complex128"),
        (X.astype(bool), "bool"),
        (X.tolist(), "list"),
    ):
        with pytest.raises(ValueError, match=message):
            forward(wrong, **settings)
        with pytest.raises(ValueError, match=message):
            backward(X, wrong, **settings)
    y = forward(X, **settings)
    for grad, message in (
        (y[:1], r"\(1, 3, 2, 3\).*\(2, 3, 2, 3\)"),
        (y.astype(np.float32), "float32"),
        (y.tolist(), "list"),
    ):
        with pytest.raises(ValueError, match=message):
            backward(grad, X, **settings)


@pytest.mark.parametrize(("forward", "backward", "settings"), CALLS)
def test_the_smallest(forward, backward, settings):
    settings = {name: 2 if name == "norm_type" else 1 for name in settings}
    x = np.full((1, 1, 1, 1), 3.0)
    np.testing.assert_allclose(forward(x, **settings), x)
    np.testing.assert_allclose(backward(x, x, **settings), x)


def test_adaptive_pooling_to_nothing():
    y = ops.adaptive_avg_pool2d(X, (0, 4))
    assert y.shape == F.adaptive_avg_pool2d(to_torch(X), (0, 4)).shape == (2, 3, 0, 4)
    np.testing.assert_array_equal(ops.adaptive_avg_pool2d_backward(y, X, (0, 4)), X)


def test_the_forwards_settings_fit_the_backward():
    settings = {"kernel_size": 2, "return_indices": True}
    y, _ = ops.max_pool2d(X, **settings)
    assert ops.max_pool2d_backward(y, X, **settings).shape == X.shape
