"""What the lectures print about AlexNet and ZFNet."""

from __future__ import annotations

from torch import nn

from course_utils.claims.chapters import ALEXNET_CHAPTER, VGG_CHAPTER
from course_utils.claims.core import (
    AGREES,
    DISAGREES,
    HISTORICAL,
    NOT_REPRODUCIBLE,
    Finding,
    Row,
    claim,
)
from course_utils.claims.figures import compare, figure, figures, holds, shown, words, worst
from course_utils.claims.networks import cost, network, parameters
from course_utils.claims.worked_examples import side
from course_utils.models.alexnet import CONVOLUTIONS, NEURONS

PAPER = ("krizhevsky2012imagenet",)
PARAMETERS, NEURON_COUNT = "AlexNet: parameters", "AlexNet: neurons"
ENSEMBLE = "AlexNet: top-5 error of several nets"
# What one of the lectures lists as the complete architecture, from conv1 to fc8.
LISTED = {
    "conv1": (96, 55, 55),
    "pool1": (96, 27, 27),
    "norm1": (96, 27, 27),
    "conv2": (256, 27, 27),
    "pool2": (256, 13, 13),
    "norm2": (256, 13, 13),
    "conv3": (384, 13, 13),
    "conv4": (384, 13, 13),
    "conv5": (256, 13, 13),
    "pool5": (256, 6, 6),
    "fc6": (4096,),
    "fc7": (4096,),
    "fc8": (1000,),
}
GPU_BYTES, BATCH = 3 * 2**30, 128


def shape(name: str, of: str = "alexnet") -> tuple[int, ...]:
    """What a layer puts out, without the batch."""
    return cost(of)[name].output_shape


def last_first(name: str, of: str = "alexnet") -> str:
    """ "55x55x96" for maps of shape (96, 55, 55)."""
    channels, *sides = shape(name, of)
    return "x".join(map(str, (*sides, channels)))


def neurons() -> int:
    """Numbers that the eight layers with weights put out."""
    total = 0
    for name in NEURONS:
        numbers = 1
        for size in shape(name):
            numbers *= size
        total += numbers
    return total


def without_groups() -> int:
    """Parameters if every kernel saw all maps below."""
    grouped = [
        cost("alexnet")[name].parameters for name, row in CONVOLUTIONS.items() if row.groups > 1
    ]
    biases = [row.kernels for row in CONVOLUTIONS.values() if row.groups > 1]
    return parameters("alexnet") + sum(grouped) - sum(biases)


def sixty_million(row: Row) -> Finding:
    """A finding on AlexNet's 60 million."""
    count = parameters("alexnet")
    why = (
        f"The abstract's figure, cut off rather than rounded: to the million it is "
        f"{round(count / 1e6)}M."
    )
    return figure(row, count, why)


@claim("USP-07", taught=f"{ALEXNET_CHAPTER}#ch13-questions", about=PARAMETERS)
def parameters_usp(row: Row) -> Finding:
    """Parameters of the paper's network."""
    return sixty_million(row)


@claim("CMU-19", taught=f"{ALEXNET_CHAPTER}#ch13-questions", about=PARAMETERS)
def parameters_cmu(row: Row) -> Finding:
    """Parameters of the paper's network."""
    return sixty_million(row)


@claim("CMU-18", taught=f"{ALEXNET_CHAPTER}#ch13-neurons", about=NEURON_COUNT)
def neurons_cmu(row: Row) -> Finding:
    """Numbers that the layers put out."""
    return figure(row, neurons(), "The abstract's figure, cut off: rounded it would be 660K.")


@claim(
    "PUC-07",
    taught=f"{ALEXNET_CHAPTER}#ch13-questions",
    about=("AlexNet: hidden layers", NEURON_COUNT, PARAMETERS),
)
def size_puc(row: Row) -> Finding:
    """Layers with weights but the last; units; parameters."""
    counted = [len(NEURONS) - 1, neurons(), parameters("alexnet")]
    return figures(row, counted, "Seven layers, and two figures of the abstract, cut off.")


@claim("CMU-20", taught=f"{ALEXNET_CHAPTER}#ch13-neurons")
def connections(row: Row) -> Finding:
    """Products of a weight with a number, for one image."""
    count = cost("alexnet").multiply_adds
    why = (
        "The figure stands on the authors' slides of 2012, not in their paper. No way of counting "
        "that we tried gives it."
    )
    return figure(row, count, why)


