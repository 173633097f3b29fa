"""Figure 7: a small network, forward and backward, cell by cell."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from course_utils import ops
from course_utils.explore import svg
from course_utils.explore.figure import Figure, checked_choice, checked_integer, checked_table

INPUT = (
    (0, 1, 2, 2, 1, 0),
    (0, 0, 0, 2, 1, 0),
    (0, 0, 1, 2, 0, 0),
    (0, 0, 2, 1, 0, 0),
    (0, 1, 2, 0, 0, 0),
    (0, 2, 1, 0, 0, 0),
)
KERNEL = ((0, -1, 1), (0.5, 0.5, -0.5), (-0.5, 0.5, 0))
DENSE = ((0, -1, 0.5, -0.5), (0.5, -0.5, 1, -1), (-1, 0.5, 0, 0.5))
RATES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2)
SHAPES = {
    "input": (6, 6),
    "kernel": (3, 3),
    "bias": (1, 1),
    "z": (4, 4),
    "h": (4, 4),
    "p": (2, 2),
    "dense": (3, 5),
    "s": (3, 1),
    "q": (3, 1),
}
LAST = 10  # all values and gradients are computed


class Backpropagation(Figure):
    """Send values forward and gradients backward, ask any cell where its numbers come from.

    Parameters
    ----------
    input
        Image, 6 x 6.
    kernel, bias
        3 x 3 weights and a number: z = input * kernel + bias, 4 x 4. ReLU and max pooling of 2 x 2
        make 2 x 2 numbers of z.
    dense, dense_bias
        3 x 4 weights and 3 numbers: the scores of the classes A, B and C.
    target
        The true class, 0 to 2.
    rate
        Learning rate of a step, one of 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1 and 2.
    stage
        How far values and gradients are computed: 0 nothing, 5 the loss, 10 all.
    picked
        The cell explained: array (input, kernel, bias, z, h, p, dense, s or q), row and column.

    Raises
    ------
    ValueError
        If a table or a setting is not as said above.

    Used in chapter 10. Its numbers are those of `ops.conv2d`, `ops.relu`, `ops.max_pool2d`,
    `ops.linear`, `ops.cross_entropy` and their backward functions.
    """

    module: ClassVar[str] = "backpropagation"
    title: ClassVar[str] = "Press any number: what is it made of, and what does the loss tell it?"

    def __init__(
        self,
        input: Any = INPUT,
        kernel: Any = KERNEL,
        bias: float = 0,
        dense: Any = DENSE,
        dense_bias: Any = (0, 0, 0),
        *,
        target: int = 0,
        rate: float = 0.05,
        stage: int = LAST,
        picked: tuple[str, int, int] = ("kernel", 0, 2),
    ) -> None:
        offsets = _table("dense_bias", [dense_bias], (1, 3)).T
        if rate not in RATES:
            raise ValueError(f"rate must be one of {', '.join(map(str, RATES))}; not {rate!r}")
        super().__init__(
            input=_table("input", input, SHAPES["input"]),
            kernel=_table("kernel", kernel, SHAPES["kernel"]),
            bias=_table("bias", [[bias]], SHAPES["bias"]),
            dense=np.hstack([_table("dense", dense, (3, 4)), offsets]),
            target=checked_integer("target", target, 0, 2),
            rate=rate,
            stage=checked_integer("stage", stage, 0, LAST),
            picked=_cell(picked),
            losses=[],
            promise=None,
        )

    def description(self) -> str:
        """Return the still's alternative text."""
        values, gradients, loss = both_ways(**self._network())
        open_ = int(np.count_nonzero(gradients["z"]))
        chances = ", ".join(f"{100 * q:.1f} %" for q in values["q"][:, 0])
        return (
            "A small network in two rows of tables, the values above and the gradients of the loss "
            "below: image of 6 by 6, kernel of 3 by 3, answers, ReLU, pooled numbers, dense "
            f"weights, scores. The probabilities of A, B and C are {chances}, the true class is "
            f"{'ABC'[self.state['target']]} and the loss {loss:.2f}. Of the 16 gradients by the "
            f"answers of the convolution {open_} are not zero."
        )

    def still(self) -> str:
        """Return the still picture."""
        values, gradients, loss = both_ways(**self._network())
        parts: list[str] = []
        columns = {"input": "Image", "kernel": "Kernel", "z": "Answers", "h": "ReLU"}
        _draw(parts, 0, columns, values, gradients)
        _draw(parts, 506, {"p": "Pooled", "dense": "Dense", "s": "Score"}, values, gradients)
        parts.append(svg.text(440, 560, f"Loss: {loss:.3f} nats", size=18, bold=True))
        return svg.picture(690, 780, parts, self.description())

    def _network(self) -> dict[str, Any]:
        return {name: self.state[name] for name in ("input", "kernel", "bias", "dense", "target")}


