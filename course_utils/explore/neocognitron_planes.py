"""Figure 4: every plane of a trained neocognitron answers to what the reader draws."""

from __future__ import annotations

import base64
import copy
import io
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from course_utils import cortex as cx
from course_utils.explore import svg
from course_utils.explore.figure import Figure, checked_choice, checked_integer

SIDE, MOST = 16, 5
LAYERS = ("S1", "C1", "S2", "C2", "S3", "C3")


class NeocognitronPlanes(Figure):
    """Draw, shift or erase a pattern, and see all planes of all layers of a neocognitron answer.

    Parameters
    ----------
    network
        A trained `cortex.Neocognitron` with the stages of 1980. None trains one as chapter 3 does,
        with the seed 100, which takes a second.
    pattern
        The pattern to start with, and to compare with: ``"0"`` to ``"4"``.
    right, down
        By how many pixels it is moved at the start, -5 to 5.

    Raises
    ------
    ValueError
        If the network has other layers, or a setting is not as said above.

    Used in chapter 3. Its numbers are those of the network with its learned weights rounded to
    16-bit floats (see :func:`rounded`), and with patterns in 256 levels of light.
    """

    module: ClassVar[str] = "neocognitron_planes"
    title: ClassVar[str] = "Draw, move, wipe out: which layers notice, and what is it taken for?"

    def __init__(
        self,
        network: cx.Neocognitron | None = None,
        pattern: str = "2",
        *,
        right: int = 0,
        down: int = 0,
    ) -> None:
        self.network = rounded(taught() if network is None else network)
        super().__init__(
            stages=[_stage(self.network, number) for number in range(3)],
            names=pattern_names(self.network),
            patterns=list(cx.PATTERNS),
            pictures=_text(np.round(255 * patterns()).astype(np.uint8)),
            pattern=checked_choice("pattern", pattern, cx.PATTERNS),
            right=checked_integer("right", right, -MOST, MOST),
            down=checked_integer("down", down, -MOST, MOST),
        )
        s1 = self._answers()["S1"]  # start at its largest answer
        place = map(int, np.unravel_index(int(s1.argmax()), s1.shape))
        self.state["cell"] = {"layer": "S1"} | dict(
            zip(("plane", "row", "column"), place, strict=True)
        )

    def description(self) -> str:
        """Return the still's alternative text."""
        winner = read(self.network, self._image()[None])[0]
        taken = f"a {cx.PATTERNS[winner]}" if winner >= 0 else "nothing"
        return (
            f"The pattern {self.state['pattern']}, light on a dark field of 16 by 16 pixels, and "
            "six rows of 24 small squares: the planes of the layers S1, C1, S2, C2, S3 and C3 of "
            "a neocognitron. Planes get smaller from row to row, down to a single cell. It takes "
            f"the picture for {taken}."
        )

    def still(self) -> str:
        """Return the still picture."""
        answers, parts = self._answers(), [svg.text(0, 12, "U0: the picture")]
        parts.append(_pixels(0, 28, 160, 160, self._image()))
        for n, (name, planes) in enumerate(answers.items()):
            zoom = 48 // planes.shape[-1]
            zoomed = np.kron(planes / max(planes.max(), 1e-9), np.ones((1, zoom, zoom)))
            row = np.hstack(list(np.pad(zoomed, [(0, 0), (0, 0), (0, 3)], constant_values=0.35)))
            parts.append(svg.text(180, 20 + 32 * n, name))
            parts.append(_pixels(212, 8 + 32 * n, 490, 24, row))
        return svg.picture(702, 200, parts, self.description())

    def _image(self) -> np.ndarray:
        drawn = patterns()[cx.PATTERNS.index(self.state["pattern"])]
        return cx.shift_images(drawn, self.state["down"], self.state["right"])

    def _answers(self) -> dict[str, np.ndarray]:
        return answers(self.network, self._image())


