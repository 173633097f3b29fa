"""Fukushima's neocognitron of 1980, which learns without labels.  NumPy only.  Taught in chapter 3.

Fukushima (1980), "Neocognitron: a self-organizing neural network model for a mechanism of pattern
recognition unaffected by shift in position", Biological Cybernetics 36:193-202.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from tqdm.auto import tqdm

from course_utils.cortex.neocognitron_cells import (
    area_starts,
    c_cells,
    falloff,
    inhibitory_cells,
    s_cells,
)
from course_utils.cortex.neocognitron_learning import (
    count_columns,
    initial_weights,
    reinforce,
    representatives,
)


@dataclass(frozen=True)
class Stage:
    """One S-layer and the C-layer on top of it.

    ``planes`` of ``s_side x s_side`` S-cells, each with an area of ``s_area x s_area`` cells in
    every plane below; as many planes of C-cells, with areas of ``c_area`` in their own S-plane.
    ``column`` is the side of an S-column, ``r`` the selectivity, ``q`` the speed of learning.
    ``s_step`` and ``c_step`` are the distances of neighbouring areas, in cells below. ``c_decay``
    and ``d_decay`` say how fast the fixed weights c and d fall off from one cell to the next.
    """

    planes: int
    s_side: int
    c_side: int
    s_area: int
    c_area: int
    column: int
    r: float
    q: float
    s_step: float = 1.0
    c_step: float = 1.0
    c_decay: float = 0.9
    d_decay: float = 0.6


FUKUSHIMA_1980 = (
    Stage(24, s_side=16, c_side=10, s_area=5, c_area=5, column=5, r=4.0, q=1.0, c_step=1.6),
    Stage(24, s_side=8, c_side=6, s_area=5, c_area=5, column=5, r=1.5, q=16.0),
    Stage(24, s_side=2, c_side=1, s_area=5, c_area=2, column=2, r=1.5, q=16.0),
)
"""The three stages of the paper. The distances of the areas and the two decays are our choice: the
ten cells across C1 are spread over the sixteen of S1, and all other areas lie one cell apart in the
middle of the plane below."""


def with_planes(
    planes: Sequence[int], stages: Sequence[Stage] = FUKUSHIMA_1980
) -> tuple[Stage, ...]:
    """The same stages with other numbers of planes, one a stage."""
    if len(planes) != len(stages):
        raise ValueError(f"expected {len(stages)} numbers of planes, one a stage; got {planes}")
    return tuple(replace(s, planes=k) for s, k in zip(stages, planes, strict=True))


@dataclass(frozen=True)
class Layers:
    """What one stage answered: ``s`` (N, K, H, W), ``c`` (N, K, H', W') and ``v`` (N, H, W)."""

    s: np.ndarray
    c: np.ndarray
    v: np.ndarray


class Neocognitron:
    """A stack of S- and C-layers whose S-cells learn without a teacher.

    Parameters
    ----------
    stages
        From the bottom up; by default the three of the paper.
    input_side
        Side of the images.
    alpha
        Where a C-cell saturates.
    cells
        ``"fukushima"``, or ``"relu_max"``: S-cells without the shunting division, and C-cells that
        take the maximum of their area.
    initial
        Size of the first weights.
    seed
        Draws the first weights' small differences and the order of the presentations.

    Attributes
    ----------
    a, b
        Lists of the learned weights: ``(K, Kin, area, area)`` and ``(K,)`` a stage.
    taught
        List of ``(K,)`` counts: how often each plane had a representative.
    """

    def __init__(
        self,
        stages: Sequence[Stage] = FUKUSHIMA_1980,
        *,
        input_side: int = 16,
        alpha: float = 0.5,
        cells: str = "fukushima",
        initial: float = 0.06,
        seed: int = 0,
    ) -> None:
        if cells not in ("fukushima", "relu_max"):
            raise ValueError(f"cells must be 'fukushima' or 'relu_max'; got {cells!r}")
        if alpha <= 0 or initial <= 0:
            raise ValueError(f"alpha and initial must be positive; got {alpha} and {initial}")
        self.stages, self.input_side = tuple(stages), input_side
        self.alpha, self.cells, self.seed = alpha, cells, seed
        self.a: list[np.ndarray] = []
        self.b: list[np.ndarray] = []
        self.c: list[np.ndarray] = []
        self.d: list[np.ndarray] = []
        self.taught: list[np.ndarray] = []
        self.starts: list[tuple[np.ndarray, np.ndarray]] = []  # of S- and C-areas, a stage
        planes_in, side_in = 1, input_side
        for number, stage in enumerate(self.stages):
            self.starts.append(_checked_starts(stage, side_in, number + 1))
            self._build(stage, planes_in, initial, seed * 1000 + number)
            planes_in, side_in = stage.planes, stage.c_side

    def _build(self, stage: Stage, planes_in: int, initial: float, seed: int) -> None:
        self.a.append(
            initial_weights(stage.planes, planes_in, stage.s_area, scale=initial, seed=seed)
        )
        self.b.append(np.zeros(stage.planes))
        self.c.append(falloff(stage.s_area, stage.c_decay) / planes_in)  # sums to 1 over planes too
        self.d.append(falloff(stage.c_area, stage.d_decay))
        self.taught.append(np.zeros(stage.planes, dtype=int))

    # --- answering ---

    def respond(self, images: np.ndarray, *, batch_size: int = 100) -> list[Layers]:
        """Every layer's responses to (N, H, W) or (N, 1, H, W) images, one `Layers` a stage."""
        images = self._checked(images)
        batches = [
            self._forward(images[start : start + batch_size])
            for start in range(0, len(images), batch_size)
        ]
        return [
            Layers(*(np.concatenate([getattr(x, name) for x in parts]) for name in ("s", "c", "v")))
            for parts in zip(*batches, strict=True)
        ]

    def transform(self, images: np.ndarray, *, stage: int = -1) -> np.ndarray:
        """The C-layer of one stage as rows: (N, K * side * side), (N, K) for the last."""
        images = self._checked(images)
        count = range(len(self.stages))[stage] + 1  # stages that have to answer
        parts = [
            self._forward(images[start : start + 100], count)[-1].c
            for start in range(0, len(images), 100)
        ]
        return np.concatenate(parts).reshape(len(images), -1)

    def winners(self, images: np.ndarray) -> np.ndarray:
        """The plane of the last C-layer that answers most, (N,), and -1 where all are silent."""
        rows = self.transform(images).reshape(len(images), self.stages[-1].planes, -1).max(axis=-1)
        return np.where(rows.max(axis=1) > 0, rows.argmax(axis=1), -1)

    def _forward(self, u: np.ndarray, count: int | None = None) -> list[Layers]:
        answers: list[Layers] = []
        for number in range(len(self.stages))[:count]:
            answers.append(self._stage(number, u))
            u = answers[-1].c
        return answers

    def _stage(self, number: int, u: np.ndarray) -> Layers:
        s, v = self._s_layer(number, u)
        return Layers(s, self._c_layer(number, s), v)

    def _s_layer(self, number: int, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        below, r = self.starts[number][0], self.stages[number].r
        v = inhibitory_cells(u, self.c[number], below)
        return s_cells(u, self.a[number], self.b[number], v, below, r=r, cells=self.cells), v

    def _c_layer(self, number: int, s: np.ndarray) -> np.ndarray:
        above = self.starts[number][1]
        return c_cells(s, self.d[number], above, alpha=self.alpha, cells=self.cells)

    # --- learning ---

    def fit(
        self,
        images: np.ndarray,
        *,
        epochs: int = 1,
        order: str = "together",
        rule: str = "fukushima",
        shuffle: bool = True,
        progress: bool = True,
    ) -> Neocognitron:
        """Learn from unlabelled images, one presentation at a time; returns the network.

        Parameters
        ----------
        images
            ``(N, H, W)`` or ``(N, 1, H, W)``, not negative, finite.
        epochs
            Presentations of each image (for each stage).
        order
            ``"together"``: as in the paper, every S-layer learns at every presentation.
            ``"stage by stage"``: the first stage sees all presentations, then the second, …
        rule
            ``"fukushima"``; ``"hebb"``: the change is multiplied by the winner's response;
            ``"no inhibition"``: b stays 0.
        shuffle
            Draw a new order of the images for every epoch.

        Raises
        ------
        ValueError
            For bad images or settings, or if a stage has more planes than its columns can feed
            in that many presentations.
        """
        images = self._checked(images)
        _check_fit(order, rule, epochs)
        self._check_columns(len(images) * epochs)
        numbers = range(len(self.stages))
        rounds = [list(numbers)] if order == "together" else [[k] for k in numbers]
        rng = np.random.default_rng(self.seed)
        below = images
        for learning in rounds:
            if learning[0] > 0:  # the stage below is finished: let it answer once for all images
                below = self._answers(learning[0] - 1, below)
            turns = [rng.permutation(len(images)) for _ in range(epochs)]
            if not shuffle:
                turns = [np.arange(len(images))] * epochs
            shown = np.concatenate(turns)
            for index in tqdm(shown, leave=False, disable=not progress, desc="presentations"):
                self._present(below[index : index + 1], learning, rule)
        return self

    def _answers(self, number: int, u: np.ndarray) -> np.ndarray:
        """One stage's C-cells: what it saw (N, Kin, H, W) -> (N, K, H', W')."""
        starts = range(0, len(u), 100)
        return np.concatenate([self._stage(number, u[k : k + 100]).c for k in starts])

    def _present(self, u: np.ndarray, learning: list[int], rule: str) -> None:
        """Show one image: all layers answer first, then each layer learns from what it saw."""
        answers: list[tuple[int, np.ndarray, np.ndarray, np.ndarray]] = []
        for number in learning:
            if answers:  # C-cells answer only for a layer that learns from them
                u = self._c_layer(number - 1, answers[-1][2])
            answers.append((number, u, *self._s_layer(number, u)))
        for number, seen, s, v in answers:
            stage = self.stages[number]
            chosen = representatives(s[0], stage.column)
            b = self.b[number]
            gains = np.array([s[0][cell] for cell in chosen]) if rule == "hebb" else None
            self.a[number], self.b[number] = reinforce(
                *(self.a[number], self.b[number], seen[0], v[0], self.c[number]),
                *(self.starts[number][0], chosen, stage.q),
                gains=gains,
            )
            if rule == "no inhibition":
                self.b[number] = b
            self.taught[number][[k for k, _, _ in chosen]] += 1

    # --- checks ---

    def _checked(self, images: np.ndarray) -> np.ndarray:
        images = np.asarray(images, dtype=float)
        images = images[:, None] if images.ndim == 3 else images
        side = self.input_side
        if images.ndim != 4 or images.shape[1:] != (1, side, side) or len(images) == 0:
            raise ValueError(
                f"expected images of shape (N, {side}, {side}) or (N, 1, {side}, {side}) with "
                f"N at least 1; got {images.shape}"
            )
        if not np.isfinite(images).all():
            raise ValueError("images must be finite; got NaN or infinity")
        if images.min() < 0:
            raise ValueError(f"images must not be negative (light); the least is {images.min():g}")
        return images

    def _check_columns(self, presentations: int) -> None:
        for number, stage in enumerate(self.stages, 1):
            columns = count_columns(stage.s_side, stage.column)
            if stage.planes > columns * presentations:
                raise ValueError(
                    f"stage {number} has {stage.planes} planes, but its {columns} columns choose "
                    f"at most {columns * presentations} representatives in {presentations} "
                    "presentations: take fewer planes or present more"
                )


def _checked_starts(stage: Stage, side_in: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    sizes = (stage.planes, stage.s_side, stage.c_side, stage.s_area, stage.c_area, stage.column)
    if min(sizes) < 1 or any(int(size) != size for size in sizes):
        raise ValueError(f"stage {number}: planes, sides, areas and column are whole numbers >= 1")
    if stage.r <= 0 or stage.q <= 0:
        raise ValueError(f"stage {number}: r and q must be positive; got {stage.r} and {stage.q}")
    return (
        area_starts(side_in, stage.s_side, stage.s_area, stage.s_step),
        area_starts(stage.s_side, stage.c_side, stage.c_area, stage.c_step),
    )


def _check_fit(order: str, rule: str, epochs: int) -> None:
    if order not in ("together", "stage by stage"):
        raise ValueError(f"order must be 'together' or 'stage by stage'; got {order!r}")
    if rule not in ("fukushima", "hebb", "no inhibition"):
        raise ValueError(f"rule must be 'fukushima', 'hebb' or 'no inhibition'; got {rule!r}")
    if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1:
        raise ValueError(f"epochs must be a whole number of at least 1; got {epochs!r}")
