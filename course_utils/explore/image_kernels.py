"""Figure 2: a kernel slides over a photograph."""

from __future__ import annotations

import base64
import io
from typing import Any, ClassVar

import numpy as np

from course_utils import ops
from course_utils.data import photo
from course_utils.explore import svg
from course_utils.explore.figure import Figure, checked_choice, checked_integer, checked_table

SIDE = 128
RANGES = ("grey", "signed")
SOBEL = ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1))


class ImageKernels(Figure):
    """A kernel of 3 x 3 or 5 x 5 weights slides over a photograph.

    Parameters
    ----------
    kernel
        Table of 3 x 3 or 5 x 5 weights. It is laid on as it is: a correlation.
    range
        ``"grey"`` shows the answer from 0 to 255, clipped; ``"signed"`` shows -255 to 255, zero as
        a middle grey.
    row, column
        The pixel whose window is written out, from 0.

    Raises
    ------
    ValueError
        If the kernel or a setting is not as said above.

    Used in chapter 6. Its numbers are those of `ops.correlate2d` on the photograph `camera` of
    scikit-image, reduced to 128 x 128 grey levels and mirrored at its border.
    """

    module: ClassVar[str] = "image_kernels"
    title: ClassVar[str] = "A few weights, slid over a photograph. Change them."

    def __init__(
        self, kernel: Any = SOBEL, range: str = "signed", *, row: int = 44, column: int = 66
    ) -> None:
        table = checked_table("kernel", kernel, square=True, most=5)
        if len(table) not in (3, 5):
            raise ValueError(f"kernel must have 3 x 3 or 5 x 5 weights; its shape is {table.shape}")
        super().__init__(
            kernel=table,
            range=checked_choice("range", range, RANGES),
            row=checked_integer("row", row, 0, SIDE - 1),
            column=checked_integer("column", column, 0, SIDE - 1),
            photograph=base64.b64encode(photograph().tobytes()).decode(),
        )

    def description(self) -> str:
        """Return the still's alternative text."""
        kernel = self.state["kernel"]
        return (
            "A grey photograph of a man with a camera on a tripod, and beside it what a kernel of "
            f"{len(kernel)} by {len(kernel)} weights makes of it. The weights, row by row: "
            + "; ".join(", ".join(svg.number(w) for w in row) for row in kernel)
            + f". Their sum is {svg.number(kernel.sum())}."
        )

    def still(self) -> str:
        """Return the still picture."""
        kernel, wide = self.state["kernel"], 250
        answer = answers(photograph().astype(np.float64), kernel)
        seen = answer if self.state["range"] == "grey" else 127.5 + answer / 2
        step = 150 / len(kernel)
        parts = [svg.text(x, 12, words) for x, words in ((0, "Photograph"), (270, "Answer"))]
        parts.append(svg.text(550, 12, "Kernel"))
        parts += [_picture(0, wide, photograph()), _picture(270, wide, np.clip(seen, 0, 255))]
        parts.append(svg.cells(550, 28, step, kernel))
        parts.append(svg.text(550, 200, f"Sum {svg.number(kernel.sum())}"))
        return svg.picture(702, 30 + wide, parts, self.description())


def photograph() -> np.ndarray:
    """Return the figure's photograph: (128, 128), uint8. Each pixel is the mean of 4 x 4."""
    blocks = photo("camera").reshape(SIDE, 4, SIDE, 4).mean(axis=(1, 3))
    return blocks.round().astype(np.uint8)


def answers(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Return the correlation of an image, mirrored at its border: (H, W), (K, K) -> (H, W)."""
    mirrored = np.pad(image, len(kernel) // 2, mode="symmetric")
    return ops.correlate2d(mirrored, np.asarray(kernel, dtype=np.float64), "valid")


def _picture(x: float, side: float, levels: np.ndarray) -> str:
    """Return an image element with a small JPEG inside; stills need no exact grey levels."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(levels.round().astype(np.uint8)).save(file, "JPEG", quality=75, optimize=True)
    data = base64.b64encode(file.getvalue()).decode()
    return (
        f'<image x="{x:g}" y="28" width="{side:g}" height="{side:g}" '
        f'href="data:image/jpeg;base64,{data}"/>'
    )
