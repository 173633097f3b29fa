"""Convolution and correlation against NumPy, SciPy, and their own algebra."""

import ast
from pathlib import Path

import numpy as np
import pytest
import scipy.fft
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

import course_utils.ops
from course_utils import ops
from ops_checks import draw, seeds

TYPES = (np.float32, np.float64, np.complex64, np.complex128)
MODES = ("full", "same", "valid")
TOLERANCE = {np.float32: 3e-5, np.float64: 1e-12, np.complex64: 3e-5, np.complex128: 1e-12}
types = st.sampled_from(TYPES)
modes = st.sampled_from(MODES)
#: What `ops` may import besides itself: NumPy, and what says nothing about arrays.
PLAIN = ("__future__", "collections", "dataclasses", "math", "numpy", "operator", "typing")
sizes = st.integers(1, 9)


def assert_same(ours, theirs, dtype):
    assert ours.dtype == dtype
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=30 * TOLERANCE[dtype])


def covers(first, second):
    return all(a >= b for a, b in zip(first, second, strict=True))


# --- one dimension --------------------------------------------------------------------------


@given(seeds, sizes, sizes, types, modes)
def test_1d_agrees_with_scipy(seed, n, k, dtype, mode):
    x, w = draw(seed, n, dtype), draw(seed + 1, k, dtype)
    for name in ("convolve", "correlate"):
        ours = getattr(ops, name + "1d")(x, w, mode)
        theirs = getattr(scipy.signal, name)(x, w, mode, method="direct")
        assert_same(ours, theirs, dtype)


@given(seeds, sizes, sizes, modes)
def test_1d_agrees_with_numpy_but_for_same_with_a_longer_filter(seed, n, k, mode):
    x, w = draw(seed, n, np.complex128), draw(seed + 1, k, np.complex128)
    ours, theirs = ops.convolve1d(x, w, mode), np.convolve(x, w, mode)
    if mode == "same" and k > n:
        assert ours.shape == (n,)
        assert theirs.shape == (k,)
    else:
        np.testing.assert_allclose(ours, theirs, atol=1e-12)
    if mode == "full":
        np.testing.assert_allclose(ops.correlate1d(x, w), np.correlate(x, w, mode), atol=1e-12)


def test_1d_by_hand():
    np.testing.assert_array_equal(ops.convolve1d([1, 2, 3], [1, 0, -1]), [1, 2, 2, -2, -3])
    np.testing.assert_array_equal(ops.correlate1d([1, 2, 3], [1, 0, -1]), [-1, -2, -2, 2, 3])
    np.testing.assert_array_equal(ops.correlate1d([1j], [1j]), [1])  # i times its conjugate


def test_same_starts_at_half_the_filter():
    impulse = np.eye(5)[2]
    np.testing.assert_array_equal(ops.convolve1d(impulse, [1, 2, 3], "same"), [0, 1, 2, 3, 0])
    np.testing.assert_array_equal(ops.convolve1d(impulse, [1, 2, 3, 4], "same"), [0, 1, 2, 3, 4])


# --- two dimensions -------------------------------------------------------------------------


@given(seeds, st.tuples(sizes, sizes), st.tuples(sizes, sizes), types, modes)
def test_2d_agrees_with_scipy(seed, shape, kernel, dtype, mode):
    x, w = draw(seed, shape, dtype), draw(seed + 1, kernel, dtype)
    if mode == "valid" and not (covers(shape, kernel) or covers(kernel, shape)):
        for function in (ops.convolve2d, ops.correlate2d, ops.fft_convolve2d):
            with pytest.raises(ValueError, match="cover"):
                function(x, w, mode)
        return
    expected = scipy.signal.convolve(x, w, mode, method="direct")
    assert_same(ops.convolve2d(x, w, mode), expected, dtype)
    assert_same(ops.fft_convolve2d(x, w, mode), expected, dtype)
    expected = scipy.signal.correlate(x, w, mode, method="direct")
    assert_same(ops.correlate2d(x, w, mode), expected, dtype)


def test_2d_agrees_with_an_independent_routine_at_image_size():
    x, w = draw(0, (61, 47), np.float64), draw(1, (12, 7), np.float64)
    for mode in MODES:
        expected = scipy.signal.convolve2d(x, w, mode)
        np.testing.assert_allclose(ops.convolve2d(x, w, mode), expected, atol=1e-12)
        np.testing.assert_allclose(ops.fft_convolve2d(x, w, mode), expected, atol=1e-12)


@given(seeds, st.integers(1, 2), st.data())
def test_the_definition_and_the_window_are_one(seed, rank, data):
    shape = data.draw(st.tuples(*[sizes] * rank))
    kernel = data.draw(st.tuples(*[sizes] * rank))
    x, w = draw(seed, shape, np.complex128), draw(seed + 1, kernel, np.complex128)
    fast = ops.convolve1d if rank == 1 else ops.convolve2d
    np.testing.assert_allclose(ops.convolution_sum(x, w), fast(x, w), atol=1e-12)


def test_convolution_sum_goes_on_to_three_dimensions():
    x, w = draw(0, (3, 4, 5), np.float64), draw(1, (2, 1, 3), np.float64)
    np.testing.assert_allclose(ops.convolution_sum(x, w), scipy.signal.convolve(x, w))


# --- algebra --------------------------------------------------------------------------------


@given(seeds, sizes, sizes, sizes)
def test_commutative_associative_and_linear(seed, n, k, j):
    x, w, v = (draw(seed + i, size, np.complex128) for i, size in enumerate((n, k, j)))
    conv = ops.convolve1d
    np.testing.assert_allclose(conv(x, w), conv(w, x), atol=1e-12)
    np.testing.assert_allclose(conv(conv(x, w), v), conv(x, conv(w, v)), atol=1e-11)
    np.testing.assert_allclose(conv(x, 2 * w), 2 * conv(x, w), atol=1e-12)


