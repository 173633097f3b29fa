"""What every architecture asks of its settings."""

from __future__ import annotations


def check_settings(num_classes: int, in_channels: int, width: float) -> None:
    """Refuse settings with which no network can be built.

    Raises
    ------
    ValueError
        If a number of classes or channels is not a whole number of at least 1, or the width not a
        positive, finite factor.
    """
    for name, value in (("num_classes", num_classes), ("in_channels", in_channels)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
    if not 0 < float(width) < float("inf"):
        raise ValueError(f"width must be a positive factor, got {width!r}")


def scaled(channels: int, width: float, multiple_of: int = 1) -> int:
    """Return ``channels`` times ``width``, rounded to a multiple (of the groups), never zero."""
    return multiple_of * max(1, round(channels * width / multiple_of))
