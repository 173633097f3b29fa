"""What the notebooks of *From Cortex to ConvNets* import.

The top level holds only what every chapter needs to size its experiments; everything else is a
module of its own (`course_utils.data`, `course_utils.training`, …).
"""

from course_utils.scales import at_scale, scale

__all__ = ["at_scale", "scale"]
