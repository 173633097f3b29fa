"""What the tests of `course_utils.ops` share: drawn arrays, finite differences, torch's answers."""

import numpy as np
import torch
from hypothesis import settings
from hypothesis import strategies as st

#: At least this many drawn settings for every function; the same ones in every run.
many = settings(max_examples=200, deadline=None, derandomize=True)

seeds = st.integers(0, 2**32 - 1)
dtypes = st.sampled_from([np.float64, np.float32])
TOLERANCE = {np.dtype(np.float64): 1e-11, np.dtype(np.float32): 1e-4}


def draw(seed, shape, dtype=np.float64):
    """Normal numbers, complex ones too: all different, so that a maximum has no ties."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=shape)
    if np.issubdtype(dtype, np.complexfloating):
        values = values + 1j * rng.normal(size=shape)
    return values.astype(dtype)


def awkward(array):
    """The same numbers in an array that is a view: every axis backwards, with gaps, read-only."""
    if array is None:
        return None
    room = np.full([2 * n for n in array.shape], np.nan, array.dtype)
    view = room[(*(slice(None, None, -2) for _ in array.shape), ...)]
    view[...] = array
    view.flags.writeable = False
    return view


def assert_close(ours, theirs, scale=1.0):
    """Equal shape and dtype, and close relative to the largest answer."""
    theirs = from_torch(theirs)
    assert isinstance(ours, np.ndarray)
    assert ours.shape == theirs.shape, f"{ours.shape} is not {theirs.shape}"
    assert ours.dtype == theirs.dtype
    size = max(scale, float(np.abs(theirs[np.isfinite(theirs)]).max(initial=0)))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE[ours.dtype] * size)


def assert_all_close(ours, theirs):
    """The same for sequences in which None answers None; a single array is a sequence of one."""
    ours, theirs = as_tuple(ours), as_tuple(theirs)
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert (mine is None) == (other is None)
        if mine is not None:
            assert_close(mine, other)


def as_tuple(answer):
    return answer if isinstance(answer, (tuple, list)) else (answer,)


def to_torch(array, grad=False):
    """A tensor with a copy of the numbers; None stays None."""
    return None if array is None else torch.tensor(np.array(array), requires_grad=grad)


def from_torch(tensor):
    if isinstance(tensor, torch.Tensor):
        return tensor.detach().numpy()
    return np.asarray(tensor)


def torch_gradients(function, arrays, grad_output, **settings):
    """Autograd's gradients of every array; None where the array is None."""
    tensors = [to_torch(array, grad=True) for array in arrays]
    answer = function(*tensors, **settings)
    answer.backward(to_torch(grad_output))
    return tuple(None if t is None else gradient_of(t) for t in tensors)


def gradient_of(tensor):
    return np.zeros(tensor.shape) if tensor.grad is None else tensor.grad.numpy()


def numerical_gradient(f, x, grad_output, step=1e-5):
    """Central differences of sum(f(x) * grad_output), one entry of x after the other."""
    gradient = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        moved = [x.copy(), x.copy()]
        moved[0][place] += step
        moved[1][place] -= step
        gradient[place] = np.sum((f(moved[0]) - f(moved[1])) * grad_output) / (2 * step)
    return gradient


def assert_numerical(f, backward, arrays, grad_output, tolerance=1e-6):
    """The backward's answers, one for each array, equal central differences of the forward.

    ``f(*arrays)`` is the forward and ``backward(grad_output, *arrays)`` its backward, with the
    settings already bound.
    """
    gradients = as_tuple(backward(grad_output, *arrays))
    for i, gradient in enumerate(gradients):
        if arrays[i] is None:
            assert gradient is None
            continue

        def of_one(x, i=i):
            return f(*arrays[:i], x, *arrays[i + 1 :])

        expected = numerical_gradient(of_one, arrays[i], grad_output)
        np.testing.assert_allclose(gradient, expected, atol=tolerance, rtol=tolerance)


def assert_unchanged(function, *arrays, **settings):
    """The call neither changes its arrays nor answers with their memory; returns its answer."""
    before = [None if a is None else np.array(a) for a in arrays]
    answer = function(*arrays, **settings)
    for array, kept in zip(arrays, before, strict=True):
        if array is None:
            continue
        np.testing.assert_array_equal(array, kept)
        for result in as_tuple(answer):
            assert result is None or not np.shares_memory(result, array)
    for result in as_tuple(answer):
        assert result is None or result.flags.writeable
    return answer