@claim("CMU-16", taught=f"{ALEXNET_CHAPTER}#ch13-questions", about="AlexNet: stride of conv2")
def second_convolution(row: Row) -> Finding:
    """The side of conv2's map by stride; the paper's neurons are those of 27 x 27."""
    by_stride = {stride: side(27, 5, stride, 2) for stride in (1, 2)}
    units = NEURONS["conv2"]
    fits = [s for s, n in by_stride.items() if n * n * 256 == units]
    why = (
        f"Stride 2 would make {by_stride[2]}x{by_stride[2]} maps. The paper's {units:,} neurons "
        f"are "
        f"256 x 27 x 27, so the stride is {fits[0]}. A guess: the stride of the pooling around it."
    )
    return words(row, f"stride {fits[0]}", why)


@claim("PUC-08", taught=f"{ALEXNET_CHAPTER}#ch13-questions", about="AlexNet: stride of conv2")
def second_convolution_again(row: Row) -> Finding:
    """The side of conv2's map at the printed settings."""
    made = side(27, 5, 1, 2)
    right = made**2 * 256 == NEURONS["conv2"]
    why = (
        f"5x5 with stride 1 and padding 2 keeps 27x27, as the paper's {NEURONS['conv2']:,} "
        f"neurons need."
    )
    return words(row, "stride 1" if right else f"{made}x{made}", why)


@claim("CMU-17", taught=f"{ALEXNET_CHAPTER}#ch13-input")
def input_side(row: Row) -> Finding:
    """Which side makes whole windows and the 55 x 55 maps that all sizes after it need."""
    fit = [n for n in range(220, 232) if (n - 11) % 4 == 0 and side(n, 11, 4) == 55]
    why = (
        f"The paper prints 224, for which the windows do not come out: (224-11)/4+1 = "
        f"{(224 - 11) / 4 + 1}."
    )
    return figure(row, fit[0], why)


@claim("CMU-21", taught=f"{ALEXNET_CHAPTER}#ch13-history", about=("", ENSEMBLE))
def errors_cmu(row: Row) -> Finding:
    """Nothing: the paper's table says it."""
    why = (
        "Table 2 of the paper, on the validation images. The seven nets' error on the test images "
        "is 15.3%, the figure that won."
    )
    return Finding("the source confirms it", HISTORICAL, why, PAPER)


@claim("PUC-03", taught=f"{ALEXNET_CHAPTER}#ch13-questions")
def conv1_shape(row: Row) -> Finding:
    """Maps of conv1."""
    return words(row, last_first("conv1"), "(227 - 11) / 4 + 1 = 55.")


@claim("PUC-04", taught="07_convolutional_layer#ch07-parameters")
def conv1_parameters(row: Row) -> Finding:
    """Weights and biases of conv1."""
    count = cost("alexnet")["conv1"].parameters
    verdict = AGREES if row.printed == "?" else compare(row.printed, count)
    why = (
        "The slide asks and prints no figure that could be wrong: (11 x 11 x 3 + 1) x 96 is the "
        "answer."
    )
    return Finding(shown(count), verdict, why)


@claim("PUC-05", taught=f"{ALEXNET_CHAPTER}#ch13-questions")
def pool1_shape(row: Row) -> Finding:
    """Maps of pool1."""
    return words(row, last_first("pool1"), "(55 - 3) / 2 + 1 = 27.")


@claim("PUC-06", taught=f"{ALEXNET_CHAPTER}#ch13-questions")
def all_shapes(row: Row) -> Finding:
    """Every listed size against the network's."""
    wrong = [name for name, listed in LISTED.items() if shape(name) != listed]
    differing = " and ".join(f"{name} makes {last_first(name)}" for name in wrong)
    why = (
        f"All convolutions, pools and dense layers come out. But the list normalises after pooling "
        f"and the paper before: there {differing}. A guess: the order is that of Caffe's copy."
    )
    text = f"{len(LISTED) - len(wrong)} of {len(LISTED)} sizes the same"
    return holds(row, "table", {"sizes": not wrong}, why, text=text)


@claim("PUC-09", taught=f"{ALEXNET_CHAPTER}#ch13-two-gpus")
def grouping(row: Row) -> Finding:
    """Which layers are split between the GPUs."""
    groups = {
        n: m.groups for n, m in network("alexnet").named_modules() if isinstance(m, nn.Conv2d)
    }
    conditions = {
        "conv2, conv4, conv5 split": all(groups[n] == 2 for n in ("conv2", "conv4", "conv5")),
        "conv3 not": groups["conv3"] == 1,
    }
    why = "conv1 sees the image, which both GPUs have, so for it the statement says nothing."
    return holds(row, "grouping", conditions, why)


