"""The operations of the course from scratch, on NumPy arrays and nothing else."""

from course_utils.ops.activations import (
    dropout,
    dropout_backward,
    log_softmax,
    log_softmax_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    softmax,
    softmax_backward,
    tanh,
    tanh_backward,
)
from course_utils.ops.convolution import (
    convolution_sum,
    convolve1d,
    convolve2d,
    correlate1d,
    correlate2d,
)
from course_utils.ops.convolutional import conv1d, conv1d_backward, conv2d, conv2d_backward
from course_utils.ops.dense import linear, linear_backward
from course_utils.ops.fourier import fft_convolve2d, next_fast_length
from course_utils.ops.losses import cross_entropy, cross_entropy_backward
from course_utils.ops.normalisation import (
    batch_norm,
    batch_norm_backward,
    local_response_norm,
    local_response_norm_backward,
)
from course_utils.ops.pooling import (
    adaptive_avg_pool2d,
    adaptive_avg_pool2d_backward,
    avg_pool2d,
    avg_pool2d_backward,
    lp_pool2d,
    lp_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
)
from course_utils.ops.transposed import conv_transpose2d, conv_transpose2d_backward

__all__ = [
    "adaptive_avg_pool2d",
    "adaptive_avg_pool2d_backward",
    "avg_pool2d",
    "avg_pool2d_backward",
    "batch_norm",
    "batch_norm_backward",
    "conv1d",
    "conv1d_backward",
    "conv2d",
    "conv2d_backward",
    "conv_transpose2d",
    "conv_transpose2d_backward",
    "convolution_sum",
    "convolve1d",
    "convolve2d",
    "correlate1d",
    "correlate2d",
    "cross_entropy",
    "cross_entropy_backward",
    "dropout",
    "dropout_backward",
    "fft_convolve2d",
    "linear",
    "linear_backward",
    "local_response_norm",
    "local_response_norm_backward",
    "log_softmax",
    "log_softmax_backward",
    "lp_pool2d",
    "lp_pool2d_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "next_fast_length",
    "relu",
    "relu_backward",
    "sigmoid",
    "sigmoid_backward",
    "softmax",
    "softmax_backward",
    "tanh",
    "tanh_backward",
]
