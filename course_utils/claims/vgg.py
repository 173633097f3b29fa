"""What the lectures print about the VGG networks."""

from __future__ import annotations

from torch import nn

from course_utils.claims.chapters import VGG_CHAPTER
from course_utils.claims.core import AGREES, DISAGREES, HISTORICAL, Finding, Row, claim
from course_utils.claims.figures import compare, figure, figures, holds, shown, worst
from course_utils.claims.networks import cost, layers_of, parameters, seen_by

VGG16, VGG19 = "VGG-16: parameters", "VGG-19: parameters"
ERROR = "VGG: top-5 error"
WHICH = "the VGG that has 138M parameters"
# The table of one of the lectures, without its input row: weights without biases, and memory.
WEIGHTS = (
    *(1_728, 36_864, 0, 73_728, 147_456, 0, 294_912, 589_824, 589_824, 0),
    *(1_179_648, 2_359_296, 2_359_296, 0, 2_359_296, 2_359_296, 2_359_296, 0),
    *(102_760_448, 16_777_216, 4_096_000),
)
MEMORY = (
    *("3.2M", "3.2M", "800K", "1.6M", "1.6M", "400K", "800K", "800K", "800K", "200K"),
    *("400K", "400K", "400K", "100K", "100K", "100K", "100K", "25K", "4096", "4096", "1000"),
)
INPUT_MEMORY = "150K"


def rows() -> list:
    """The rows of VGG-16 that the lecture's table has: convolutions, pools and dense layers."""
    named = ("conv", "pool", "fc")
    return [row for row in cost("vgg16").rows if row.name.startswith(named)]


@claim("USP-08", taught=f"{VGG_CHAPTER}#ch14-configurations")
def convolutions(row: Row) -> Finding:
    """Convolutions of the three networks."""
    counts = [len(layers_of(name, nn.Conv2d)) for name in ("vgg11", "vgg16", "vgg19")]
    return figures(row, counts, "With three dense layers they make 11, 16 and 19.")


@claim("USP-09", taught=f"{VGG_CHAPTER}#ch14-configurations", about=VGG19, also={WHICH: "VGG-19"})
def vgg19_parameters(row: Row) -> Finding:
    """Parameters of VGG-19."""
    why = (
        f"USP-10 is right: 144M. VGG-16 has {parameters('vgg16'):,}, so 138M is its count. A "
        f"guess: "
        "the figure of the network used most often was set beside the name of the largest."
    )
    return figure(row, parameters("vgg19"), why)


@claim("USP-10", taught=f"{VGG_CHAPTER}#ch14-configurations", about=VGG19)
def vgg_parameters(row: Row) -> Finding:
    """Parameters of the largest VGG."""
    return figure(
        row, parameters("vgg19"), "VGG-19's, which the slide does not say; VGG-16 has 138M."
    )


@claim("CMU-23", taught=f"{VGG_CHAPTER}#ch14-configurations", also={VGG16: "about 140M"})
def vgg16_about(row: Row) -> Finding:
    """Parameters of the slide's network, which has 13 convolutions."""
    return figure(row, parameters("vgg16"), "The slide's layers are VGG-16's.")


@claim("CMU-24", taught=f"{VGG_CHAPTER}#ch14-experiment-depth", also={ERROR: "7.3%"})
def layers_and_errors(row: Row) -> Finding:
    """Layers of VGG-16; the errors are the paper's."""
    kinds = [len(layers_of("vgg16", kind)) for kind in (nn.Conv2d, nn.Linear)]
    why = (
        "13 and 3 layers come out. The errors are the paper's: 7.3% with seven nets, as handed in, "
        "and 6.8% with two afterwards."
    )
    computed = f"{kinds[0]} and {kinds[1]} layers; the source confirms the errors"
    return Finding(computed, HISTORICAL, why, ("simonyan2015very",))


@claim("PUC-11", taught=f"{VGG_CHAPTER}#ch14-table")
def weight_table(row: Row) -> Finding:
    """Every row of the table: parameters less biases."""
    biases = [row_.output_shape[0] if row_.parameters else 0 for row_ in rows()]
    counted = [r.parameters - b for r, b in zip(rows(), biases, strict=True)]
    same = sum(a == b for a, b in zip(counted, WEIGHTS, strict=True))
    text = f"{same} of {len(WEIGHTS)} rows the same; total {sum(counted):,}"
    why = f"All rows come out; the biases add {sum(biases):,}."
    return holds(row, "table", {"rows": same == len(WEIGHTS)}, why, text=text)


@claim("PUC-12", taught=f"{VGG_CHAPTER}#ch14-table")
def memory_table(row: Row) -> Finding:
    """Every row of the table: numbers that a layer puts out."""
    counted = [r.activations for r in rows()]
    verdicts = [compare(p, c) for p, c in zip(MEMORY, counted, strict=True)]
    verdicts.append(compare(INPUT_MEMORY, 224 * 224 * 3))
    verdict = worst(verdicts) if row.printed == "table" else DISAGREES
    text = f"{sum(v != DISAGREES for v in verdicts)} of {len(verdicts)} rows come out"
    return Finding(text, verdict, "The table rounds to one or two digits.")


@claim("PUC-13", taught=f"{VGG_CHAPTER}#ch14-table")
def total_memory(row: Row) -> Finding:
    """Numbers of the table's rows, times 4 bytes."""
    numbers = cost("vgg16").activations
    why = (
        f"The slide's own rows add up to {numbers / 1e6:.1f}M numbers, which is "
        f"{4 * numbers / 1e6:.0f} MB. Its total, 24M, is found on other courses' pages too, beside "
        "the same rows; we do not know what else it counts."
    )
    return figure(row, 4 * numbers, why, text=f"{4 * numbers / 1e6:.1f} MB ({numbers:,} numbers)")


@claim("PUC-14", taught=f"{VGG_CHAPTER}#ch14-configurations", about=VGG16, also={WHICH: "VGG-16"})
def vgg16_parameters(row: Row) -> Finding:
    """Parameters of VGG-16."""
    return figure(row, parameters("vgg16"), "With biases.")


@claim("PUC-15", taught=f"{VGG_CHAPTER}#ch14-stack")
def three_small(row: Row) -> Finding:
    """The receptive field of three 3 x 3 convolutions."""
    stack = nn.Sequential(*(nn.Conv2d(1, 1, 3) for _ in range(3)))
    size = seen_by(stack, (1, 32, 32))
    right = row.printed == "x".join(map(str, size))
    why = "Each layer adds two pixels. Theoretical, that is; the effective one is another matter."
    return Finding("x".join(map(str, size)), AGREES if right else DISAGREES, why)


@claim("PUC-16", taught=f"{VGG_CHAPTER}#ch14-stack")
def fewer_weights(row: Row) -> Finding:
    """Weights of both, for equal channels."""
    small, large = 3 * nn.Conv2d(64, 64, 3).weight.numel(), nn.Conv2d(64, 64, 7).weight.numel()
    why = "27 against 49 weights for each pair of channels, if all layers have as many channels."
    text = f"{shown(small)} against {shown(large)} at 64 channels"
    return holds(row, "fewer", {"fewer": small < large}, why, text=text)
