"""Occlusion maps: which part of an image does an answer rest on?  Taught in chapter 19.

Zeiler and Fergus (2014), "Visualizing and understanding convolutional networks", ECCV, 818-833,
section 4.2 and Figure 7: a grey square is moved over the image, and the network's answers are
recorded as a function of where it lies.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_utils.introspection.hooks import check_batch, device_of, undisturbed


class Occlusion(NamedTuple):
    """What a network answers while a square covers part of an image.

    `whole` (K,) are the class probabilities of the image itself, `covered` (R, C, K) those with
    the square's top left corner at row `tops[r]` and column `lefts[c]`; `size` is its side.
    """

    whole: Tensor
    covered: Tensor
    tops: list[int]
    lefts: list[int]
    size: int

    def drop(self, target: int) -> Tensor:
        """How much of the class's probability the square takes away: (R, C), in -1..1."""
        return self.whole[target] - self.covered[..., target]


def square_places(length: int, size: int, stride: int) -> list[int]:
    """Where a square of side `size` starts along `length` pixels, in steps of `stride`.

    The last one is moved back to the border where the steps do not fit, so that every pixel is
    covered. Raises ValueError for a square that is larger than the image, or steps that leave
    pixels uncovered.
    """
    if not 1 <= size <= length:
        raise ValueError(f"the square must have between 1 and {length} pixels a side, got {size}")
    if not 1 <= stride <= size:
        raise ValueError(f"the stride must be from 1 to the square's side {size}, got {stride}")
    places = list(range(0, length - size + 1, stride))
    if places[-1] != length - size:
        places.append(length - size)
    return places


def occlusion_map(
    model: nn.Module,
    image: Tensor,
    *,
    size: int,
    stride: int,
    fill: float | Tensor,
    batch_size: int = 250,
) -> Occlusion:
    """Cover an image (C, H, W) with a square, place after place, and record the probabilities.

    Parameters
    ----------
    image
        As the model takes it.
    size, stride
        The square's side and its steps, in pixels.
    fill
        What the square holds, on the image's own scale: a number, or one for each channel (C,).

    The model keeps its mode. Raises ValueError for a square that does not fit (`square_places`),
    an image that is not (C, H, W), or a fill that is neither of the two.
    """
    if image.ndim != 3:
        raise ValueError(f"expected one image (C, H, W), got {tuple(image.shape)}")
    check_batch(image[None])
    colour = torch.as_tensor(fill, dtype=image.dtype, device=image.device)
    if colour.shape not in ((), (len(image),)):
        raise ValueError(f"fill is a number or {len(image)} numbers, got {tuple(colour.shape)}")
    colour = colour.reshape(-1, 1, 1)
    tops = square_places(image.shape[1], size, stride)
    lefts = square_places(image.shape[2], size, stride)
    places = [(top, left) for top in tops for left in lefts]
    answers = []
    with undisturbed(model), torch.no_grad():
        whole = model(image[None].to(device_of(model))).softmax(dim=1)[0].cpu()
        for start in range(0, len(places), batch_size):
            batch = places[start : start + batch_size]
            images = image.repeat(len(batch), 1, 1, 1)
            for covered, (top, left) in zip(images, batch, strict=True):
                covered[:, top : top + size, left : left + size] = colour
            answers.append(model(images.to(device_of(model))).softmax(dim=1).cpu())
    grid = torch.cat(answers).reshape(len(tops), len(lefts), -1)
    return Occlusion(whole, grid, tops, lefts, size)
