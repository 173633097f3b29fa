"""The page that lists every figure, written from one table: `python -m course_utils.explore`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from course_utils.explore.backpropagation import Backpropagation
from course_utils.explore.cortex_experiment import CortexExperiment
from course_utils.explore.cost_calculator import CostCalculator
from course_utils.explore.draw_digit import DrawDigit
from course_utils.explore.figure import FOLDER, Figure
from course_utils.explore.image_kernels import ImageKernels
from course_utils.explore.neocognitron_planes import NeocognitronPlanes
from course_utils.explore.pooling import Pooling
from course_utils.explore.receptive_field import ReceptiveFields
from course_utils.explore.residual_depth import ResidualDepth
from course_utils.explore.sliding_window import SlidingWindow
from course_utils.explore.softmax_loss import SoftmaxLoss
from course_utils.explore.train_in_page import TrainInPage

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "chapters" / "appendix_gallery.md"
STILLS = ROOT / "_static" / "figures"
INTRODUCTION = """# Figures to move with your hands

These figures work in the page: nothing to install, nothing is sent anywhere. Each stands in the
chapter where its idea is taught, with a question that you answer by using it. A mouse, a finger or
the keyboard alone will do: Tab goes from control to control, and the arrow keys move inside a table
of numbers. In a notebook the last line of a cell shows one: `from course_utils.explore import
Pooling`, then `Pooling()`.
"""


@dataclass(frozen=True)
class Entry:
    """A figure of the gallery: what it shows, in a sentence, and the anchors where it stands."""

    figure: Figure
    name: str
    about: str
    places: tuple[str, ...]


ENTRIES = (
    Entry(
        CortexExperiment(),
        "Hubel and Wiesel's experiment",
        "Move and turn a bar of light, hear a cell fire, map its field and plot its tuning curve: "
        "one simple and two complex cells.",
        ("ch02-by-hand", "ch02-slide"),
    ),
    Entry(
        NeocognitronPlanes(right=2),
        "Neocognitron",
        "Draw, move or wipe out a pattern, and see every plane of every layer answer: what a shift "
        "changes on the way up, and what the picture is taken for.",
        ("ch03-draw",),
    ),
    Entry(
        SlidingWindow(padding=1, position=8),
        "Sliding window",
        "Convolution and correlation number by number: kernel, stride, padding, dilation, and what "
        "a stride leaves over.",
        ("ch05-window", "ch07-window"),
    ),
    Entry(
        ImageKernels(),
        "Image kernels",
        "A few weights turn a photograph, or a picture of yours, into another. What their sum "
        "does, and how one window becomes one number.",
        ("ch06-by-hand",),
    ),
    Entry(
        CostCalculator("lenet5"),
        "Shapes, parameters, costs",
        "Stack layers, or take a network of the book: sizes, parameters, multiply-adds, memory "
        "and receptive field follow at once.",
        ("ch07-costs", "ch14-costs", "ch17-costs"),
    ),
    Entry(
        Pooling(),
        "Pooling",
        "Maximum, mean, L2 norm, or just dropping places: shift a map and see how much of the "
        "shift is noticed.",
        ("ch08-by-hand",),
    ),
    Entry(
        SoftmaxLoss(),
        "Scores, probabilities, loss",
        "Drag scores and see probabilities, the loss and its gradient follow, for cross-entropy "
        "and squared error.",
        ("ch09-by-hand",),
    ),
    Entry(
        Backpropagation(),
        "Backpropagation",
        "A small network, forward and backward: press any number to see what it is made of and the "
        "sum that is its gradient, change a weight, take steps.",
        ("ch10-by-hand",),
    ),
    Entry(
        DrawDigit(),
        "Draw a digit",
        "A LeNet-5 trained on MNIST reads what you draw: every feature map live, and every unit's "
        "arithmetic. Move the digit, and see what the network knows of places.",
        ("ch11-draw",),
    ),
    Entry(
        TrainInPage(),
        "Train in the page",
        "A small CNN learns 8 by 8 digits in your browser, in seconds: its loss, its filters and "
        "its mistakes, at the rate, momentum and batch that you choose.",
        ("ch11-train",),
    ),
    Entry(
        ReceptiveFields("vgg16", "pool5", row=0, column=3),
        "Receptive fields",
        "Point at a unit of any layer of any network of the book, and see which pixels it can "
        "depend on, and what of its window lies outside the image.",
        ("ch12-windows",),
    ),
    Entry(
        ResidualDepth(),
        "Residual or not",
        "Drag the depth of a plain and a residual network: what comes up to each layer, what comes "
        "down, and how well both train. Recorded runs.",
        ("ch16-depth",),
    ),
)


def page() -> str:
    """Return the gallery as MyST Markdown."""
    cards = "\n".join(_card(entry) for entry in ENTRIES)
    return f"{INTRODUCTION}\n::::{{grid}} 1 1 2 2\n:gutter: 3\n\n{cards}\n::::\n"


def _card(entry: Entry) -> str:
    links = " and ".join(f"{{ref}}`chapter {anchor[2:4]} <{anchor}>`" for anchor in entry.places)
    return (
        f":::{{grid-item-card}} {entry.name}\n"
        f"![{entry.figure.description()}](../_static/figures/{entry.figure.module}.svg)\n\n"
        f"{entry.about}\n\nIn {links}.\n:::\n"
    )


def still(figure: Figure) -> str:
    """Return a figure's still as an SVG file of its own: in the light colours, on white."""
    palette = (FOLDER / "palette.css").read_text(encoding="utf-8")
    light = dict(re.findall(r"(--cf-[\w-]+): (#[0-9a-f]{6})", palette.split("}")[0]))
    picture = re.sub(r"var\((--cf-[\w-]+)\)", lambda found: light[found[1]], figure.still())
    return picture.replace("<svg ", '<svg font-family="sans-serif" ', 1) + "\n"


def write() -> None:
    """Write the page and its pictures."""
    PAGE.write_text(page(), encoding="utf-8")
    STILLS.mkdir(exist_ok=True)
    for entry in ENTRIES:
        path = STILLS / f"{entry.figure.module}.svg"
        path.write_text(still(entry.figure), encoding="utf-8")
