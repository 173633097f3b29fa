"""The table that compares networks, and what the lectures say of ResNeXt and DenseNet."""

from __future__ import annotations

from torch import nn

from course_utils.claims.alexnet import ENSEMBLE, without_groups
from course_utils.claims.alexnet import PARAMETERS as ALEXNET
from course_utils.claims.chapters import COMPARISON_CHAPTER
from course_utils.claims.core import NOT_REPRODUCIBLE, Finding, Row, claim
from course_utils.claims.figures import compare, holds, shown, worst
from course_utils.claims.inception import COUNT
from course_utils.claims.networks import cost, network, parameters
from course_utils.claims.residual import WINNER
from course_utils.claims.vgg import ERROR, VGG16
from course_utils.models.densenet import GROWTH_RATE, DenseLayer
from course_utils.models.googlenet import AUXILIARY_PARAMETERS

ALEXNET_ERROR, RESNET_ERROR = 100 - 84.70, 100 - 95.51  # of the table
BATCH = 128


def flops(name: str) -> int:
    """Two for each multiply-add."""
    return 2 * cost(name).multiply_adds


def entry(row: Row, name: str, operations: int, why: str) -> Finding:
    """A finding on a row of the table: parameters and operations."""
    printed = row.printed.split(", ")
    computed = (parameters(name), operations)
    verdict = worst([compare(p, c) for p, c in zip(printed, computed, strict=True)])
    return Finding(" and ".join(map(shown, computed)), verdict, why)


@claim(
    "PUC-23",
    taught=f"{COMPARISON_CHAPTER}#ch17-lectures-table",
    about=(ALEXNET, ""),
    also={ENSEMBLE: "15.3%"},
)
def alexnet(row: Row) -> Finding:
    """AlexNet's parameters and FLOPs."""
    why = (
        f"62M is AlexNet without its two groups ({without_groups():,}); the paper's has 61M, "
        f"printed "
        "as 60M by USP-07, CMU-19 and PUC-07. Near 1.5B is only the count in FLOPs, two a "
        "multiply-add, of the network with groups: the table's other rows count multiply-adds."
    )
    return entry(row, "alexnet", flops("alexnet"), why)


@claim(
    "PUC-24",
    taught=f"{COMPARISON_CHAPTER}#ch17-lectures-table",
    about=(VGG16, ""),
    also={ERROR: "7.7%"},
)
def vgg(row: Row) -> Finding:
    """VGG-16's parameters and multiply-adds, and those of VGG-19."""
    operations = cost("vgg16").multiply_adds
    why = (
        f"138M is VGG-16's and 19.6B are the multiply-adds of VGG-19 "
        f"({cost('vgg19').multiply_adds:,}): two networks in one row. A guess: figures from two "
        "tables were put together. 92.30% is not the paper's 7.3% error either."
    )
    return entry(row, "vgg16", operations, why)


@claim("PUC-25", taught=f"{COMPARISON_CHAPTER}#ch17-lectures-table", about=(COUNT, ""))
def inception(row: Row) -> Finding:
    """GoogLeNet's parameters and multiply-adds."""
    why = (
        "2B are multiply-adds, to one digit (3.2B FLOPs). 6.4M does not come out: USP-11's 7M is "
        f"right. The auxiliary classifiers alone have {sum(AUXILIARY_PARAMETERS.values()):,}, "
        f"which "
        "may be chance."
    )
    return entry(row, "googlenet", cost("googlenet").multiply_adds, why)


@claim("PUC-26", taught=f"{COMPARISON_CHAPTER}#ch17-lectures-table", about=(WINNER, ""))
def resnet(row: Row) -> Finding:
    """ResNet-152's parameters and multiply-adds; its running statistics."""
    statistics = sum(b.numel() for b in network("resnet152").buffers() if b.numel() > 1)
    total = parameters("resnet152") + statistics
    why = (
        f"11B are multiply-adds. 60.2M parameters; with the running means and variances, which are "
        f"not trained, {total:,}, which rounds to 60.3M: that these were counted is a guess."
    )
    return entry(row, "resnet152", cost("resnet152").multiply_adds, why)


@claim("PUC-27", taught=f"{COMPARISON_CHAPTER}#ch17-lectures-table")
def same_size(row: Row) -> Finding:
    """Parameters of both; the difference of the table's accuracies."""
    counts = [parameters(name) for name in ("alexnet", "resnet152")]
    verdicts = [compare("60M", count) for count in counts]
    gap = round(ALEXNET_ERROR - RESNET_ERROR, 2)
    verdicts.append(compare(row.printed, gap))
    why = (
        "Both counts round to 60M, and the table's own accuracies differ by 10.81 points. One is "
        "the error of seven nets on test images, the other of one net on validation images."
    )
    return Finding(f"{counts[0]:,} and {counts[1]:,}; {gap} points", worst(verdicts), why)