@given(seeds, sizes, sizes)
def test_correlation_turned_over_swaps_its_arguments(seed, n, k):
    x, w = draw(seed, n, np.complex128), draw(seed + 1, k, np.complex128)
    np.testing.assert_allclose(
        ops.correlate1d(x, w), ops.correlate1d(w, x)[::-1].conj(), atol=1e-12
    )


@given(seeds, sizes, sizes)
def test_the_convolution_theorem(seed, n, k):
    x, w = draw(seed, n, np.float64), draw(seed + 1, k, np.float64)
    size = n + k - 1
    product = np.fft.fft(x, size) * np.fft.fft(w, size)
    np.testing.assert_allclose(np.fft.fft(ops.convolve1d(x, w)), product, atol=1e-11)


@given(seeds, sizes, sizes)
def test_the_correlation_theorem(seed, n, k):
    x, w = draw(seed, n, np.complex128), draw(seed + 1, k, np.complex128)
    size = n + k - 1
    circular = np.fft.ifft(np.fft.fft(x, size) * np.fft.fft(w, size).conj())
    np.testing.assert_allclose(np.roll(circular, k - 1), ops.correlate1d(x, w), atol=1e-11)


# --- types, errors, promises ----------------------------------------------------------------

EVERY = [
    (ops.convolve1d, 1),
    (ops.correlate1d, 1),
    (ops.convolve2d, 2),
    (ops.correlate2d, 2),
    (ops.fft_convolve2d, 2),
]
every = pytest.mark.parametrize(("function", "rank"), EVERY)


@every
def test_integers_and_booleans_become_float64(function, rank):
    pixels = np.full((4,) * rank, 200, np.uint8)
    y = function(pixels, np.ones((2,) * rank, bool))
    assert y.dtype == np.float64
    assert y.max() == pytest.approx(200 * 2**rank)  # uint8 would have wrapped round at 256


@every
def test_mixed_types_promote_like_numpy(function, rank):
    x = np.ones((3,) * rank, np.float32)
    assert function(x, x.astype(np.float64)).dtype == np.float64
    assert function(x, x.astype(np.complex64)).dtype == np.complex64
    assert function(x, x.astype(int)).dtype == np.float64


@every
@pytest.mark.parametrize("mode", MODES)
def test_inputs_are_never_changed_and_the_answer_is_new(function, rank, mode):
    x, w = draw(0, (5,) * rank, np.float64), draw(1, (1,) * rank, np.float64)
    x.flags.writeable = w.flags.writeable = False
    before = x.copy(), w.copy()
    y = function(x, w, mode)
    y[...] = 0
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(w, before[1])


@every
def test_views_with_any_strides_are_welcome(function, rank):
    x = draw(0, (12,) * rank, np.float64)[(slice(None, None, -2),) * rank]
    w = draw(1, (4,) * rank, np.float64)[(slice(None, None, 2),) * rank]
    np.testing.assert_allclose(function(x, w), function(x.copy(), w.copy()), atol=1e-14)


@every
@pytest.mark.parametrize("wrong", ["rank", "scalar", "empty", "mode", "text", "half", "object"])
def test_bad_input_is_named(function, rank, wrong):
    good = np.ones((3,) * rank)
    x, mode, message = {
        "rank": (np.ones((2,) * (rank + 1)), "full", rf"rank {rank}; got shape \(2, 2"),
        "scalar": (3.0, "full", rf"rank {rank}; got shape \(\)"),
        "empty": (np.ones((0,) * rank), "full", "empty"),
        "mode": (good, "circular", "'circular'; expected one of full, same, valid"),
        "text": (np.full((2,) * rank, "a"), "full", "dtype <U1; expected float32"),
        "half": (good.astype(np.float16), "full", "dtype float16; expected float32"),
        "object": (good.astype(object), "full", "dtype object; expected float32"),
    }[wrong]
    with pytest.raises(ValueError, match=message):
        function(x, good, mode)
    if wrong != "mode":
        with pytest.raises(ValueError, match="filter.*" + message.split(";")[0]):
            function(good, x, mode)


def test_convolution_sum_refuses_mixed_ranks_and_scalars():
    with pytest.raises(ValueError, match="rank 2"):
        ops.convolution_sum(np.ones((2, 2)), np.ones(2))
    with pytest.raises(ValueError, match="rank 1"):
        ops.convolution_sum(1.0, 2.0)


def test_a_spike_of_infinity_stays_where_it_is():
    x = np.zeros(9)
    x[4] = np.inf
    y = ops.convolve1d(x, [1.0, 1.0], "full")
    assert np.isfinite(y[:4]).all()
    assert np.isinf(y[4:6]).all()
    assert np.isfinite(y[6:]).all()


# --- the FFT --------------------------------------------------------------------------------


@settings(max_examples=300)
@given(st.integers(1, 20_000))
def test_next_fast_length_agrees_with_scipy(n):
    assert ops.next_fast_length(n) == scipy.fft.next_fast_len(n, real=True)


@pytest.mark.parametrize("n", [0, -3])
def test_next_fast_length_refuses(n):
    with pytest.raises(ValueError, match="at least 1"):
        ops.next_fast_length(n)


def test_fft_stays_real_and_single():
    x = draw(0, (31, 17), np.float32)
    y = ops.fft_convolve2d(x, x)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, scipy.signal.convolve2d(x, x), atol=1e-3)


def test_ops_imports_only_numpy():
    folder = Path(course_utils.ops.__file__).parent
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module]
            for name in names:
                top = name.split(".")[0]
                assert top in PLAIN or name.startswith("course_utils.ops"), (
                    f"{path.name} imports {name}"
                )