@lru_cache(maxsize=1)
def taught() -> cx.Neocognitron:
    """Return a network that has seen the five patterns twenty times each, in one place."""
    order = np.random.default_rng(100)
    shown = np.concatenate([order.permutation(5) for _ in range(20)])
    drawn = np.stack([cx.digit_pattern(name, size=10) for name in cx.PATTERNS])
    return cx.Neocognitron(seed=100).fit(drawn[shown], shuffle=False, progress=False)


@lru_cache(maxsize=1)
def patterns() -> np.ndarray:
    """Return the five patterns as learned, in 256 levels of light: (5, 16, 16), 0 to 1."""
    drawn = np.stack([cx.digit_pattern(name, size=10) for name in cx.PATTERNS])
    return np.round(255 * drawn) / 255


def rounded(network: cx.Neocognitron) -> cx.Neocognitron:
    """Return a copy of a network with its learned weights rounded to 16-bit floats.

    Raises
    ------
    ValueError
        If it is no network with the stages, the picture and the cells of 1980.
    """
    if (
        not isinstance(network, cx.Neocognitron)
        or network.stages != cx.FUKUSHIMA_1980
        or network.input_side != SIDE
        or network.cells != "fukushima"
    ):
        raise ValueError(
            f"network must be a Neocognitron with the stages of FUKUSHIMA_1980, pictures of {SIDE} "
            f"x {SIDE} pixels and Fukushima's cells; not {network!r}"
        )
    other = copy.copy(network)
    other.a = [a.astype(np.float16).astype(float) for a in network.a]
    other.b = [b.astype(np.float16).astype(float) for b in network.b]
    return other


def answers(network: cx.Neocognitron, image: np.ndarray) -> dict[str, np.ndarray]:
    """Return all layers' answers to a picture: (16, 16) -> (24, side, side) by name."""
    both = [(stage.s[0], stage.c[0]) for stage in network.respond(image[None])]
    return dict(zip(LAYERS, (layer for pair in both for layer in pair), strict=True))


def pattern_names(network: cx.Neocognitron) -> np.ndarray:
    """Return the pattern that each plane of C3 stands for: (24,), 0 to 4.

    The plane that wins for a pattern gets its name, and any other that of the pattern that excites
    it most.
    """
    learned = network.transform(patterns())  # (5, 24)
    names = learned.argmax(axis=0)
    names[learned.argmax(axis=1)] = np.arange(5)
    return names


def read(network: cx.Neocognitron, images: np.ndarray) -> np.ndarray:
    """Return what pictures are taken for: (N, 16, 16) -> (N,), -1 where all of C3 is silent."""
    return cx.read_out(network.winners(images), pattern_names(network))


def _stage(network: cx.Neocognitron, number: int) -> dict[str, Any]:
    """Return what the module needs of a stage; 16-bit floats as base64."""
    stage, (s_starts, c_starts) = network.stages[number], network.starts[number]
    names = ("planes", "s_side", "c_side", "s_area", "c_area", "r")
    weights = {"a": network.a[number], "b": network.b[number]}
    return {
        **{name: getattr(stage, name) for name in names},
        **{name: _text(w.astype("<f2")) for name, w in weights.items()},
        "alpha": network.alpha,
        "c": network.c[number].ravel(),
        "d": network.d[number].ravel(),
        "s_starts": s_starts,
        "c_starts": c_starts,
    }


def _text(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _pixels(x: float, y: float, width: float, height: float, light: np.ndarray) -> str:
    """Return an image element: shares from 0, dark, to 1, light, one rectangle for each."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray((255 * light).round().astype(np.uint8)).save(file, "PNG", optimize=True)
    data = base64.b64encode(file.getvalue()).decode()
    return (
        f'<image x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" '
        'preserveAspectRatio="none" style="image-rendering: pixelated" '
        f'href="data:image/png;base64,{data}"/>'
    )
