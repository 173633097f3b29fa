"""The architectures of the course, one file each, as in their papers (PyTorch)."""

from course_utils.models.lenet5 import lenet5
from course_utils.models.lenet5_1998 import lenet5_1998
from course_utils.models.neocognitron import same_sized_cnn, supervised_neocognitron

__all__ = ["lenet5", "lenet5_1998", "same_sized_cnn", "supervised_neocognitron"]
