"""Photographs that come with scikit-image."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from course_utils.data.rows import expect_one_of
from course_utils.data.sources import DataNotFoundError

# Photographs that scikit-image carries in its package: the name we use, and the file.
PHOTOS = {
    "astronaut": "astronaut.png",
    "brick": "brick.png",
    "camera": "camera.png",
    "chelsea": "chelsea.png",
    "coffee": "coffee.png",
    "coins": "coins.png",
    "grass": "grass.png",
    "gravel": "gravel.png",
    "hubble_deep_field": "hubble_deep_field.jpg",
    "immunohistochemistry": "ihc.png",
    "moon": "moon.png",
    "page": "page.png",
    "retina": "retina.jpg",
    "rocket": "rocket.jpg",
    "text": "text.png",
}


def photo(name: str) -> np.ndarray:
    """Return a photograph that comes with scikit-image: (H, W) or (H, W, 3), uint8.

    Raises `ValueError` unless `name` is one of `PHOTOS`; those need no download.
    """
    expect_one_of(name, tuple(PHOTOS), "photograph that comes with scikit-image without a download")
    import skimage.data

    if not (Path(skimage.data.__file__).parent / PHOTOS[name]).is_file():
        raise DataNotFoundError(
            f"the photograph {name!r} is not in this installation of scikit-image: "
            "install scikit-image 0.24 or newer from PyPI"
        )
    return np.asarray(getattr(skimage.data, name)(), dtype=np.uint8)
