"""Figures to move with your hands, alive in the plain page. See README.md in this folder."""

from course_utils.explore.backpropagation import Backpropagation
from course_utils.explore.cortex_experiment import CortexExperiment
from course_utils.explore.cost_calculator import CostCalculator
from course_utils.explore.draw_digit import DrawDigit
from course_utils.explore.image_kernels import ImageKernels
from course_utils.explore.neocognitron_planes import NeocognitronPlanes
from course_utils.explore.pooling import Pooling
from course_utils.explore.receptive_field import ReceptiveFields
from course_utils.explore.residual_depth import ResidualDepth
from course_utils.explore.sliding_window import SlidingWindow
from course_utils.explore.softmax_loss import SoftmaxLoss
from course_utils.explore.train_in_page import TrainInPage

__all__ = [
    "Backpropagation",
    "CortexExperiment",
    "CostCalculator",
    "DrawDigit",
    "ImageKernels",
    "NeocognitronPlanes",
    "Pooling",
    "ReceptiveFields",
    "ResidualDepth",
    "SlidingWindow",
    "SoftmaxLoss",
    "TrainInPage",
]
