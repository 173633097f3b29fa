"""The networks of the book for the figures: `python -m course_utils.explore.networks` writes them.

Counting them all takes seconds, which no cell of a chapter has: the figures read `networks.json`
by `presets`, and a test holds it to `accounting`.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Container, Iterable, Sequence
from functools import cache
from typing import Any

import torch
from torch import nn

from course_utils import models
from course_utils.accounting import LayerRow, Summary, summarize
from course_utils.explore.presets import COLUMNS, DEFAULTS, FILE

CHAINS = (
    *("lenet5", "alexnet", "zfnet", "zfnet_larger", "overfeat_fast"),
    *("vgg11", "vgg13", "vgg16", "vgg19", "nin"),
    *("plain20", "plain32", "plain44", "plain56", "plain18", "plain34"),
)
"""Networks that are one layer after another: the figures compute them from their settings."""
BRANCHED = (
    *("lenet5_1998", "googlenet", "inception_v4"),
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
    *("resnet20", "resnet32", "resnet44", "resnet56", "resnet110", "resnext50_32x4d"),
    *("densenet121", "densenet169", "densenet201", "densenet264"),
    *("densenet40_k12", "densenet_bc100_k12"),
)
"""Networks whose paths part, or whose layers are of a kind of their own: tables to read."""

SIDES = {"alexnet": 227, "overfeat_fast": 231, "inception_v4": 299}
SIDES |= {"lenet5": 28, "lenet5_1998": 32}
UNCOUNTED = (nn.ReLU, nn.Dropout, nn.Flatten, nn.LocalResponseNorm, nn.Identity)
SMALL_CHANGES = {"ReLU", "BatchNorm2d", "Dropout", "Flatten", "LocalResponseNorm", "ScaledTanh"}


def image_shape(name: str) -> tuple[int, int, int]:
    """Return (C, H, W) of the images in a network's paper."""
    if name == "lenet5_1998":
        return 1, 32, 32
    settings = inspect.signature(getattr(models, name)).parameters
    side = SIDES.get(name, 224 if settings["num_classes"].default == 1000 else 32)
    return settings["in_channels"].default, side, side


@cache
def network(name: str) -> nn.Module:
    """Return a network of `course_utils.models` without contents; to look at, not to change.

    Raises
    ------
    ValueError
        If the figures know no network of this name.
    """
    if name not in CHAINS + BRANCHED:
        raise ValueError(f"network must be one of {', '.join(CHAINS + BRANCHED)}; not {name!r}")
    with torch.device("meta"):
        return getattr(models, name)()


@cache
def cost(name: str) -> Summary:
    """Return what one image costs in a network, by `accounting`."""
    return summarize(network(name), image_shape(name))


def chain(model: nn.Module) -> list[dict[str, Any]]:
    """Return the layers of a network in order, as `CostCalculator` takes them.

    Activation functions, dropout, local response normalisation and flattening change no size and
    have no parameters; they are left out. Batch normalisation belongs to its convolution.

    Raises
    ------
    ValueError
        If there is a layer of any other kind.
    """
    layers: list[dict[str, Any]] = []
    for name, module in model.named_modules():
        if any(True for _ in module.children()) or isinstance(module, UNCOUNTED):
            continue
        if isinstance(module, nn.BatchNorm2d):
            layers[-1]["adds"] = "norm"
        elif not isinstance(module, nn.Sequential):
            layers.append({"name": name.replace(".branch.", ".")} | settings_of(module))
    return layers


def settings_of(module: nn.Module) -> dict[str, Any]:
    """Return the settings of a torch layer that are not the default ones.

    Raises
    ------
    ValueError
        If it is no convolution, pool or dense layer.
    """
    if type(module) is nn.Conv2d:
        names = ("stride", "padding", "dilation")
        rest = {name: getattr(module, name)[0] for name in names}
        rest |= {"groups": module.groups, "adds": "bias" if module.bias is not None else "none"}
        found = {"kind": "conv", "out": module.out_channels, "size": module.kernel_size[0]} | rest
    elif type(module) in (nn.MaxPool2d, nn.AvgPool2d):
        kind = "max" if type(module) is nn.MaxPool2d else "mean"
        found = {"kind": kind, "size": module.kernel_size, "stride": module.stride}
        found |= {"padding": module.padding, "ceil": module.ceil_mode}
    elif type(module) is nn.AdaptiveAvgPool2d and module.output_size == 1:
        found = {"kind": "global"}
    elif type(module) is nn.Linear:
        adds = "bias" if module.bias is not None else "none"
        found = {"kind": "dense", "out": module.out_features, "adds": adds}
    else:
        raise ValueError(f"a chain has convolutions, pools and dense layers, not {module}")
    return {k: v for k, v in found.items() if v is not False and v != DEFAULTS.get(k)}


def modules_of(layer: dict[str, Any], shape: Sequence[int]) -> Iterable[tuple[str, nn.Module]]:
    """Yield the torch modules of one layer of a chain, by name, for an input (C, H, W) or (C,).

    Raises
    ------
    ValueError
        If the layer needs a map and the input is none.
    """
    full, channels = DEFAULTS | layer, shape[0]
    kind, adds = full["kind"], full["adds"]
    if kind in ("conv", "max", "mean", "global") and len(shape) == 1:
        raise ValueError(f"{kind} needs a map")
    window = [full[name] for name in ("size", "stride", "padding")]
    if kind == "conv":
        rest = {"dilation": full["dilation"], "groups": full["groups"], "bias": adds == "bias"}
        yield "conv", nn.Conv2d(channels, full["out"], *window, **rest)
        if adds == "norm":
            yield "norm", nn.BatchNorm2d(full["out"])
    elif kind == "dense":
        if len(shape) > 1:
            yield "flat", nn.Flatten()
        yield "dense", nn.Linear(math.prod(shape), full["out"], bias=adds == "bias")
    elif kind in ("max", "mean"):
        pool = nn.MaxPool2d if kind == "max" else nn.AvgPool2d
        yield kind, pool(*window, ceil_mode=full.get("ceil", False))
    elif kind == "norm":
        yield kind, (nn.BatchNorm2d if len(shape) > 1 else nn.BatchNorm1d)(channels)
    else:
        plain = {"global": nn.AdaptiveAvgPool2d(1), "relu": nn.ReLU(), "flatten": nn.Flatten()}
        yield kind, plain[kind]


