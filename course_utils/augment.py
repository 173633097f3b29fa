"""Random affine augmentation, a batch at a time.  Taught in chapter 11.

Two recipes of the same authors are named here. `PLANKTON` is the one of slide 121 of the course's
CMU lecture: rotation, shift, zoom, flip, shear and stretch. The slide does not say for which images
it was made; its numbers are those of Ghent's winning entry in the National Data Science Bowl (van
den Oord et al. 2015, "Classifying plankton with deep neural networks", and its published code).
`GALAXY` is the milder recipe of Dieleman, Willett and Dambre (2015), "Rotation-invariant
convolutional neural networks for galaxy morphology prediction", MNRAS 450, 1441-1459: no shear and
no stretch, but also a change of brightness and colour, which is not part of this module.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

PADDINGS = ("darkest", "border", "reflection")


@dataclass(frozen=True)
class RandomAffine:
    """Draw a new affine change for each image of a batch: ``augment(images, generator) -> images``.

    Every factor is off by default, so a gentler recipe names only what it wants; `limited` shrinks
    a whole recipe, and `dataclasses.replace` changes one factor of it.

    Parameters
    ----------
    rotation
        Degrees; the angle is uniform in [-rotation, rotation]. 180 means any direction.
    shift
        Share of the image's side; right and down, each uniform in [-shift, shift].
    zoom
        At least 1; the factor is log-uniform in [1 / zoom, zoom], above 1 enlarges.
    flip
        Probability of a left-right mirror image.
    shear
        Degrees, below 90; the vertical axis leans by an angle uniform in [-shear, shear].
    stretch
        At least 1; width times s and height divided by s, s log-uniform in [1 / stretch, stretch].
    padding
        What lies outside the image: its own darkest value in each channel (a dark background), its
        repeated border, or its reflection.

    Raises ValueError for a factor out of its range.
    """

    rotation: float = 0.0
    shift: float = 0.0
    zoom: float = 1.0
    flip: float = 0.0
    shear: float = 0.0
    stretch: float = 1.0
    padding: str = "darkest"

    def __post_init__(self) -> None:
        ranges = {"rotation": (0, 180), "shift": (0, 1), "flip": (0, 1), "shear": (0, 89)}
        ranges |= {"zoom": (1, 100), "stretch": (1, 100)}
        for name, (low, high) in ranges.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(
                    f"{name} must be from {low} to {high}, got {getattr(self, name)!r}"
                )
        if self.padding not in PADDINGS:
            raise ValueError(f"padding must be one of {', '.join(PADDINGS)}; got {self.padding!r}")

    def limited(self, strength: float) -> RandomAffine:
        """The same recipe with every range shrunk to a share of itself; 0 leaves images alone.

        Factors shrink on the log scale. Flips are not shrunk, since half a mirror image is none:
        they keep their probability, except at strength 0.
        """
        if not 0 <= strength <= 1:
            raise ValueError(f"strength must be from 0 to 1, got {strength!r}")
        return RandomAffine(
            rotation=self.rotation * strength,
            shift=self.shift * strength,
            zoom=self.zoom**strength,
            flip=self.flip if strength > 0 else 0.0,
            shear=self.shear * strength,
            stretch=self.stretch**strength,
            padding=self.padding,
        )

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Images (N, C, H, W) -> images of the same shape, each changed in its own way."""
        if x.ndim != 4 or not x.is_floating_point():
            raise ValueError(
                f"expected float images (N, C, H, W), got {x.dtype} of shape {tuple(x.shape)}"
            )
        height, width = x.shape[2:]
        matrices = self.matrices(len(x), generator, aspect=width / height).to(x)
        grid = F.affine_grid(matrices, list(x.shape), align_corners=False)  # (N, H, W, 2)
        if self.padding != "darkest":
            return F.grid_sample(x, grid, padding_mode=self.padding, align_corners=False)
        dark = x.amin(dim=(2, 3), keepdim=True)  # (N, C, 1, 1): grid_sample itself can only add 0
        return F.grid_sample(x - dark, grid, align_corners=False) + dark

    def matrices(self, count: int, generator: torch.Generator, *, aspect: float = 1.0) -> Tensor:
        """(count, 2, 3): where in the source each pixel of the answer is read.

        Coordinates run from -1 to 1 along each side, as `torch.nn.functional.affine_grid` wants
        them; `aspect` is width / height, without which a rotation would skew an oblong image.
        """

        def uniform(limit: float) -> Tensor:
            draws = torch.rand(count, generator=generator, device=generator.device)
            return (2 * draws - 1) * limit

        angle = torch.deg2rad(uniform(self.rotation))
        lean = angle + torch.deg2rad(uniform(self.shear))
        zoom = torch.exp(uniform(math.log(self.zoom)))
        stretch = torch.exp(uniform(math.log(self.stretch)))
        mirror = torch.where(uniform(1.0) < 2 * self.flip - 1, -1.0, 1.0)
        across = mirror / (zoom * stretch)  # reading from a wider patch shows a smaller object
        down = stretch / zoom
        shift_x, shift_y = uniform(2 * self.shift), uniform(2 * self.shift)  # a side is 2 long
        top = [across * angle.cos(), -down * lean.sin() / aspect, shift_x]
        bottom = [across * angle.sin() * aspect, down * lean.cos(), shift_y]
        return torch.stack([torch.stack(top, dim=1), torch.stack(bottom, dim=1)], dim=1)


# Slide 121. Its +-10 pixels were counted on photographs of 40 to 400 pixels, before they were
# shrunk to patches of 95 x 95; we take the patch as the measure, so +-2.9 pixels of 28.
PLANKTON = RandomAffine(rotation=180, shift=10 / 95, zoom=1.6, flip=0.5, shear=20, stretch=1.3)

# The galaxy paper: +-4 pixels of photographs of 424, of which the middle 207 are seen.
GALAXY = RandomAffine(rotation=180, shift=4 / 207, zoom=1.3, flip=0.5)
