"""Figures to move with your hands, alive in the plain page. See README.md in this folder."""

from course_utils.explore.image_kernels import ImageKernels
from course_utils.explore.pooling import Pooling
from course_utils.explore.sliding_window import SlidingWindow
from course_utils.explore.softmax_loss import SoftmaxLoss

__all__ = ["ImageKernels", "Pooling", "SlidingWindow", "SoftmaxLoss"]
