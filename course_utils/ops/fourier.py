"""Convolution through the discrete Fourier transform."""

from __future__ import annotations

import numpy as np

from course_utils.ops.convolution import checked_pair, full_shape, mode_slices


def fft_convolve2d(x: np.ndarray, w: np.ndarray, mode: str = "full") -> np.ndarray:
    """Convolution of two images as a product of their spectra.

    Both are padded with zeros to at least (H + K - 1, W + L - 1), so that nothing wraps round, and
    further to lengths without large prime factors, which the FFT likes. Equal to
    :func:`course_utils.ops.convolve2d` up to rounding: the error is relative to the *largest*
    answers, so small answers beside large ones lose digits.

    Parameters
    ----------
    x
        Image ``(H, W)``.
    w
        Filter ``(K, L)``.
    mode
        ``"full"``, ``"same"`` or ``"valid"``, as in :func:`course_utils.ops.convolve2d`.

    Returns
    -------
    np.ndarray
        Real for real arrays. Computed in single precision when both are of single precision.

    Raises
    ------
    ValueError
        As :func:`course_utils.ops.convolve2d`.

    The algorithm is that of Stockham (1966), «High-speed convolution and correlation».
    Taught in chapter 5.
    """
    x, w = checked_pair(x, w, rank=2)
    kept = mode_slices(x.shape, w.shape, mode)
    dtype = np.result_type(x, w)
    x, w = x.astype(dtype, copy=False), w.astype(dtype, copy=False)
    size = [next_fast_length(n) for n in full_shape(x.shape, w.shape)]
    return _through_spectra(x, w, size)[kept].astype(dtype)


def _through_spectra(x: np.ndarray, w: np.ndarray, size: list[int]) -> np.ndarray:
    if x.dtype.kind == "c":
        return np.fft.ifft2(np.fft.fft2(x, size) * np.fft.fft2(w, size), size)
    # Half the spectrum of a real array says it all.
    return np.fft.irfft2(np.fft.rfft2(x, size) * np.fft.rfft2(w, size), size)


def next_fast_length(n: int) -> int:
    """Return the smallest length from n on whose prime factors are only 2, 3 and 5.

    Raises
    ------
    ValueError
        If n is less than 1.

    Taught in chapter 5.
    """
    if n < 1:
        raise ValueError(f"a length is at least 1; got {n}")
    while not _has_small_factors(n):
        n += 1
    return n


def _has_small_factors(n: int) -> bool:
    for factor in (2, 3, 5):
        while n % factor == 0:
            n //= factor
    return n == 1
