"""Activations, dropout, losses and normalisation: against torch, differences and hand-made sums."""

import math
import warnings
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from course_utils import ops
from course_utils.ops import reference
from ops_checks import (
    TOLERANCE,
    as_tuple,
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

pytestmark = pytest.mark.filterwarnings("error")  # a RuntimeWarning is a failure

sizes = st.integers(1, 4)
counts = st.integers(0, 3)  # images in a batch: empty ones too
any_shape = st.lists(st.integers(0, 4), min_size=0, max_size=4).map(tuple)
POINTWISE = ("relu", "sigmoid", "tanh")
SOFT = ("softmax", "log_softmax")


def backward_of(name):
    return getattr(ops, name + "_backward")


def checked_against_torch(name, arrays, grad, theirs=None, constants=(), **settings):
    """Forward and backward, on awkward arrays, against torch.nn.functional and autograd."""
    theirs = theirs or partial(getattr(F, name, None) or getattr(torch, name), **settings)
    given_arrays = [awkward(a) for a in arrays]
    ours = getattr(ops, name)(*given_arrays, *constants, **settings)
    assert_close(np.asarray(ours), theirs(*map(to_torch, arrays)))
    ours = backward_of(name)(awkward(grad), *given_arrays, *constants, **settings)
    assert_all_close(ours, torch_gradients(theirs, arrays, grad))


# --- entry by entry -------------------------------------------------------------------------


@pytest.mark.parametrize("name", POINTWISE)
@many
@given(seeds, any_shape, dtypes, st.sampled_from([0.01, 1, 10, 100]))
def test_activations_agree_with_torch(name, seed, shape, dtype, spread):
    x = np.asarray(draw(seed, shape, dtype) * dtype(spread))
    checked_against_torch(name, [x], np.asarray(draw(seed + 1, shape, dtype)))


@pytest.mark.parametrize("name", POINTWISE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations_at_the_ends(name, dtype):
    x = np.array([-np.inf, -1e30, -800, -0.0, 0, 800, 1e30, np.inf, np.nan], dtype)
    checked_against_torch(name, [x], np.ones_like(x))


@pytest.mark.parametrize("name", POINTWISE)
def test_activations_by_finite_differences(name):
    x = draw(0, (3, 4))
    assert np.abs(x).min() > 1e-3  # no difference across the kink of ReLU
    assert_numerical(getattr(ops, name), backward_of(name), [x], draw(1, (3, 4)))


def test_activations_by_hand():
    x = np.array([-2.0, 0.0, 3.0])
    np.testing.assert_array_equal(ops.relu(x), [0, 0, 3])
    np.testing.assert_array_equal(ops.relu_backward(np.full(3, 5.0), x), [0, 0, 5])
    np.testing.assert_allclose(ops.sigmoid(np.log([3.0, 1.0, 1 / 4])), [3 / 4, 1 / 2, 1 / 5])
    np.testing.assert_allclose(ops.sigmoid_backward(np.ones(1), np.zeros(1)), [1 / 4])
    np.testing.assert_allclose(ops.tanh(np.log([2.0])), [3 / 5])  # (4 - 1) / (4 + 1)
    np.testing.assert_allclose(ops.tanh_backward(np.ones(1), np.zeros(1)), [1])


def test_tanh_is_a_sigmoid():
    x = np.linspace(-5, 5, 41)
    np.testing.assert_allclose(ops.tanh(x), 2 * ops.sigmoid(2 * x) - 1, atol=1e-15)


def test_sigmoid_keeps_its_digits_where_it_is_tiny():
    x = np.array([-700.0, -40.0])
    np.testing.assert_allclose(ops.sigmoid(x), np.exp(x), rtol=1e-14)
    np.testing.assert_allclose(ops.sigmoid_backward(np.ones(2), -x), np.exp(x), rtol=1e-14)


# --- along one axis -------------------------------------------------------------------------


@st.composite
def shapes_with_axis(draw_from):
    shape = draw_from(st.lists(st.integers(0, 4), min_size=1, max_size=4).map(tuple))
    return shape, draw_from(st.integers(-len(shape), len(shape) - 1))


@pytest.mark.parametrize("name", SOFT)
@many
@given(seeds, shapes_with_axis(), dtypes, st.sampled_from([0.01, 1, 10]))
def test_softmax_agrees_with_torch(name, seed, shape_and_dim, dtype, spread):
    shape, dim = shape_and_dim
    x = np.asarray(draw(seed, shape, dtype) * dtype(spread))
    checked_against_torch(name, [x], draw(seed + 1, shape, dtype), dim=dim)


@many
@given(seeds, st.integers(0, 3), sizes)
def test_softmax_is_its_definition(seed, n, c):
    x = draw(seed, (n, c))
    np.testing.assert_allclose(ops.softmax(x, 1), reference.softmax_loops(x), atol=1e-14)
    np.testing.assert_allclose(
        ops.log_softmax(x, 1), np.log(reference.softmax_loops(x)), atol=1e-13
    )


@pytest.mark.parametrize("name", SOFT)
@pytest.mark.parametrize("dim", [0, 1, 2])
def test_softmax_by_finite_differences(name, dim):
    forward = partial(getattr(ops, name), dim=dim)
    backward = partial(backward_of(name), dim=dim)
    assert_numerical(forward, backward, [draw(0, (2, 3, 2))], draw(1, (2, 3, 2)))


def test_the_lecture_s_softmax():  # IIIT-12, IIIT-13
    scores = np.array([6.0, 0.0, 5.0, 3.0, 8.0])
    assert np.exp(scores).sum() == pytest.approx(3553.8854765602264, rel=1e-14)
    p = ops.softmax(scores, 0)
    printed = [1.13517669e-01, 2.81382168e-04, 4.17608165e-02, 5.65171192e-03, 8.38788421e-01]
    np.testing.assert_allclose(p, printed, rtol=1e-8)
    assert p.sum() == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_does_not_overflow(dtype):
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        x = np.array([[1000, 1001, -1e30], [-1e30, 0, 3e38]], dtype)
        p, log_p = ops.softmax(x, 1), ops.log_softmax(x, 1)
    assert_close(p, F.softmax(to_torch(x), 1))
    assert_close(log_p[:, :2], F.log_softmax(to_torch(x), 1)[:, :2])
    assert np.isfinite(log_p).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)


def test_softmax_of_infinities_is_torch_s():
    x = np.array([[-np.inf, 0, 1], [np.inf, 0, 1], [-np.inf] * 3, [np.nan, 0, 1]])
    for name in SOFT:
        ours, theirs = getattr(ops, name)(x, 1), getattr(F, name)(to_torch(x), 1)
        np.testing.assert_allclose(ours, theirs.numpy())


# --- dropout --------------------------------------------------------------------------------


@many
@given(seeds, any_shape, dtypes, st.sampled_from([0, 0.1, 0.5, 0.9, 1]), st.booleans())
def test_dropout_is_the_mask_times_the_scale(seed, shape, dtype, p, training):
    x, grad = np.asarray(draw(seed, shape, dtype)), np.asarray(draw(seed + 1, shape, dtype))
    mask = np.asarray(np.random.default_rng(seed).random(shape) >= p)
    scale = 1 if p == 1 else 1 / (1 - p)

    def theirs(x):  # torch.nn.functional.dropout, with its mask in the open
        return x * torch.tensor(mask) * scale if training else x * 1

    checked_against_torch("dropout", [x], grad, theirs, p=p, training=training, mask=mask)
    for function, array in ((ops.dropout, [x]), (ops.dropout_backward, [grad, x])):
        with_mask = function(*array, p, training, mask=mask)
        drawn = function(*array, p, training, generator=np.random.default_rng(seed))
        np.testing.assert_array_equal(with_mask, drawn)


def test_dropout_by_hand():
    x, mask = np.array([1.0, 2.0, 3.0, 4.0]), np.array([True, False, False, True])
    np.testing.assert_allclose(ops.dropout(x, 0.2, mask=mask), [1.25, 0, 0, 5])
    np.testing.assert_allclose(
        ops.dropout_backward(np.ones(4), x, 0.2, mask=mask), [1.25, 0, 0, 1.25]
    )
    np.testing.assert_array_equal(ops.dropout(x, 0.2, training=False), x)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_dropout_drops_its_share_and_keeps_the_mean(p):
    y = ops.dropout(np.ones(40_000), p, generator=np.random.default_rng(0))
    spread = math.sqrt(p * (1 - p) / len(y))
    assert np.mean(y == 0) == pytest.approx(p, abs=4 * spread)
    assert y.mean() == pytest.approx(1, abs=4 * spread / (1 - p))
    theirs = F.dropout(torch.ones(5), p, training=True)
    assert set(theirs.tolist()) <= {0.0, np.float32(1 / (1 - p))}  # torch's scale is this one


def test_dropout_by_finite_differences():
    x, mask = draw(0, (4, 5)), draw(1, (4, 5)) > 0
    assert_numerical(
        partial(ops.dropout, p=0.3, mask=mask),
        partial(ops.dropout_backward, p=0.3, mask=mask),
        [x],
        draw(2, (4, 5)),
    )


def test_a_dropped_infinity_is_gone():
    x, mask = np.array([np.inf, np.nan, 2.0]), np.array([False, False, True])
    np.testing.assert_array_equal(ops.dropout(x, 0.5, mask=mask), [0, 0, 4])
    gone = ops.dropout(x, 1, generator=np.random.default_rng(0))
    np.testing.assert_array_equal(gone, [0, 0, 0])


def test_dropout_moves_the_generator_once():
    generator = np.random.default_rng(0)
    first = ops.dropout(np.ones(50), generator=generator)
    second = ops.dropout(np.ones(50), generator=generator)
    assert (first != second).any()


# --- cross-entropy --------------------------------------------------------------------------


@st.composite
def entropy_cases(draw_from):
    """Shapes and settings; labels or probabilities; (C,), (N, C), (N, C, d1), (N, C, d1, d2)."""
    classes = draw_from(sizes)
    rest = draw_from(st.lists(st.integers(1, 3), max_size=2))
    alone = not rest and draw_from(st.booleans())
    shape = (classes,) if alone else (draw_from(counts), classes, *rest)
    return {
        "shape": shape,
        "soft": draw_from(st.booleans()),
        "weighted": draw_from(st.booleans()),
        "reduction": draw_from(st.sampled_from(["mean", "sum", "none"])),
        "label_smoothing": draw_from(st.sampled_from([0.0, 0.1, 1.0])),
        "ignore_index": draw_from(st.sampled_from([-100, -1, 0, 1])),
        "ignored": draw_from(st.booleans()),
    }


def entropy_arrays(seed, dtype, shape, soft, weighted, ignore_index, ignored, **_):
    rng = np.random.default_rng(seed)
    classes = shape[min(1, len(shape) - 1)]
    weight = rng.uniform(0.2, 2, classes).astype(dtype) if weighted else None
    if soft:
        target = ops.softmax(draw(seed + 1, shape), min(1, len(shape) - 1)).astype(dtype)
    else:
        target = rng.integers(0, classes, (*shape[:1], *shape[2:]) if len(shape) > 1 else ())
        target = np.asarray(target)
        if ignored:
            target = np.where(rng.random(target.shape) < 0.5, ignore_index, target)
    return draw(seed + 2, shape, dtype) * dtype(3), target, weight


@many
@given(seeds, dtypes, entropy_cases())
def test_cross_entropy_agrees_with_torch(seed, dtype, case):
    if case["soft"]:
        case["ignore_index"] = -100
    scores, target, weight = entropy_arrays(seed, dtype, **case)
    names = ("reduction", "label_smoothing", "ignore_index")
    settings = {name: case[name] for name in names}

    def theirs(x):
        return F.cross_entropy(x, to_torch(target), to_torch(weight), **settings)

    arrays = awkward(scores), awkward_int(target), weight
    ours = np.asarray(ops.cross_entropy(*arrays, **settings))
    assert_close(ours, theirs(to_torch(scores)))
    grad = np.asarray(draw(seed + 3, ours.shape, dtype))
    ours = ops.cross_entropy_backward(grad, *arrays, **settings)
    expected = torch_gradients(theirs, [scores], grad)[0]
    # torch's gradient of the mean of nothing is 0 or NaN, as the case may be; ours is 0.
    assert_close(ours, np.nan_to_num(expected))


def awkward_int(target):
    """The same numbers in a view that runs backwards; floats by `awkward`."""
    if np.issubdtype(target.dtype, np.floating):
        return awkward(target)
    room = np.full([2 * n for n in target.shape], 99, target.dtype)
    view = room[(*(slice(None, None, -2) for _ in target.shape), ...)]
    view[...] = target
    return view


@many
@given(seeds, st.integers(1, 5), sizes)
def test_cross_entropy_is_its_definition(seed, n, c):
    scores = draw(seed, (n, c))
    labels = np.random.default_rng(seed).integers(0, c, n)
    direct = reference.cross_entropy_loops(scores, labels)
    assert ops.cross_entropy(scores, labels) == pytest.approx(direct, abs=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 3, 2, 2)])
