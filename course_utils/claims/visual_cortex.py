"""What the lectures say of simple and complex cells, and of the neocognitron."""

from __future__ import annotations

from functools import cache

import numpy as np

from course_utils import cortex as cx
from course_utils.claims.core import Finding, Row, claim
from course_utils.claims.figures import holds
from course_utils.data import load

CELLS, NEOCOGNITRON = "02_hubel_and_wiesel", "03_neocognitron"
OFFSETS = np.arange(-1.5, 1.51, 0.25)  # degrees
PICTURES, SEEDS = 240, (0, 1)
CHANCE = 0.1


@cache
def retina() -> cx.Retina:
    """The model retina of chapter 2."""
    return cx.Retina()


@cache
def bank() -> np.ndarray:
    """Thirteen vertical simple cells, side by side; the seventh is in the middle."""
    return cx.simple_cell_bank(retina(), 90, OFFSETS)


@claim("CMU-34", taught=f"{CELLS}#ch02-simple")
def diffuse_light(row: Row) -> Finding:
    """Sixteen simple cells under diffuse light."""
    cells = [
        cx.simple_cell(retina(), angle, kind=kind)
        for angle in np.arange(0, 180, 22.5)
        for kind in ("line", "edge")
    ]
    largest = np.abs(cx.drive(cx.diffuse_light(retina()), np.stack(cells))).max()
    bar = float(cx.drive(cx.bar(retina(), 90), cells[8]))
    why = (
        "The weights of a model cell add up to zero, so it is silent. Real cells balance less "
        "exactly: Hubel and Wiesel found that diffuse light drove them poorly."
    )
    conditions = {
        "16 cells silent under diffuse light": largest < 1e-12,
        "a bar drives them": bar > 0.5,
    }
    return holds(row, "near zero", conditions, why)


@claim("CMU-32", taught=f"{CELLS}#ch02-maximum")
def fooled_by_spots(row: Row) -> Finding:
    """Answers of the maximum to a row of spots, beside those of the simple cell in the middle."""
    bar = cx.bar(retina(), 90)
    row_of_spots = cx.row_of_spots(retina(), 90, count=5, spacing=1.6, diameter=1.0)
    scattered = cx.scattered_spots(retina(), count=12, images=40, seed=5, diameter=1.0)
    share = {
        name: [
            100 * float(np.mean(cell(image))) / float(cell(bar))
            for image in (row_of_spots, scattered)
        ]
        for name, cell in (("simple", _simple), ("maximum", _maximum))
    }
    fooled = max(share["maximum"][0] - share["simple"][0], share["maximum"][1] - share["simple"][1])
    why = (
        "A maximum is at least as large as each of its members, so it is fooled by whatever fools "
        "one of them. What Hubel and Wiesel saw stands, but it needs another circuit: a "
        "conjunction "
        "mends it, at a price."
    )
    text = "row of spots, in % of a bar: " + ", ".join(f"{n} {s[0]:.0f}" for n, s in share.items())
    return holds(row, "robust", {"less fooled than a simple cell": fooled < 0}, why, text=text)


def _simple(images: np.ndarray) -> np.ndarray:
    return np.maximum(cx.drive(images, bank()[6]), 0)


def _maximum(images: np.ndarray) -> np.ndarray:
    return cx.complex_cell(images, bank())


@claim("CMU-33", taught=f"{CELLS}#ch02-noise")
def noise(row: Row) -> Finding:
    """How often noise is taken for a bar: by a simple cell, and by the maximum of a bank."""
    drives = cx.drive(cx.noise_images(retina(), 200, seed=1), bank())  # (200, 13)
    still, moved = (
        cx.drive(cx.bar(retina(), 90, position=p), bank()) for p in ((0.0, 0.0), (1.5, 0.0))
    )
    found = {}
    for place, signal in (("known", still), ("moved", moved)):
        with_bar, without = (np.maximum(s + 4 * drives, 0) for s in (signal, 0.0))
        blank = np.roll(without, 1, axis=0)
        found[place] = (
            cx.detectability(with_bar[:, 6], blank[:, 6]),
            cx.detectability(with_bar.max(axis=1), blank.max(axis=1)),
        )
    worse = found["known"][0] < found["known"][1]
    why = (
        "Of plain noise the reverse is true: where the place is known, the simple cell tells a bar "
        "in noise better than the maximum, because it averages over many receptors. It is "
        "susceptible to fuzziness of place, and there the maximum "
        f"{'helps' if found['moved'][1] > found['moved'][0] else 'does not help either'}."
    )
    text = f"bar found in noise more often by the {'maximum' if worse else 'simple cell'}"
    return holds(row, "susceptible", {"worse than the maximum in noise": worse}, why, text=text)