@claim("USP-24", taught=f"{ALEXNET_CHAPTER}#ch13-relu")
def relu_usp(row: Row) -> Finding:
    """Nothing: earlier papers say it."""
    why = (
        "No: ReLUs were in networks before, by name in 2010, and as the function in the "
        "neocognitron's cells in 1980. AlexNet showed what they bring in a large network."
    )
    return Finding(
        "the sources refute it", HISTORICAL, why, ("nair2010rectified", "fukushima1980neocognitron")
    )


@claim("PUC-34", taught=f"{ALEXNET_CHAPTER}#ch13-relu")
def relu_puc(row: Row) -> Finding:
    """Nothing: earlier papers say it."""
    why = "No: see USP-24. The paper itself cites Nair and Hinton for it."
    return Finding("the sources refute it", HISTORICAL, why, ("nair2010rectified", *PAPER))


@claim("USP-25", taught=f"{ALEXNET_CHAPTER}#ch13-augmentation")
def augmentation(row: Row) -> Finding:
    """Nothing: section 4.1 of the paper says it."""
    why = (
        "Crops, yes. But no rotation and no change of scale: section 4.1 names shifts by cropping, "
        "mirror images, and changes of the colours."
    )
    return Finding("the source confirms part of it", HISTORICAL, why, PAPER)


@claim("PUC-35", taught=f"{ALEXNET_CHAPTER}#ch13-memory")
def gpu_memory(row: Row) -> Finding:
    """Weights, gradients, momentum and what a batch of 128 keeps, in 32-bit numbers."""
    summary = cost("alexnet")
    needed = 3 * 4 * summary.parameters + BATCH * summary.kept_bytes
    why = (
        "Counted is only what the method needs, with a batch of 128. "
        f"{'That fits' if needed < GPU_BYTES else 'That does not fit'} into 3 GB; what the "
        f"authors' "
        "program needed besides, for workspaces and copies, is not printed, so no count settles "
        "it. The paper "
        "says that the network was too large for one."
    )
    verdict = NOT_REPRODUCIBLE if needed < GPU_BYTES else AGREES
    return Finding(f"at least {needed / 1e9:.1f} GB", verdict, why, PAPER)


@claim(
    "CMU-22",
    taught=f"{VGG_CHAPTER}#ch14-zfnet",
    about="ZFNet: top-5 error of several nets",
    also={ENSEMBLE: "15.4%"},
)
def zfnet_error_cmu(row: Row) -> Finding:
    """Nothing: the paper's table says it."""
    why = (
        "14.8% is the paper's, on the test images, but 15.4% is AlexNet's on the validation "
        "images. "
        "Like with like it is 15.3% to 14.8%, or 15.4% to 14.7%."
    )
    return Finding(
        "the source confirms part of it", HISTORICAL, why, ("zeiler2014visualizing", *PAPER)
    )


@claim(
    "PUC-10",
    taught=f"{VGG_CHAPTER}#ch14-zfnet",
    about=(ENSEMBLE, "ZFNet: top-5 error of several nets"),
)
def zfnet_error_puc(row: Row) -> Finding:
    """Nothing: the papers' tables say it."""
    why = (
        "512, 1024 and 512 maps are a second network of the paper, with 7x7 and stride 2 as in the "
        "first. The paper's own best is 14.8%; 11.7% is Clarifai's entry, which won in 2013. "
        "16.4% is five AlexNets; the seven that won had 15.3%."
    )
    sources = ("zeiler2014visualizing", "simonyan2015very")
    return Finding("the sources confirm part of it", HISTORICAL, why, sources)


@claim("PUC-36", taught=f"{VGG_CHAPTER}#ch14-padding")
def zfnet_first_maps(row: Row) -> Finding:
    """Side after conv1 and pool1, for four paddings, with the last window inside or hanging "
    "over."""
    sides = {}
    for padding in range(4):
        conv = side(224, 7, 2, padding)
        sides[padding] = (conv, (conv - 3) // 2 + 1, -(-(conv - 3) // 2) + 1)
    made = shape("pool1", "zfnet")[-1]
    why = (
        "The figure prints no padding. Without any it would be "
        f"{sides[0][0]} and then {sides[0][1]}; a padding of 1 gives the figure's {sides[1][0]}, "
        f"and "
        f"then {made} only if the last pooling window may hang over the border."
    )
    return words(row, f"{made}x{made}", why)


@claim("PUC-37", taught=f"{VGG_CHAPTER}#ch14-padding")
def zfnet_features(row: Row) -> Finding:
    """Numbers that go into the first dense layer."""
    channels, *sides = shape("pool5", "zfnet")
    count = channels * sides[0] * sides[1]
    right = worst([compare(row.printed, count)]) == AGREES and (channels, *sides) == (256, 6, 6)
    return Finding(
        shown(count), AGREES if right else DISAGREES, f"{sides[0]} x {sides[1]} x {channels}."
    )