def test_cross_entropy_by_finite_differences(reduction, soft, shape):
    settings = {"soft": soft, "weighted": True, "ignore_index": -100, "ignored": False}
    scores, target, weight = entropy_arrays(1, np.float64, shape, **settings)
    chosen = {"reduction": reduction, "label_smoothing": 0.2}
    forward = partial(ops.cross_entropy, target=target, weight=weight, **chosen)
    backward = partial(ops.cross_entropy_backward, target=target, weight=weight, **chosen)
    grad = np.asarray(draw(2, np.shape(forward(scores))))
    assert_numerical(forward, backward, [scores], grad)


def test_cross_entropy_by_hand():
    scores = np.log([[1.0, 2, 5], [3.0, 3, 2]])  # probabilities 1/8 2/8 5/8 and 3/8 3/8 2/8
    labels = np.array([2, 0])
    losses = ops.cross_entropy(scores, labels, reduction="none")
    np.testing.assert_allclose(losses, np.log([8 / 5, 8 / 3]))
    assert ops.cross_entropy(scores, labels) == pytest.approx(np.log([8 / 5, 8 / 3]).mean())
    gradient = ops.cross_entropy_backward(1.0, scores, labels)
    np.testing.assert_allclose(gradient, np.array([[1, 2, -3], [-5, 3, 2]]) / 16)
    weight = np.array([3.0, 7.0, 1.0])
    weighted = (np.log(8 / 5) + 3 * np.log(8 / 3)) / 4
    assert ops.cross_entropy(scores, labels, weight) == pytest.approx(weighted)


