"""Convolution and correlation of one and two dimensions, evaluated directly.

:func:`convolution_sum` is the definition, term by term. The other functions compute the same
numbers with a sliding window: every answer is the inner product of the filter, turned over for a
convolution, with one window of the zero-padded signal.

Modes, for a signal of length N and a filter of length K (in two dimensions, for each axis):

* ``full``: every position where the two overlap, N + K - 1 answers;
* ``same``: the N answers in the middle of ``full``, from position (K - 1) // 2 on. This is what
  `scipy.signal` returns. `numpy.convolve` differs for K > N: it returns max(N, K) answers;
* ``valid``: the positions where one covers the other wholly, abs(N - K) + 1 answers. In two
  dimensions the same array must be the larger one on both axes.

Arrays are float32, float64, complex64 or complex128, and the answer has the type to which NumPy
promotes the two. Integers and booleans are read as float64: the products of uint8 pixels would
wrap round at 256, and sums of integers are exact in float64 up to 2**53.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

MODES = ("full", "same", "valid")


def convolution_sum(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Full convolution of any dimension, straight from the definition.

    ``y[t] = sum over a of x[t - a] w[a]``: each filter value w[a] adds a copy of x that is scaled
    by it and moved by a. In two dimensions t and a are pairs of indices.

    Parameters
    ----------
    x, w
        Arrays of equal rank, of shapes ``(N, ...)`` and ``(K, ...)``.

    Returns
    -------
    np.ndarray
        ``(N + K - 1, ...)``.

    Raises
    ------
    ValueError
        If the ranks differ, an array is empty or its dtype is not a number.

    Taught in chapter 5.
    """
    x, w = checked_pair(x, w, rank=np.ndim(x))
    y = np.zeros(full_shape(x.shape, w.shape), np.result_type(x, w))
    for a in np.ndindex(w.shape):
        moved = tuple(slice(start, start + n) for start, n in zip(a, x.shape, strict=True))
        y[moved] += x * w[a]
    return y


def convolve1d(x: np.ndarray, w: np.ndarray, mode: str = "full") -> np.ndarray:
    """Convolution of two vectors: ``y[t] = sum over a of x[t - a] w[a]``.

    Equal to `scipy.signal.convolve`, and to `numpy.convolve` but for ``same`` with K > N.

    Parameters
    ----------
    x
        Signal ``(N,)``.
    w
        Filter ``(K,)``.
    mode
        ``"full"``, ``"same"`` or ``"valid"``; see the module.

    Raises
    ------
    ValueError
        If x or w is empty, is not a vector or is not numeric, or the mode is unknown.

    Taught in chapter 5.
    """
    return _convolve(*checked_pair(x, w, rank=1), mode)


def correlate1d(x: np.ndarray, w: np.ndarray, mode: str = "full") -> np.ndarray:
    """Cross-correlation of two vectors: ``y[t] = sum over a of x[t + a] conj(w[a])``.

    The first answer of ``full`` belongs to the lag t = -(K - 1). Equal to
    `scipy.signal.correlate`: the filter is conjugated and not turned over.

    Parameters
    ----------
    x
        Signal ``(N,)``.
    w
        Filter ``(K,)``.
    mode
        ``"full"``, ``"same"`` or ``"valid"``; see the module.

    Raises
    ------
    ValueError
        If x or w is empty, is not a vector or is not numeric, or the mode is unknown.

    Taught in chapter 5.
    """
    return _correlate(*checked_pair(x, w, rank=1), mode)


def convolve2d(x: np.ndarray, w: np.ndarray, mode: str = "full") -> np.ndarray:
    """Convolution of two images: ``y[i, j] = sum over m, n of x[i - m, j - n] w[m, n]``.

    Parameters
    ----------
    x
        Image ``(H, W)``.
    w
        Filter ``(K, L)``.
    mode
        ``"full"``, ``"same"`` or ``"valid"``; see the module.

    Raises
    ------
    ValueError
        If x or w is empty, is not a matrix or is not numeric; if the mode is unknown; or if with
        ``valid`` neither covers the other.

    Taught in chapters 5 and 6.
    """
    return _convolve(*checked_pair(x, w, rank=2), mode)


