"""The operations of the course from scratch, on NumPy arrays and nothing else."""

from course_utils.ops.convolution import (
    convolution_sum,
    convolve1d,
    convolve2d,
    correlate1d,
    correlate2d,
)
from course_utils.ops.fourier import fft_convolve2d, next_fast_length

__all__ = [
    "convolution_sum",
    "convolve1d",
    "convolve2d",
    "correlate1d",
    "correlate2d",
    "fft_convolve2d",
    "next_fast_length",
]