def test_cross_entropy_of_a_guess_is_the_logarithm_of_the_classes():
    for classes in (2, 10, 1000):
        loss = ops.cross_entropy(np.zeros((3, classes)), np.arange(3) % 2)
        assert loss == pytest.approx(math.log(classes))


def test_cross_entropy_survives_large_scores():
    scores, labels = np.array([[1000.0, 0.0], [0.0, 1000.0]]), np.array([1, 1])
    np.testing.assert_allclose(ops.cross_entropy(scores, labels, reduction="none"), [1000, 0])


def test_a_class_without_part_in_the_target_has_none_in_the_loss():
    scores, target = np.array([[-np.inf, 0.0, 0.0]]), np.array([[0.0, 0.5, 0.5]])
    assert ops.cross_entropy(scores, target) == pytest.approx(math.log(2))
    assert torch.isnan(F.cross_entropy(to_torch(scores), to_torch(target)))
    gradient = ops.cross_entropy_backward(1.0, scores, target)
    np.testing.assert_allclose(gradient, [[0, 0, 0]], atol=1e-15)


def test_the_mean_of_nothing_is_nan_and_teaches_nothing():
    nothing = np.full(2, -100)
    assert np.isnan(ops.cross_entropy(np.ones((2, 3)), nothing))
    assert np.isnan(ops.cross_entropy(np.ones((0, 3)), nothing[:0]))
    assert ops.cross_entropy(np.ones((2, 3)), nothing, reduction="sum") == 0
    gradient = ops.cross_entropy_backward(1.0, np.ones((2, 3)), nothing)
    np.testing.assert_array_equal(gradient, np.zeros((2, 3)))


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.int64])
def test_labels_may_be_any_integers(kind):
    scores = draw(0, (4, 3), np.float32)
    loss = ops.cross_entropy(scores, np.array([0, 1, 2, 2], kind))
    assert loss.dtype == np.float32
    assert loss == ops.cross_entropy(scores, np.array([0, 1, 2, 2]))


