"""Convolutional and dense layers against torch, finite differences, loops and worked examples."""

import tracemalloc

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from course_utils import ops
from course_utils.ops import im2col, reference
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


@st.composite
def convolutions(draw_one, axes=2, transposed=False):
    """Shapes and settings that fit together, down to sizes of 1 and batches of 0."""

    def numbers(low, high):
        return tuple(draw_one(st.integers(low, high)) for _ in range(axes))

    groups = draw_one(st.integers(1, 3))
    inputs, outputs = (groups * draw_one(st.integers(1, 3)) for _ in range(2))
    kernel, stride, dilation = numbers(1, 4), numbers(1, 3), numbers(1, 3)
    padding = numbers(0, 3)
    if transposed:
        size = tuple(
            max(1, -(-(2 * p - d * (k - 1)) // s) + 1 + draw_one(st.integers(0, 3)))
            for p, k, s, d in zip(padding, kernel, stride, dilation, strict=True)
        )
    else:
        size = tuple(
            max(1, d * (k - 1) + 1 - 2 * p) + draw_one(st.integers(0, 4))
            for p, k, d in zip(padding, kernel, dilation, strict=True)
        )
    batch = draw_one(st.integers(0, 3))
    first, second = (inputs, outputs) if transposed else (outputs, inputs)
    weight = (first, second // groups, *kernel)
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return (batch, inputs, *size), weight, outputs, settings


def arrays_of(case, seed, dtype, with_bias):
    x_shape, w_shape, outputs, settings = case
    x, w = draw(seed, x_shape, dtype), draw(seed + 1, w_shape, dtype)
    b = draw(seed + 2, (outputs,), dtype) if with_bias else None
    return [x, w, b], settings


def against_torch(name, arrays, settings, seed, torch_settings=None):
    """Forward and every gradient, from arrays with awkward strides."""
    theirs = getattr(F, name)
    torch_settings = settings if torch_settings is None else torch_settings
    expected = theirs(*map(to_torch, arrays), **torch_settings)
    views = [awkward(a) for a in arrays]
    assert_close(getattr(ops, name)(*views, **settings), expected)
    g = draw(seed + 3, expected.shape, arrays[0].dtype)
    gradients = getattr(ops, name + "_backward")(awkward(g), *views, **settings)
    assert_all_close(gradients, torch_gradients(theirs, arrays, g, **torch_settings))


# --- against torch ------------------------------------------------------------------------------


@many
@given(convolutions(), seeds, dtypes, st.booleans())
def test_conv2d_is_torchs(case, seed, dtype, with_bias):
    arrays, settings = arrays_of(case, seed, dtype, with_bias)
    against_torch("conv2d", arrays, settings, seed)


@many
@given(convolutions(axes=1), seeds, dtypes, st.booleans())
def test_conv1d_is_torchs(case, seed, dtype, with_bias):
    arrays, settings = arrays_of(case, seed, dtype, with_bias)
    against_torch("conv1d", arrays, settings, seed)
    settings = {k: v if k == "groups" else v[0] for k, v in settings.items()}
    against_torch("conv1d", arrays, settings, seed)


@many
@given(convolutions(transposed=True), st.tuples(*[st.integers(0, 2)] * 2), seeds, dtypes)
def test_conv_transpose2d_is_torchs(case, extra, seed, dtype):
    arrays, settings = arrays_of(case, seed, dtype, with_bias=bool(seed % 2))
    limits = [max(p) for p in zip(settings["stride"], settings["dilation"], strict=True)]
    extra = tuple(min(e, limit - 1) for e, limit in zip(extra, limits, strict=True))
    against_torch("conv_transpose2d", arrays, settings | {"output_padding": extra}, seed)


@many
@given(
    st.lists(st.integers(0, 3), max_size=3).map(tuple),
    st.integers(1, 5),
    st.integers(1, 5),
    seeds,
    dtypes,
    st.booleans(),
)
def test_linear_is_torchs(rows, inputs, outputs, seed, dtype, with_bias):
    x, w = draw(seed, (*rows, inputs), dtype), draw(seed + 1, (outputs, inputs), dtype)
    b = draw(seed + 2, (outputs,), dtype) if with_bias else None
    against_torch("linear", [x, w, b], {}, seed)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@many
@given(convolutions(), seeds, dtypes)
def test_same_and_valid_are_torchs(case, seed, dtype):
    arrays, settings = arrays_of(case, seed, dtype, with_bias=True)
    settings["stride"] = 1
    against_torch("conv2d", arrays, settings | {"padding": "same"}, seed)
    x, w = arrays[:2]
    fits = [
        n >= d * (k - 1) + 1
        for n, k, d in zip(x.shape[2:], w.shape[2:], settings["dilation"], strict=True)
    ]
    if all(fits):
        against_torch("conv2d", arrays, settings | {"padding": "valid"}, seed)


@many
@given(convolutions(), st.tuples(*[st.integers(0, 3)] * 4), seeds)
def test_four_sides_of_padding_are_a_padded_image(case, sides, seed):
    arrays, settings = arrays_of(case, seed, np.float64, with_bias=True)
    top, bottom, left, right = sides
    (ph, pw), fill = settings["padding"], (left, right, top, bottom)
    sides = ((ph + top, ph + bottom), (pw + left, pw + right))

    def padded(x, w, b, **how):
        return F.conv2d(F.pad(x, fill), w, b, **how)

    expected = padded(*map(to_torch, arrays), **settings)
    ours = settings | {"padding": sides}
    assert_close(ops.conv2d(*arrays, **ours), expected)
    g = draw(seed + 3, expected.shape)
    gradients = torch_gradients(padded, arrays, g, **settings)
    assert_all_close(ops.conv2d_backward(g, *arrays, **ours), gradients)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("shape", "weight", "settings"),
    [
        ((3, 5, 11, 13), (7, 5, 3, 3), {"padding": 1}),
        ((3, 5, 11, 13), (7, 5, 3, 3), {"padding": 1, "stride": 2}),
        ((3, 5, 11, 13), (40, 5, 3, 3), {"padding": 1}),
        ((3, 6, 11, 13), (12, 1, 3, 3), {"groups": 6, "padding": "same", "dilation": 2}),
        ((3, 5, 11, 13), (7, 5, 1, 1), {}),
    ],
)
def test_small_tiles_change_nothing(monkeypatch, shape, weight, settings, dtype):
    """Every way of cutting the work: rows of one image, whole images, all at once."""
    arrays = [draw(0, shape, dtype), draw(1, weight, dtype), draw(2, weight[:1], dtype)]
    for budget in (1, 3000, 20_000, 10**9):
        monkeypatch.setattr(im2col, "COLUMN_BYTES", budget)
        monkeypatch.setattr(im2col, "GRADIENT_BYTES", budget)
        against_torch("conv2d", arrays, settings, seed=3)


# --- finite differences -------------------------------------------------------------------------


def bound(name, settings):
    forward, backward = getattr(ops, name), getattr(ops, name + "_backward")
    return (
        lambda *arrays: forward(*arrays, **settings),
        lambda g, *arrays: backward(g, *arrays, **settings),
    )


SETTINGS = [
    ("conv2d", (2, 4, 5, 6), (6, 2, 3, 2), {"groups": 2, "padding": 1, "stride": (2, 1)}),
    ("conv2d", (2, 2, 5, 6), (3, 2, 2, 3), {"padding": ((0, 2), (1, 0)), "dilation": (1, 2)}),
    ("conv2d", (1, 2, 4, 5), (2, 1, 4, 2), {"padding": "same", "groups": 2}),
    ("conv1d", (2, 4, 9), (2, 2, 3), {"groups": 2, "padding": 2, "stride": 2, "dilation": 2}),
    ("conv_transpose2d", (2, 4, 3, 2), (4, 2, 3, 2), {"groups": 2, "stride": 2, "padding": 1}),
    ("conv_transpose2d", (1, 2, 3, 2), (2, 3, 2, 3), {"dilation": 2, "output_padding": 1}),
    ("linear", (3, 2, 4), (5, 4), {}),
]


@pytest.mark.parametrize(("name", "x_shape", "w_shape", "settings"), SETTINGS)
@pytest.mark.parametrize("with_bias", [True, False])
def test_gradients_are_finite_differences(name, x_shape, w_shape, settings, with_bias):
    outputs = w_shape[0]
    if name == "conv_transpose2d":
        outputs = w_shape[1] * settings.get("groups", 1)
    b = draw(2, (outputs,)) if with_bias else None
    arrays = [draw(0, x_shape), draw(1, w_shape), b]
    forward, backward = bound(name, settings)
    assert_numerical(forward, backward, arrays, draw(3, forward(*arrays).shape))


# --- the direct definition ----------------------------------------------------------------------


@many
@given(convolutions(), seeds)
def test_fast_and_direct_are_equal(case, seed):
    (x, w, _), settings = arrays_of(case, seed, np.float64, with_bias=False)
    padding = tuple((p, p) for p in settings["padding"])
    y = ops.conv2d(x, w, **settings)
    expected = np.zeros_like(y)
    settings["padding"] = padding
    reference.conv2d_layer_loops(x, w, expected, **settings)
    assert_close(y, expected)
    g = draw(seed + 3, y.shape)
    expected = reference.conv2d_layer_backward_loops(g, x, w, **settings)
    assert_all_close(ops.conv2d_backward(g, x, w, **settings)[:2], expected)


def test_four_nested_loops():
    x, w = draw(0, (9, 8)), draw(1, (3, 2))
    for stride in (1, 2, 3):
        fast = ops.conv2d(x[None, None], w[None, None], stride=stride)[0, 0]
        np.testing.assert_allclose(reference.conv2d_loops(x, w, stride), fast, atol=1e-13)


@many
@given(convolutions(transposed=True), seeds)
def test_transposed_is_the_transpose(case, seed):
    """<conv(x), y> = <x, conv transposed(y)> for the same weights: that is what a transpose is."""
    (y, w, _), settings = arrays_of(case, seed, np.float64, with_bias=False)
    x = draw(seed + 5, ops.conv_transpose2d(y, w, **settings).shape)
    left = np.vdot(ops.conv2d(x, w, **settings), y)
    right = np.vdot(x, ops.conv_transpose2d(y, w, **settings))
    assert left == pytest.approx(right, rel=1e-9, abs=1e-9)


# --- by hand ------------------------------------------------------------------------------------


def test_two_by_two_by_hand():
    x = np.arange(1.0, 10.0).reshape(1, 1, 3, 3)
    w = np.array([[[[1.0, 0.0], [0.0, -1.0]]]])
    np.testing.assert_array_equal(ops.conv2d(x, w), np.full((1, 1, 2, 2), -4.0))
    g = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    grad_x, grad_w, _ = ops.conv2d_backward(g, x, w)
    np.testing.assert_array_equal(grad_x[0, 0], [[1, 2, 0], [3, 3, -2], [0, -3, -4]])
    # by w[0, 0]: 1*1 + 2*2 + 3*4 + 4*5 = 37, and one pixel to the right or below each moves all
    np.testing.assert_array_equal(grad_w[0, 0], [[37, 47], [67, 77]])


def test_the_kernel_is_not_turned_over():
    x = np.array([[[1.0, 2.0, 3.0]]])
    w = np.array([[[1.0, 10.0, 100.0]]])
    assert ops.conv1d(x, w).item() == 321
    np.testing.assert_array_equal(
        ops.conv1d(x, w, padding=((2, 0),))[0, 0], np.correlate([0, 0, 1, 2, 3], w[0, 0])
    )


def test_even_same_puts_the_extra_zero_behind():
    x = np.array([[[1.0, 2.0, 3.0]]])
    w = np.ones((1, 1, 2))
    np.testing.assert_array_equal(ops.conv1d(x, w, padding="same")[0, 0], [3, 5, 3])


def test_sizes_that_the_lectures_use():
    """AlexNet's and LeNet's first layers, and the 7x7 image of the slides, stride 1 and 2."""
    for size, k, stride, padding, out in [
        (227, 11, 4, 0, 55),
        (32, 5, 1, 0, 28),
        (7, 3, 1, 0, 5),
        (7, 3, 2, 0, 3),
        (7, 3, 1, 1, 7),
    ]:
        x, w = np.zeros((1, 1, size, size)), np.zeros((1, 1, k, k))
        assert ops.conv2d(x, w, None, stride, padding).shape == (1, 1, out, out)


def test_groups_see_their_own_channels_only():
    x = np.stack([np.full((2, 2), 10.0**c) for c in range(4)])[None]
    w = np.ones((4, 1, 1, 1)) * np.array([1, 2, 1, 2])[:, None, None, None]
    y = ops.conv2d(x[:, :2], w, groups=2)  # two filters for each channel
    np.testing.assert_array_equal(y[0, :, 0, 0], [1, 2, 10, 20])


# --- promises -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "x_shape", "w_shape", "settings"), SETTINGS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inputs_unchanged_and_answers_new(name, x_shape, w_shape, settings, dtype):
    x, w = draw(0, x_shape, dtype), draw(1, w_shape, dtype)
    y = assert_unchanged(getattr(ops, name), x, w, None, **settings)
    gradients = assert_unchanged(
        getattr(ops, name + "_backward"), np.ones_like(y), x, w, None, **settings
    )
    assert y.dtype == dtype
    assert gradients[0].dtype == gradients[1].dtype == dtype
    assert gradients[2] is None


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("images", [1, 8])
def test_workspace_is_small_whatever_the_batch(stride, images):
    """All columns together would take 51 MB an image here."""
    x = np.zeros((images, 32, 209, 212), np.float32)
    w = np.zeros((32, 32, 3, 3), np.float32)

    def peak(call):
        tracemalloc.start()
        answers = call()
        held, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return answers, most - held

    y, forward = peak(lambda: ops.conv2d(x, w, stride=stride))
    gradients, backward = peak(lambda: ops.conv2d_backward(y, x, w, stride=stride))
    assert max(forward, backward) < 64 * 2**20
    del gradients


def test_a_convolution_of_the_whole_image_is_a_dense_layer():
    x, w, b = draw(0, (3, 2, 5, 4)), draw(1, (6, 2, 5, 4)), draw(2, (6,))
    dense = ops.linear(x.reshape(3, -1), w.reshape(6, -1), b)
    np.testing.assert_allclose(ops.conv2d(x, w, b)[:, :, 0, 0], dense, atol=1e-12)


# --- errors -------------------------------------------------------------------------------------

X, W, B = np.zeros((2, 4, 5, 6)), np.zeros((6, 4, 3, 3)), np.zeros(6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input": X[0]}, r"input has shape \(4, 5, 6\); expected 4 axes"),
        ({"weight": W[0]}, r"weight has shape \(4, 3, 3\); expected 4 axes"),
        ({"weight": W[:, :3]}, r"\(2, 4, 5, 6\) and weight \(6, 3, 3, 3\) do not fit"),
        ({"groups": 2}, r"\(6, 4, 3, 3\) do not fit with groups=2"),
        ({"groups": 4, "weight": W[:, :1]}, r"\(6, 1, 3, 3\) do not fit with groups=4"),
        ({"groups": 0}, "groups is 0; expected an integer of at least 1"),
        ({"groups": True}, "groups is True; expected an integer"),
        ({"bias": B[:5]}, r"bias has shape \(5,\).*needs \(6,\)"),
        ({"bias": B[:, None]}, r"bias has shape \(6, 1\).*needs \(6,\)"),
        ({"padding": -1}, "padding is -1; expected an integer of at least 0"),
        ({"padding": ((1, -2), (0, 0))}, "padding is -2; expected an integer of at least 0"),
        ({"padding": (1, 2, 3)}, r"padding is \(1, 2, 3\); expected a number"),
        ({"padding": "full"}, "padding is 'full'; expected numbers, 'same' or 'valid'"),
        ({"padding": 0.5}, "padding is 0.5; expected an integer"),
        ({"padding": "same", "stride": 2}, r"'same' needs stride 1; got stride \(2, 2\)"),
        ({"stride": 0}, "stride is 0; expected an integer of at least 1"),
        ({"stride": (1, 2, 3)}, r"stride is \(1, 2, 3\); expected a number or a pair"),
        ({"stride": 1.0}, "stride is 1.0; expected an integer"),
        ({"dilation": 0}, "dilation is 0; expected an integer of at least 1"),
        ({"dilation": 3}, r"\(7, 7\) with its dilation, is larger than the padded input \(5, 6\)"),
        ({"weight": np.zeros((6, 4, 6, 3))}, r"larger than the padded input \(5, 6\)"),
        ({"weight": W[:, :, :0]}, r"weight \(6, 4, 0, 3\) has an empty axis"),
        ({"input": X[:, :, :0]}, r"input \(2, 4, 0, 6\).* has an empty axis"),
        ({"input": X.astype(int)}, "all float32 or all float64; got input int64, weight float64"),
        ({"input": X.astype(np.float32)}, "got input float32, weight float64, bias float64"),
        ({"bias": B.astype(np.float16)}, "got input float64, weight float64, bias float16"),
        ({"input": X.tolist()}, "input is a list; expected a NumPy array"),
        ({"input": torch.zeros(2, 4, 5, 6)}, "input is a Tensor; expected a NumPy array"),
    ],
)
def test_conv2d_names_what_is_wrong(arguments, message):
    arguments = {"input": X, "weight": W, "bias": B} | arguments
    with pytest.raises(ValueError, match=message):
        ops.conv2d(**arguments)
    with pytest.raises(ValueError, match=message):
        ops.conv2d_backward(np.zeros((2, 6, 3, 4)), **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input": X[0]}, r"input has shape \(4, 5, 6\); expected 4 axes"),
        ({"weight": W[0]}, r"weight has shape \(4, 3, 3\); expected 4 axes"),
        ({"weight": W}, r"input needs weight.shape\[0\] channels"),
        ({"groups": 3}, r"do not fit with groups=3"),
        ({"bias": B[:5]}, r"bias has shape \(5,\).*needs \(6,\)"),
        (
            {"output_padding": 1},
            r"output_padding \(1, 1\) must be smaller than the stride",
        ),
        ({"output_padding": -1}, "output_padding is -1"),
        ({"padding": 4}, r"would leave an output of size \(-1, 0\)"),
        ({"weight": W[:4, :, :, :0]}, "has an empty axis"),
        ({"stride": 0}, "stride is 0"),
        ({"dilation": 0}, "dilation is 0"),
        ({"input": X.astype(np.float32)}, "got input float32"),
    ],
)
def test_conv_transpose2d_names_what_is_wrong(arguments, message):
    arguments = {"input": X, "weight": np.zeros((4, 6, 3, 3)), "bias": B} | arguments
    with pytest.raises(ValueError, match=message):
        ops.conv_transpose2d(**arguments)
    with pytest.raises(ValueError, match=message):
        ops.conv_transpose2d_backward(np.zeros((2, 6, 7, 8)), **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input": X}, r"input has shape \(2, 4, 5, 6\); expected 3 axes"),
        ({"weight": W}, r"weight has shape \(6, 4, 3, 3\); expected 3 axes"),
        ({"padding": (1, 1)}, r"padding is \(1, 1\); expected a number or \(\(left, right\),\)"),
        ({"padding": -1}, "padding is -1"),
        ({"stride": 0}, "stride is 0"),
        ({"stride": (1, 2)}, r"stride is \(1, 2\)"),
        ({"input": X[0].astype(int)}, "got input int64"),
        ({"weight": np.zeros((6, 5, 9))}, r"is larger than the padded input|do not fit"),
    ],
)
def test_conv1d_names_what_is_wrong(arguments, message):
    arguments = {"input": X[0], "weight": W[:, :, 0][:, :5].repeat(2, 1)[:, :5]} | arguments
    with pytest.raises(ValueError, match=message):
        ops.conv1d(**arguments)
    with pytest.raises(ValueError, match=message):
        ops.conv1d_backward(np.zeros((4, 6, 4)), **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weight": W}, r"weight \(6, 4, 3, 3\); expected \(\*, in\) and \(out, in\)"),
        ({"input": np.array(1.0)}, r"input \(\) and weight"),
        ({"input": np.zeros((2, 4))}, r"input \(2, 4\) ends in 4 numbers; .* reads 3"),
        ({"bias": B[:4]}, r"bias has shape \(4,\)"),
        ({"weight": np.zeros((0, 3))}, "empty axis"),
        ({"bias": B[:5].astype(np.float32)}, "bias float32"),
    ],
)
def test_linear_names_what_is_wrong(arguments, message):
    arguments = {"input": np.zeros((2, 3)), "weight": np.zeros((5, 3)), "bias": B[:5]} | arguments
    with pytest.raises(ValueError, match=message):
        ops.linear(**arguments)
    with pytest.raises(ValueError, match=message):
        ops.linear_backward(np.zeros((2, 5)), **arguments)


@pytest.mark.parametrize("name", ["conv2d", "conv1d", "conv_transpose2d", "linear"])
def test_backward_names_a_wrong_gradient(name):
    _, x_shape, w_shape, settings = next(row for row in SETTINGS if row[0] == name)
    x, w = draw(0, x_shape), draw(1, w_shape)
    y = getattr(ops, name)(x, w, **settings)
    backward = getattr(ops, name + "_backward")
    shape = str(y.shape).replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(ValueError, match=f"the forward's output has {shape}"):
        backward(y[..., :-1], x, w, **settings)
    with pytest.raises(ValueError, match="dtype float32; expected float64"):
        backward(y.astype(np.float32), x, w, **settings)
    with pytest.raises(ValueError, match="grad_output is a list"):
        backward(y.tolist(), x, w, **settings)