@claim("PUC-28", taught=f"{COMPARISON_CHAPTER}#ch17-lectures-table")
def ten_times(row: Row) -> Finding:
    """The ratio of multiply-adds."""
    ratio = cost("resnet152").multiply_adds / cost("alexnet").multiply_adds
    why = (
        f"Counted alike it is {ratio:.1f} times. The table's own rows give {11 / 1.5:.1f}, because "
        "AlexNet's is in FLOPs and ResNet's in multiply-adds."
    )
    return Finding(f"{ratio:.1f}x", compare(row.printed, ratio), why)


@claim("PUC-29", taught=f"{COMPARISON_CHAPTER}#ch17-lectures-table")
def more(row: Row) -> Finding:
    """Parameters and multiply-adds of VGG-16 and ResNet-152."""
    conditions = {
        "more parameters": parameters("vgg16") > parameters("resnet152"),
        "more multiply-adds": cost("vgg16").multiply_adds > cost("resnet152").multiply_adds,
    }
    return holds(row, "more", conditions, "Of VGG-16 already, and so of VGG-19.")


@claim("PUC-30", taught=f"{COMPARISON_CHAPTER}#ch17-three-coins")
def less_memory(row: Row) -> Finding:
    """Ratios of weights, and of weights with what a batch keeps for its backward pass."""
    old, new = cost("alexnet"), cost("googlenet")
    weights = parameters("alexnet") / parameters("googlenet")
    training = [3 * 4 * s.parameters + BATCH * s.kept_bytes for s in (old, new)]
    whole = training[0] / training[1]
    why = (
        f"True of the weights only, about: {weights:.1f} times less. In training with a batch of "
        f"{BATCH}, what is kept for the backward pass outweighs them, and GoogLeNet needs "
        f"{1 / whole:.1f} times more."
    )
    verdict = worst([compare(row.printed, weights), compare(row.printed, whole)])
    return Finding(f"weights {weights:.1f}x, training {whole:.1f}x", verdict, why)


@claim("PUC-32", taught=f"{COMPARISON_CHAPTER}#ch17-densenet-growth")
def dense_connections(row: Row) -> Finding:
    """Channels that each layer of a dense block takes in and adds."""
    layers = [m for m in network("densenet121").modules() if isinstance(m, DenseLayer)][:6]
    first = [next(c for c in m.modules() if isinstance(c, nn.Conv2d)) for m in layers]
    taken = [convolution.in_channels for convolution in first]
    grows = [b - a for a, b in zip(taken, taken[1:], strict=False)]
    conditions = {
        "each layer takes all maps before it": set(grows) == {GROWTH_RATE},
        "fewer parameters than ResNet-50": parameters("densenet121") < parameters("resnet50"),
    }
    why = f"Each layer adds {GROWTH_RATE} maps to what it took. All layers of one block, that is."
    return holds(row, "structure", conditions, why)


@claim("PUC-33", taught=f"{COMPARISON_CHAPTER}#ch17-resnext-cardinality")
def cardinality(row: Row) -> Finding:
    """Costs of both networks; the accuracies need training on ImageNet."""
    x, r = (f"{parameters(n) / 1e6:.1f}M" for n in ("resnext50_32x4d", "resnet50"))
    why = (
        "Equal cost holds: as many parameters, nearly. That accuracy gains takes two trainings on "
        "ImageNet, which the book cannot do; in the paper it does."
    )
    return Finding(f"{x} and {r} parameters", NOT_REPRODUCIBLE, why)


@claim("PUC-40", taught=f"{COMPARISON_CHAPTER}#ch17-densenet-memory")
def dense_efficiency(row: Row) -> Finding:
    """DenseNet-201 beside ResNet-101, which has a similar published error."""
    dense, residual = cost("densenet201"), cost("resnet101")
    conditions = {
        "fewer parameters": dense.parameters < residual.parameters,
        "fewer multiply-adds": dense.multiply_adds < residual.multiply_adds,
        "keeps less for training": dense.kept_numbers < residual.kept_numbers,
    }
    why = (
        "Beside ResNet-101, with a similar published error, DenseNet-201 has less than half the "
        "parameters and fewer multiply-adds. Memory in training is the other way round, unless the "
        "concatenated maps are computed again: it keeps more numbers for the backward pass."
    )
    return holds(row, "higher", conditions, why)