# --- batch normalisation --------------------------------------------------------------------


@st.composite
def batch_cases(draw_from):
    spatial = draw_from(st.sampled_from([0, 1, 2]))
    shape = (
        draw_from(counts),
        draw_from(sizes),
        *(draw_from(st.integers(1, 4)) for _ in range(spatial)),
    )
    return {
        "shape": shape,
        "affine": draw_from(st.sampled_from(["both", "weight", "bias", "none"])),
        "training": draw_from(st.booleans()),
        "tracked": draw_from(st.booleans()),
        "momentum": draw_from(st.sampled_from([0.0, 0.1, 1.0])),
        "eps": draw_from(st.sampled_from([1e-5, 1e-3, 0.5])),
    }


def batch_arrays(seed, dtype, shape, affine, training, tracked, **_):
    c = shape[1]
    rng = np.random.default_rng(seed)
    x = draw(seed, shape, dtype) * dtype(2) + dtype(1)
    mean = rng.normal(size=c).astype(dtype) if tracked or not training else None
    var = rng.uniform(0.5, 2, c).astype(dtype) if mean is not None else None
    weight = rng.normal(size=c).astype(dtype) if affine in ("both", "weight") else None
    bias = rng.normal(size=c).astype(dtype) if affine in ("both", "bias") else None
    return x, mean, var, weight, bias