def build(layers: Sequence[dict[str, Any]], channels: int, side: int) -> nn.Sequential:
    """Return a chain as a torch network on the meta device, for images (channels, side, side).

    Raises
    ------
    ValueError
        If a layer cannot stand where it stands, with torch's own words.
    """
    x, parts = torch.empty(1, channels, side, side, device="meta"), nn.Sequential()
    for n, layer in enumerate(layers, start=1):
        part = nn.Sequential()
        try:
            with torch.device("meta"):
                for name, module in modules_of(layer, x.shape[1:]):
                    part.add_module(name, module)
                x = part.eval()(x)
        except (RuntimeError, ValueError, IndexError) as error:
            raise ValueError(f"layer {n}, {layer}, refused {tuple(x.shape)}: {error}") from error
        parts.add_module(f"layer{n}", part)
    return parts


def rows_of(layers: Sequence[dict[str, Any]], channels: int, side: int) -> list[dict[str, Any]]:
    """Return what every layer of a chain costs and sees, the image first, by `accounting`.

    Raises
    ------
    ValueError
        If a layer cannot stand where it stands.
    """
    found = summarize(build(layers, channels, side), (channels, side, side))
    return table(found, ())


def table(summary: Summary, small: Container[str] = SMALL_CHANGES) -> list[dict[str, Any]]:
    """Return the rows of a summary, a residual, dense or inception block in one row.

    What a block puts out and sees is that of its last operation; its costs are the sums. Of layers
    of the kinds `small` that stand by themselves the parameters join the row before them.

    Raises
    ------
    ValueError
        If a layer does not see the image.
    """
    rows: list[dict[str, Any]] = []
    for row in summary.rows:
        place = block_of(row.name)
        if rows and row.kind in small and "." not in place:
            rows[-1]["parameters"] += row.parameters
            continue
        if not rows or rows[-1]["name"] != place:
            rows.append({"name": place, "parameters": 0, "activations": 0, "multiplyAdds": 0})
        _add(rows[-1], row)
    return rows


def block_of(name: str) -> str:
    """Return the block in which a layer stands: ``conv2_x.0`` for ``conv2_x.0.branch.conv1``."""
    parts = name.removeprefix("layers.").split(".")
    return ".".join(parts[: 2 if len(parts) > 1 and parts[1].isdigit() else 1])


def _add(block: dict[str, Any], row: LayerRow) -> None:
    block["parameters"] += row.parameters
    block["activations"] += row.activations
    block["multiplyAdds"] += row.multiply_adds
    field = row.receptive_field
    if field is None:
        raise ValueError(f"layer {row.name!r} does not see the image")
    stride = field.stride[0] if field.stride else None
    block |= {"shape": list(row.output_shape), "stride": stride, "whole": field.whole}
    block |= {"field": field.size[0], "first": field.first[0]}


TITLES = {"lenet5": "LeNet-5", "lenet5_1998": "LeNet-5 of 1998", "alexnet": "AlexNet"}
TITLES |= {"zfnet": "ZFNet", "zfnet_larger": "ZFNet, larger", "overfeat_fast": "OverFeat, fast"}
TITLES |= {"nin": "NiN", "googlenet": "GoogLeNet", "inception_v4": "Inception-v4"}
TITLES |= {"resnext50_32x4d": "ResNeXt-50", "densenet40_k12": "DenseNet-40, k = 12"}
TITLES |= {"densenet_bc100_k12": "DenseNet-BC-100, k = 12"}
FAMILIES = {"vgg": "VGG-", "resnet": "ResNet-", "densenet": "DenseNet-", "plain": "Plain-"}


def title_of(name: str) -> str:
    """Return a network's name as papers write it."""
    stem = name.rstrip("0123456789")
    return TITLES.get(name) or FAMILIES[stem] + name.removeprefix(stem)


def preset(name: str) -> dict[str, Any]:
    """Return a network of the book: its image, its rows and, of a chain, its layers."""
    channels, side, _ = image_shape(name)
    found: dict[str, Any] = {"title": title_of(name), "channels": channels, "side": side}
    if name in BRANCHED:
        rows = table(cost(name))
        return found | {"rows": [rows[0] | {"name": "image"}, *rows[1:]]}
    layers = chain(network(name))
    rows = rows_of(layers, channels, side)
    for row, called in zip(rows, ["image", *(layer["name"] for layer in layers)], strict=True):
        row["name"] = called
    return found | {"layers": layers, "rows": rows}


def write() -> None:
    """Write `networks.json`: a line for each network, a list for each row."""
    lines = []
    for name in CHAINS + BRANCHED:
        found = preset(name)
        found["rows"] = [[row[column] for column in COLUMNS] for row in found["rows"]]
        lines.append(f"{json.dumps(name)}:{json.dumps(found, separators=(',', ':'))}")
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    write()
