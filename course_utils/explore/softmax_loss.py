"""Figure 12: scores, probabilities, loss and gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from course_utils import ops
from course_utils.explore import svg
from course_utils.explore.figure import Figure, checked_choice, checked_integer, checked_table

LOSSES = ("entropy", "squares")
LIMIT = 12  # of a score, either way
NAMES = "ABCDEFGH"


class SoftmaxLoss(Figure):
    """Drag scores; probabilities, loss and gradient follow.

    Parameters
    ----------
    scores
        Two to eight numbers from -12 to 12.
    target
        The true class, from 0.
    loss
        ``"entropy"``, the cross-entropy, or ``"squares"``, the sum of (p - y)^2.

    Raises
    ------
    ValueError
        If the scores or a setting are not as said above.

    Used in chapter 9. Its numbers are those of `ops.softmax`, `ops.cross_entropy` and their
    backward functions.
    """

    module: ClassVar[str] = "softmax_loss"
    title: ClassVar[str] = "Drag a score. What does the loss tell each of them?"

    def __init__(
        self, scores: Sequence[float] = (6, 0, 5, 3, 8), target: int = 0, loss: str = "entropy"
    ) -> None:
        row = checked_table("scores", [list(scores)], most=len(NAMES))[0]
        if len(row) < 2 or np.abs(row).max() > LIMIT:
            raise ValueError(f"scores must be 2 to 8 numbers from -{LIMIT} to {LIMIT}; got {row}")
        super().__init__(
            scores=row,
            target=checked_integer("target", target, 0, len(row) - 1),
            loss=checked_choice("loss", loss, LOSSES),
        )

    def description(self) -> str:
        """Return the still's alternative text."""
        p, loss, _ = loss_and_gradient(**self.state)
        listed = ", ".join(
            f"{name} {svg.number(z)} and {100 * q:.1f} %"
            for name, z, q in zip(NAMES, self.state["scores"], p, strict=False)
        )
        true = NAMES[self.state["target"]]
        return (
            f"Bars for {len(p)} classes, score and probability: {listed}. Class {true} is the true "
            f"one, and the loss is {loss:.2f}."
        )

    def still(self) -> str:
        """Return the still picture."""
        p, loss, gradient = loss_and_gradient(**self.state)
        parts = [
            svg.text(x, 12, words, color="quiet")
            for x, words in ((0, "Class"), (80, "Score"), (180, "Probability"), (440, "Gradient"))
        ]
        for k, (z, q, g) in enumerate(zip(self.state["scores"], p, gradient, strict=True)):
            y = 48 + 34 * k
            true = k == self.state["target"]
            parts.append(svg.text(0, y, NAMES[k] + (" (true)" if true else ""), bold=true))
            parts.append(svg.text(80, y, svg.number(z)))
            parts.append(svg.box(180, y - 9, 160 * q, 18, fill="var(--cf-bar)", line="none"))
            parts.append(svg.text(350, y, f"{100 * q:.1f} %"))
            color = "var(--cf-bar)" if g >= 0 else "var(--cf-bar-neg)"
            left = 510 + 60 * min(g, 0)
            parts.append(svg.box(left, y - 9, 60 * abs(g), 18, fill=color, line="none"))
            parts.append(svg.text(650, y, svg.number(g, 3), anchor="end"))
        height = 48 + 34 * len(p) + 30
        words = f"Loss: {loss:.3f}" + (" nats" if self.state["loss"] == "entropy" else "")
        parts.append(svg.text(0, height - 14, words, size=18, bold=True))
        return svg.picture(660, height, parts, self.description())


def loss_and_gradient(
    scores: np.ndarray, target: int, loss: str
) -> tuple[np.ndarray, float, np.ndarray]:
    """Return probabilities, loss and its gradient by the scores, by `ops`: (K,), number, (K,)."""
    z = np.asarray(scores, dtype=np.float64)[None]  # (1, K)
    p, label = ops.softmax(z, 1), np.array([target])
    if loss == "entropy":
        gradient = ops.cross_entropy_backward(1.0, z, label)
        return p[0], float(ops.cross_entropy(z, label)), gradient[0]
    miss = p - np.eye(z.shape[1])[label]
    return p[0], float((miss**2).sum()), ops.softmax_backward(2 * miss, z, 1)[0]