def values_per_channel(shape):
    return shape[0] * math.prod(shape[2:])


@many
@given(seeds, dtypes, batch_cases())
def test_batch_norm_agrees_with_torch(seed, dtype, case):
    if case["training"] and values_per_channel(case["shape"]) < 3:
        # two values have the normalised values +1 and -1, and gradients that cancel: see below
        case["shape"] = (3, *case["shape"][1:])
    x, mean, var, weight, bias = batch_arrays(seed, dtype, **case)
    settings = {name: case[name] for name in ("training", "momentum", "eps")}
    buffers = to_torch(mean), to_torch(var)

    def theirs(x, weight, bias, buffers=buffers):
        return F.batch_norm(x, *buffers, weight, bias, **settings)

    inputs = [awkward(a) for a in (x, mean, var, weight, bias)]
    ours = ops.batch_norm(*inputs, **settings)
    expected = theirs(*map(to_torch, (x, weight, bias)))
    if case["training"]:
        assert_all_close(ours, (expected, *buffers))
    else:
        assert_close(ours, expected)
    grad = draw(seed + 1, x.shape, dtype)
    ours = ops.batch_norm_backward(awkward(grad), *inputs, **settings)
    fresh = to_torch(mean), to_torch(var)
    assert_all_close(ours, torch_gradients(partial(theirs, buffers=fresh), (x, weight, bias), grad))


@pytest.mark.parametrize("shape", [(0, 3), (0, 2, 4), (0, 3, 2, 2), (2, 3, 0, 2)])
@pytest.mark.parametrize("training", [False, True])
def test_batch_norm_of_nothing(shape, training):
    x, c = np.zeros(shape), shape[1]
    buffers = draw(0, c), np.ones(c)
    answer = as_tuple(ops.batch_norm(x, *buffers, training=training))
    assert answer[0].shape == shape
    if training:  # as in torch, nothing was learned
        np.testing.assert_array_equal(answer[1], buffers[0])
        np.testing.assert_array_equal(answer[2], buffers[1])
    gradients = ops.batch_norm_backward(x, x, *buffers, np.ones(c), np.ones(c), training=training)
    assert gradients[0].shape == shape
    np.testing.assert_array_equal(gradients[1], np.zeros(c))
    np.testing.assert_array_equal(gradients[2], np.zeros(c))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("shape", [(5, 2), (2, 2, 3), (2, 3, 2, 2), (2, 1, 1, 1)])
def test_batch_norm_by_finite_differences(training, shape):
    case = {"affine": "both", "training": training, "tracked": True}
    x, mean, var, weight, bias = batch_arrays(3, np.float64, shape, **case)

    def forward(x, weight, bias):
        answer = ops.batch_norm(x, mean, var, weight, bias, training, eps=0.1)
        return answer[0] if training else answer

    def backward(grad, x, weight, bias):
        return ops.batch_norm_backward(grad, x, mean, var, weight, bias, training, eps=0.1)

    assert_numerical(forward, backward, [x, weight, bias], draw(4, shape))


@many
@given(seeds, st.integers(2, 4), sizes, sizes, sizes)
def test_batch_norm_is_its_definition(seed, n, c, h, w):
    x, weight, bias = draw(seed, (n, c, h, w)), draw(seed + 1, c), draw(seed + 2, c)
    y, mean, var = ops.batch_norm(x, None, None, weight, bias, training=True)
    direct = reference.batch_norm_loops(x, weight, bias)
    np.testing.assert_allclose(y, direct, atol=1e-11)
    assert mean is None
    assert var is None


def test_batch_norm_by_hand():
    x = np.array([[1.0, 10.0], [3.0, 30.0]])  # means 2 and 20, mean squares 1 and 100
    y, mean, var = ops.batch_norm(x, np.zeros(2), np.ones(2), training=True, eps=0.0)
    np.testing.assert_allclose(y, [[-1, -1], [1, 1]])
    np.testing.assert_allclose(mean, [0.2, 2])
    np.testing.assert_allclose(var, [0.9 + 0.2, 0.9 + 20])  # variances 2 and 200, over n - 1
    scale, shift = np.array([2.0, 3.0]), np.array([5.0, 7.0])
    y = ops.batch_norm(x, np.ones(2), np.array([4.0, 9.0]), scale, shift, eps=0.0)
    np.testing.assert_allclose(y, [[5, 16], [7, 36]])


