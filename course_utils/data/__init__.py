"""Real images for every chapter: one call, `load(name, split)`, and one kind of answer.

Sounds have calls of their own: `spoken_digits(split)` and, made by the course, `made_sounds`.

Each set is looked for in the project's `data/` folder, in the folder that the environment variable
`COURSE_DATA` names, where the system keeps it, and among earlier downloads (in
`~/.cache/cortex-to-convnets`, or in the folder that `COURSE_CACHE` names). Only then is it
downloaded. `fashion_mnist_small` is shipped with the course, so the book needs no network.
"""

from course_utils.data.dataset import SPLITS, Dataset, load
from course_utils.data.photos import PHOTOS, photo
from course_utils.data.sounds import Sounds, made_sounds
from course_utils.data.sources import DataNotFoundError, read_idx
from course_utils.data.spoken import spoken_digits

__all__ = [
    "PHOTOS",
    "SPLITS",
    "DataNotFoundError",
    "Dataset",
    "Sounds",
    "load",
    "made_sounds",
    "photo",
    "read_idx",
    "spoken_digits",
]
