"""What a network costs and what it sees: parameters, memory, multiply-adds, receptive fields.

Taught in chapters 12, 14 and 17. Counting runs on PyTorch's meta device, where tensors have shapes
but no contents: a VGG-19 costs neither memory nor time. The model itself is never touched.
"""

from course_utils.accounting.fields import ReceptiveField
from course_utils.accounting.measured import MeasuredReceptiveField, measured_receptive_field
from course_utils.accounting.summary import LayerRow, Summary, receptive_field, summarize

__all__ = [
    "LayerRow",
    "MeasuredReceptiveField",
    "ReceptiveField",
    "Summary",
    "measured_receptive_field",
    "receptive_field",
    "summarize",
]