def test_batch_norm_forgets_the_scale_and_the_offset_of_its_input():
    x = draw(0, (6, 3, 4, 4))
    plain = ops.batch_norm(x, None, None, training=True, eps=0.0)[0]
    moved = ops.batch_norm(100 * x - 7, None, None, training=True, eps=0.0)[0]
    np.testing.assert_allclose(plain, moved, atol=1e-12)
    np.testing.assert_allclose(plain.mean(axis=(0, 2, 3)), 0, atol=1e-14)
    np.testing.assert_allclose(plain.var(axis=(0, 2, 3)), 1, atol=1e-14)


def test_batch_norm_in_single_precision_far_from_zero():
    x = draw(0, (64, 2, 16, 16)) + 1000
    ours = ops.batch_norm(x.astype(np.float32), None, None, training=True)[0]
    exact = ops.batch_norm(x.astype(np.float32).astype(float), None, None, training=True)[0]
    np.testing.assert_allclose(ours, exact, atol=1e-5)


# --- local response normalisation -----------------------------------------------------------


@many
@given(
    seeds,
    dtypes,
    st.tuples(counts, st.integers(1, 8), st.integers(0, 3), sizes),
    st.integers(1, 10),
    st.sampled_from([1e-4, 0.5, 2.0]),
    st.sampled_from([0.5, 0.75, 1.0, 2.0]),
    st.sampled_from([1.0, 2.0, 0.5]),
)
def test_local_response_norm_agrees_with_torch(seed, dtype, shape, size, alpha, beta, k):
    settings = {"size": size, "alpha": alpha, "beta": beta, "k": k}
    x, grad = draw(seed, shape, dtype), draw(seed + 1, shape, dtype)
    checked_against_torch("local_response_norm", [x], grad, **settings)


@many
@given(seeds, sizes, st.integers(1, 8), st.integers(1, 12))
def test_local_response_norm_is_its_definition(seed, n, c, size):
    x = draw(seed, (n, c, 2, 3))
    direct = reference.local_response_norm_loops(x, size, alpha=0.5)
    np.testing.assert_allclose(ops.local_response_norm(x, size, alpha=0.5), direct, atol=1e-13)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 9])
def test_local_response_norm_by_finite_differences(size):
    settings = {"size": size, "alpha": 0.7, "beta": 0.75, "k": 1.5}
    assert_numerical(
        partial(ops.local_response_norm, **settings),
        partial(ops.local_response_norm_backward, **settings),
        [draw(0, (2, 5, 2, 1))],
        draw(1, (2, 5, 2, 1)),
    )


def test_local_response_norm_by_hand():
    x = np.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 4, 1, 1)
    settings = {"alpha": 2.0, "beta": 1.0, "k": 0.0}
    even = ops.local_response_norm(x, 2, **settings).ravel()  # channels c - 1 and c
    np.testing.assert_allclose(even, [1 / 1, 2 / 5, 3 / 13, 4 / 25])
    odd = ops.local_response_norm(x, 3, **settings).ravel()  # channels c - 1, c and c + 1
    np.testing.assert_allclose(odd, 1.5 * np.array([1 / 5, 2 / 14, 3 / 29, 4 / 25]))


def test_alexnet_s_settings_are_five_times_torch_s_alpha():
    x = draw(0, (1, 96, 2, 2)) * 20
    squares = np.stack([(x[:, max(0, c - 2) : c + 3] ** 2).sum(axis=1) for c in range(96)], axis=1)
    paper = x / (2 + 1e-4 * squares) ** 0.75
    ours = ops.local_response_norm(x, 5, alpha=5e-4, beta=0.75, k=2.0)
    np.testing.assert_allclose(ours, paper, rtol=1e-12)


# --- promises that all of them keep ---------------------------------------------------------


def calls(dtype=np.float64):
    """Every function once: name, arrays, settings."""
    x, c = draw(0, (4, 3, 2, 2), dtype), draw(1, 3, dtype)
    labels = np.random.default_rng(0).integers(0, 3, (4, 2, 2))
    mask = draw(2, x.shape) > 0
    buffers = (c, np.abs(c) + dtype(0.5))
    return [
        *[(name, (x,), {}) for name in POINTWISE],
        *[(name, (x,), {"dim": 1}) for name in SOFT],
        ("dropout", (x,), {"mask": mask}),
        ("dropout", (x,), {"training": False}),
        ("cross_entropy", (x, labels, np.abs(c)), {"reduction": "none"}),
        ("cross_entropy", (x, ops.softmax(x, 1)), {"reduction": "none"}),
        ("batch_norm", (x, *buffers, c, c), {"training": True}),
        ("batch_norm", (x, *buffers, c, c), {"training": False}),
        ("batch_norm", (x, *buffers), {"momentum": 0.0, "training": True}),
        ("local_response_norm", (x,), {"size": 3}),
    ]