def both_ways(
    input: np.ndarray, kernel: np.ndarray, bias: np.ndarray, dense: np.ndarray, target: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], float]:
    """Return values, gradients of the loss by them, and the loss, by `ops`.

    Shapes as in `SHAPES`: (6, 6), (3, 3), (1, 1) and (3, 5), whose last column is the bias.
    """
    x, w, c = input[None, None], kernel[None, None], dense[:, 4]
    weight, label = np.ascontiguousarray(dense[:, :4]), np.array([target])
    z = ops.conv2d(x, w, bias[0])
    h = ops.relu(z)
    p = ops.max_pool2d(h, 2)
    s = ops.linear(p.reshape(1, 4), weight, c)
    loss = float(ops.cross_entropy(s, label))
    by_s = ops.cross_entropy_backward(1.0, s, label)
    by_list, by_weight, by_c = ops.linear_backward(by_s, p.reshape(1, 4), weight, c)
    by_p = by_list.reshape(p.shape)
    by_h = ops.max_pool2d_backward(by_p, h, 2)
    by_z = ops.relu_backward(by_h, z)
    by_x, by_w, by_b = ops.conv2d_backward(by_z, x, w, bias[0])
    values = {"input": input, "kernel": kernel, "bias": bias, "z": z[0, 0], "h": h[0, 0]}
    values |= {"p": p[0, 0], "dense": dense, "s": s.T, "q": ops.softmax(s, 1).T}
    gradients = {
        "input": by_x[0, 0],
        "kernel": by_w[0, 0],
        "bias": np.array([by_b]),
        "z": by_z[0, 0],
    }
    gradients |= {"h": by_h[0, 0], "p": by_p[0, 0], "s": by_s.T}
    gradients["dense"] = np.hstack([by_weight, np.array([by_c]).T])
    return values, gradients, loss


def _draw(
    parts: list[str],
    top: float,
    columns: dict[str, str],
    values: dict[str, np.ndarray],
    gradients: dict[str, np.ndarray],
) -> None:
    """Draw tables side by side, values above their gradients."""
    side, left = 36, 0
    below = top + 28 + side * max(len(values[name]) for name in columns)
    for name, title in columns.items():
        parts += [svg.text(left, top + 12, title), svg.cells(left, top + 28, side, values[name])]
        parts.append(svg.text(left, below + 12, "Gradient", color="quiet"))
        parts.append(svg.cells(left, below + 28, side, gradients[name]))
        left += side * max(2, values[name].shape[1]) + 20


def _table(name: str, table: Any, shape: tuple[int, int]) -> np.ndarray:
    rows = checked_table(name, table)
    if rows.shape != shape:
        raise ValueError(f"{name} must have the shape {shape}, not {rows.shape}")
    return rows


def _cell(picked: Any) -> list[Any]:
    """Return array, row and column of a cell that exists."""
    if not isinstance(picked, (tuple, list)) or len(picked) != 3:
        raise ValueError(f"picked must be an array's name, a row and a column, not {picked!r}")
    name = checked_choice("the array of picked", picked[0], tuple(SHAPES))
    rows, columns = SHAPES[name]
    row = checked_integer("the row of picked", picked[1], 0, rows - 1)
    return [name, row, checked_integer("the column of picked", picked[2], 0, columns - 1)]