def correlate2d(x: np.ndarray, w: np.ndarray, mode: str = "full") -> np.ndarray:
    """Cross-correlation: ``y[i, j] = sum over m, n of x[i + m, j + n] conj(w[m, n])``.

    The first answer of ``full`` belongs to the lags (-(K - 1), -(L - 1)). With ``valid`` and real
    arrays it is what a convolutional layer computes, which is called convolution there.

    Parameters
    ----------
    x
        Image ``(H, W)``.
    w
        Filter ``(K, L)``.
    mode
        ``"full"``, ``"same"`` or ``"valid"``; see the module.

    Raises
    ------
    ValueError
        If x or w is empty, is not a matrix or is not numeric; if the mode is unknown; or if with
        ``valid`` neither covers the other.

    Taught in chapters 5 and 6.
    """
    return _correlate(*checked_pair(x, w, rank=2), mode)


def _correlate(x: np.ndarray, w: np.ndarray, mode: str) -> np.ndarray:
    return _convolve(x, np.flip(w).conj(), mode)


def _convolve(x: np.ndarray, w: np.ndarray, mode: str) -> np.ndarray:
    kept = mode_slices(x.shape, w.shape, mode)
    padded = np.pad(x, [(k - 1, k - 1) for k in w.shape])
    # Answer t of `full` sees the window of padded values t, ..., t + K - 1.
    needed = tuple(slice(cut.start, cut.stop + k - 1) for cut, k in zip(kept, w.shape, strict=True))
    windows = sliding_window_view(padded[needed], w.shape)  # a view: no copy of the windows
    subscripts = "ta,a->t" if x.ndim == 1 else "ijmn,mn->ij"
    return np.einsum(subscripts, windows, np.flip(w))


def mode_slices(x_shape: tuple[int, ...], w_shape: tuple[int, ...], mode: str) -> tuple[slice, ...]:
    """Return the part of the full convolution, one slice an axis, that a mode keeps.

    Raises
    ------
    ValueError
        If the mode is unknown, or is ``valid`` and neither shape covers the other.
    """
    if mode not in MODES:
        raise ValueError(f"mode is {mode!r}; expected one of {', '.join(MODES)}")
    pairs = list(zip(x_shape, w_shape, strict=True))
    if mode == "full":
        return tuple(slice(0, n + k - 1) for n, k in pairs)
    if mode == "same":
        return tuple(slice((k - 1) // 2, (k - 1) // 2 + n) for n, k in pairs)
    if not (all(n >= k for n, k in pairs) or all(n <= k for n, k in pairs)):
        raise ValueError(
            f"mode 'valid' needs one array to cover the other; got shapes {x_shape} and {w_shape}"
        )
    return tuple(slice(min(n, k) - 1, max(n, k)) for n, k in pairs)


def full_shape(x_shape: tuple[int, ...], w_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape N + K - 1, axis by axis, of a full convolution."""
    return tuple(n + k - 1 for n, k in zip(x_shape, w_shape, strict=True))


def checked_pair(x: np.ndarray, w: np.ndarray, *, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """Return signal and filter as float or complex arrays of the rank that is expected.

    Raises
    ------
    ValueError
        If one has another rank, is empty or is not numeric.
    """
    return _checked(x, "signal", rank), _checked(w, "filter", rank)


def _checked(array: np.ndarray, name: str, rank: int) -> np.ndarray:
    array = np.asarray(array)
    if array.ndim != rank or rank == 0:
        raise ValueError(f"expected a {name} of rank {max(rank, 1)}; got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"the {name} is empty: shape {array.shape}")
    if array.dtype.kind in "biu":
        return array.astype(np.float64)
    if array.dtype.type not in (np.float32, np.float64, np.complex64, np.complex128):
        raise ValueError(
            f"the {name} has dtype {array.dtype}; expected float32, float64, complex64, "
            "complex128, integers or booleans"
        )
    return array