@pytest.mark.parametrize("which", range(len(calls())))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inputs_unchanged_and_answers_new_in_the_input_s_dtype(which, dtype):
    name, arrays, settings = calls(dtype)[which]
    answer = assert_unchanged(getattr(ops, name), *arrays, **settings)
    grad = draw(5, as_tuple(answer)[0].shape, dtype)
    gradients = assert_unchanged(backward_of(name), grad, *arrays, **settings)
    for array in (*as_tuple(answer), *as_tuple(gradients)):
        assert array is None or array.dtype == dtype


@pytest.mark.parametrize("which", range(len(calls())))
def test_a_gradient_that_does_not_fit_is_refused(which):
    name, arrays, settings = calls()[which]
    grad = np.asarray(as_tuple(getattr(ops, name)(*arrays, **settings))[0])
    for wrong, message in (
        (grad[:1], r"shape \(1, .*\(4, "),
        (grad.astype(np.float32), "dtype float32; expected float64"),
        (grad.tolist(), "list; expected a NumPy array"),
    ):
        with pytest.raises(ValueError, match=message):
            backward_of(name)(wrong, *arrays, **settings)


@pytest.mark.parametrize("which", range(len(calls())))
@pytest.mark.parametrize("kind", [np.int64, bool, np.float16, np.complex128])
def test_other_dtypes_are_refused(which, kind):
    name, arrays, settings = calls()[which]
    with pytest.raises(ValueError, match="all float32 or all float64"):
        getattr(ops, name)(arrays[0].astype(kind), *arrays[1:], **settings)
    with pytest.raises(ValueError, match="list; expected a NumPy array"):
        getattr(ops, name)(arrays[0].tolist(), *arrays[1:], **settings)


@pytest.mark.parametrize("which", range(len(calls())))
def test_mixed_dtypes_are_refused(which):
    name, arrays, settings = calls()[which]
    floats = [i for i, a in enumerate(arrays) if np.issubdtype(a.dtype, np.floating)]
    for i in floats[1:]:
        mixed = [*arrays[:i], arrays[i].astype(np.float32), *arrays[i + 1 :]]
        with pytest.raises(ValueError, match=r"float64.*float32"):
            getattr(ops, name)(*mixed, **settings)