@claim("CMU-28", taught=NEOCOGNITRON)
def growing_and_shrinking(row: Row) -> Finding:
    """Fields, sides and numbers of planes of the simulation of 1980."""
    network = cx.Neocognitron(seed=0)
    widths = [int((f[:, 1] - f[:, 0]).max()) + 1 for f in cx.receptive_fields(network).values()]
    sides = [side for stage in network.stages for side in (stage.s_side, stage.c_side)]
    planes = [stage.planes for stage in network.stages]
    conditions = {
        "fields grow": widths == sorted(widths) and widths[-1] > widths[0],
        "planes shrink": sides == sorted(sides, reverse=True) and sides[-1] < sides[0],
        "more planes in deeper layers": planes == sorted(planes) and planes[-1] > planes[0],
    }
    why = (
        f"Fields and sides behave as said. The number of planes does not grow in the simulation of "
        f"1980: {', '.join(map(str, planes))}. A guess: networks that came later were meant; "
        "LeNet-5 goes from 6 to 16."
    )
    return holds(row, "trend", conditions, why)


@claim("CMU-29", taught=NEOCOGNITRON)
def other_cells(row: Row) -> Finding:
    """Clustering of digits with Fukushima's cells and with ReLU and maximum: a small run."""
    shares = {cells: _accuracies(cells) for cells in ("fukushima", "relu_max")}
    means = {cells: float(np.mean(shares[cells])) for cells in shares}
    conditions = {
        "far above chance": min(shares["relu_max"]) > 2 * CHANCE,
        "not much worse than Fukushima's": means["relu_max"] > 0.7 * means["fukushima"],
    }
    why = (
        "On a few digits both kinds of cell cluster about as well. Two reservations: the new cells "
        "want smaller first weights, and the inhibition stays, subtracted inside the ReLU."
    )
    return holds(row, "replaceable", conditions, why)


@claim("CMU-30", taught=NEOCOGNITRON)
def clusters(row: Row) -> Finding:
    """Planes in use, and how well they tell digits apart, clean and in noise: a small run."""
    clean, noisy = _accuracies("fukushima"), _accuracies("fukushima", strength=0.2)
    in_use = [len(set(_taught("fukushima", seed).winners(_digits()[0])) - {-1}) for seed in SEEDS]
    conditions = {
        "different planes win": min(in_use) >= 10,
        "far above chance": min(clean) > 2 * CHANCE,
        "in noise too": min(noisy) > 1.5 * CHANCE,
    }
    why = (
        "True, on real digits, well above chance and well below perfect: k-means on the pixels "
        "makes "
        "purer clusters of digits that stay in place (chapter 3)."
    )
    return holds(row, "clusters", conditions, why)


@cache
def _digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pictures and labels to learn from, and to name."""
    parts = []
    for split in ("train", "valid"):
        data = load("digits", split, limit=PICTURES)
        parts += [cx.enlarge(data.images[:, 0] / 255, 12, side=16), data.labels]
    return parts[0], parts[1], parts[2], parts[3]


@cache
def _taught(cells: str, seed: int) -> cx.Neocognitron:
    initial = 0.005 if cells == "relu_max" else 0.06
    network = cx.Neocognitron(seed=seed, cells=cells, initial=initial)
    return network.fit(_digits()[0], order="stage by stage", progress=False)


@cache
def _accuracies(cells: str, strength: float = 0.0) -> tuple[float, ...]:
    """Shares of new digits whose cluster has their name, one number a seed."""
    x, labels, new, new_labels = _digits()
    new = cx.add_noise(new, strength, seed=0) if strength else new
    shares = []
    for seed in SEEDS:
        network = _taught(cells, seed)
        names = cx.cluster_names(network.winners(x), labels, network.stages[-1].planes)
        shares.append(float(np.mean(cx.read_out(network.winners(new), names) == new_labels)))
    return tuple(shares)
