"""The printed figures and statements of five lectures, recomputed: one small function a claim.

`python -m course_utils.claims` prints what each function found and fails if a verdict in
`data/lecture_claims.csv` no longer follows; `--write` writes that table, and the appendix page.
"""

# Importing a module registers its claims.
from course_utils.claims import (  # noqa: F401
    alexnet,
    challenge,
    comparison,
    inception,
    kernels,
    layer_rules,
    learning,
    pooling,
    residual,
    scanning,
    vgg,
    visual_cortex,
    worked_examples,
)
from course_utils.claims.core import CLAIMS, VERDICTS, Claim, Finding, Row
from course_utils.claims.table import Checked, check_all, problems, read_table, write_table

__all__ = [
    "CLAIMS",
    "VERDICTS",
    "Checked",
    "Claim",
    "Finding",
    "Row",
    "check_all",
    "problems",
    "read_table",
    "write_table",
]