X, C = np.ones((2, 3, 4, 5)), np.ones(3)
SCORES, LABELS = np.ones((2, 3)), np.array([0, 2])
MASK = np.ones((2, 3), bool)
REFUSED = [
    ("softmax", (X, 4), {}, r"dim is 4.*\(2, 3, 4, 5\) has 4 axes"),
    ("softmax", (X, -5), {}, r"dim is -5.*4 axes"),
    ("softmax", (X, 1.0), {}, "dim is 1.0; expected an integer"),
    ("log_softmax", (np.ones(()), 0), {}, r"shape \(\) has 0 axes"),
    ("dropout", (SCORES, 1.5), {"mask": MASK}, "p is 1.5; expected a number from 0 to 1"),
    ("dropout", (SCORES, -0.1), {"training": False}, "p is -0.1"),
    ("dropout", (SCORES, float("nan")), {"mask": MASK}, "p is nan"),
    ("dropout", (SCORES, "half"), {"mask": MASK}, "p is 'half'"),
    ("dropout", (SCORES,), {}, "mask or a generator; got neither"),
    ("dropout", (SCORES,), {"mask": MASK, "generator": np.random.default_rng(0)}, "got both"),
    ("dropout", (SCORES,), {"mask": MASK[:1]}, r"shape \(1, 3\); .*shape \(2, 3\)"),
    ("dropout", (SCORES,), {"mask": MASK.astype(float)}, "float64 .*expected booleans"),
    ("dropout", (SCORES,), {"mask": [True]}, "list; expected booleans"),
    ("dropout", (SCORES, 1), {"mask": MASK}, "keeps 6 entries, but p = 1"),
    ("cross_entropy", (np.ones(()), np.array(0)), {}, r"shape \(\); expected \(N, C\)"),
    ("cross_entropy", (np.ones((2, 0)), LABELS), {}, r"\(2, 0\).*at least one class"),
    ("cross_entropy", (SCORES, np.array([0, 3])), {}, "label 3; expected 0 to 2"),
    ("cross_entropy", (SCORES, np.array([-1, 0])), {}, r"label -1.*\(2, 3\) have 3 classes"),
    ("cross_entropy", (SCORES, LABELS[:1]), {}, r"shape \(1,\); expected \(2,\).*\(2, 3\)"),
    ("cross_entropy", (X, np.zeros((2, 4), int)), {}, r"\(2, 4\); expected \(2, 4, 5\)"),
    ("cross_entropy", (SCORES, LABELS.astype(float)), {}, r"\(2,\); expected the input's \(2, 3\)"),
    ("cross_entropy", (SCORES, LABELS > 0), {}, "target is bool; expected an array of integers"),
    ("cross_entropy", (SCORES, [0, 2]), {}, "target is list"),
    ("cross_entropy", (SCORES, LABELS, np.ones(2)), {}, r"\(2,\); expected \(3,\).*\(2, 3\)"),
    ("cross_entropy", (SCORES, LABELS), {"reduction": "max"}, "'max'; expected one of mean, sum"),
    ("cross_entropy", (SCORES, LABELS), {"label_smoothing": 1.1}, "label_smoothing is 1.1"),
    ("cross_entropy", (SCORES, SCORES), {"ignore_index": 1}, "no meaning"),
    ("cross_entropy", (SCORES, LABELS), {"ignore_index": 0.5}, "ignore_index is 0.5"),
    ("batch_norm", (np.ones(3), C, C), {}, r"shape \(3,\); expected \(N, C\)"),
    ("batch_norm", (np.ones((1, 3, 1, 1, 2)), C, C), {}, r"\(1, 3, 1, 1, 2\); expected"),
    ("batch_norm", (X, np.ones(2), C), {}, r"running_mean has shape \(2,\); expected \(3,\)"),
    ("batch_norm", (X, C, np.ones((3, 1))), {}, r"running_var has shape \(3, 1\)"),
    ("batch_norm", (X, C, C, np.ones(4)), {}, r"weight has shape \(4,\)"),
    ("batch_norm", (X, C, C, None, np.ones(4)), {}, r"bias has shape \(4,\).*\(2, 3, 4, 5\)"),
    ("batch_norm", (X, None, None), {}, "running_mean None and running_var None"),
    ("batch_norm", (X, C, None), {"training": True}, "running_mean given and running_var None"),
    ("batch_norm", (X[:1, :, :1, :1], C, C), {"training": True}, r"more than one.*\(1, 3, 1, 1\)"),
    ("batch_norm", (X, C, C), {"eps": -1e-5}, "eps is -1e-05; expected a number of at least 0"),
    ("batch_norm", (X, C, C), {"momentum": 2}, "momentum is 2"),
    ("local_response_norm", (np.ones((2, 3)), 3), {}, r"shape \(2, 3\); expected 4 axes"),
    ("local_response_norm", (X, 0), {}, "size is 0; expected an integer of at least 1"),
    ("local_response_norm", (X, 2.5), {}, "size is 2.5"),
    ("local_response_norm", (X, 3), {"alpha": "much"}, "alpha is 'much'"),
]


@pytest.mark.parametrize(("name", "arguments", "settings", "message"), REFUSED)
def test_bad_input_is_named(name, arguments, settings, message):
    with pytest.raises(ValueError, match=message):
        getattr(ops, name)(*arguments, **settings)
    with pytest.raises(ValueError, match=message):
        backward_of(name)(np.ones_like(arguments[0]), *arguments, **settings)


def test_a_plain_number_is_a_gradient_only_of_a_number():
    assert ops.cross_entropy_backward(1, SCORES, LABELS).shape == (2, 3)
    assert ops.cross_entropy_backward(np.float64(1), SCORES, LABELS).shape == (2, 3)
    with pytest.raises(ValueError, match=r"shape \(\).*\(2,\)"):
        ops.cross_entropy_backward(1.0, SCORES, LABELS, reduction="none")
    with pytest.raises(ValueError, match="dtype float32"):
        ops.cross_entropy_backward(np.float32(1), SCORES, LABELS)


def test_nothing_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        huge = np.array([[-1e300, 1e300, 0.0]])
        for name in POINTWISE:
            getattr(ops, name)(huge)
        for name in SOFT:
            getattr(ops, name)(huge, 1)
        ops.cross_entropy(np.zeros((0, 3)), np.zeros(0, int))
    assert TOLERANCE[np.dtype(np.float64)] < 1e-10  # what "agrees" means above
