"""Which number of a layer is meant by a unit, and a signal that starts there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor

Units: TypeAlias = "int | Sequence[int] | Tensor"
PLACES = ("strongest", "centre", "mean")


def unit_values(answers: Tensor, unit: Units, where: str = "strongest") -> Tensor:
    """Return each image's answer of a unit: (N, K) or (N, C, H, W) -> (N,).

    `unit` is one number for all images or one for each. A unit of a map answers at every place:
    `where` takes its strongest answer (as Zeiler and Fergus, 2014, section 4), the one in the
    middle (row H // 2, column W // 2), or the mean of all.

    Raises
    ------
    ValueError
        For a unit that the layer does not have, or an unknown `where`.
    """
    if where not in PLACES:
        raise ValueError(f"where must be one of {', '.join(PLACES)}, got {where!r}")
    units = units_of(answers, unit)
    n = torch.arange(len(answers), device=answers.device)
    if answers.ndim == 2:
        return answers[n, units]
    if where == "mean":
        return answers[n, units].mean(dim=(1, 2))
    if where == "centre":
        return answers[n, units, answers.shape[2] // 2, answers.shape[3] // 2]
    rows, columns = strongest_places(answers, units)
    return answers[n, units, rows, columns]


def strongest_places(answers: Tensor, unit: Units) -> tuple[Tensor, Tensor]:
    """Return row and column of each image's strongest answer: (N, C, H, W) -> (N,) and (N,).

    Raises ValueError for answers that are not maps, or a unit that the layer does not have.
    """
    if answers.ndim != 4:
        raise ValueError(f"places are those of maps (N, C, H, W), got {tuple(answers.shape)}")
    own = answers[torch.arange(len(answers), device=answers.device), units_of(answers, unit)]
    place = own.flatten(1).argmax(dim=1)
    width = answers.shape[-1]
    return torch.div(place, width, rounding_mode="floor"), place % width


def start_signal(answers: Tensor, unit: Units) -> Tensor:
    """Return the answers with all set to zero but each image's strongest of that unit."""
    signal = torch.zeros_like(answers)
    n = torch.arange(len(answers), device=answers.device)
    index: tuple[Tensor, ...] = (n, units_of(answers, unit))
    if answers.ndim == 4:
        index += strongest_places(answers, unit)
    signal[index] = answers[index]
    return signal


def units_of(answers: Tensor, unit: Units) -> Tensor:
    """One unit for each image, (N,) int64, checked."""
    units = torch.as_tensor(unit, device=answers.device)
    if units.is_floating_point() or units.dtype == torch.bool:
        raise ValueError(f"a unit is a whole number, got {unit!r}")
    units = units.long().expand(len(answers)) if units.ndim == 0 else units.long()
    if answers.ndim not in (2, 4) or units.shape != (len(answers),):
        raise ValueError(
            "expected answers (N, K) or (N, C, H, W) and one unit, or one for each image; "
            f"got {tuple(answers.shape)} and units of shape {tuple(units.shape)}"
        )
    if int(units.min()) < 0 or int(units.max()) >= answers.shape[1]:
        raise ValueError(
            f"the layer has units 0 to {answers.shape[1] - 1}, got {units.unique().tolist()}"
        )
    return units
