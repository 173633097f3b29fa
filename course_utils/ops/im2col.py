"""Convolutions as matrix products: the engine below `convolutional` and `transposed`.

*im2col* writes the window under every output as one column of a matrix. The layer is then one
matrix product, filters (O, K) times columns (K, P), with K = C kh kw numbers in a window and P
outputs (Chellapilla, Puri and Simard, 2006, «High performance convolutional neural networks for
document processing»). Its two gradients are matrix products with the same columns.

The columns of a whole batch would fill memory, because they hold every pixel kh kw times. They
are made tile by tile: some rows of one image, or some small images, and only a few MiB at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from course_utils.ops.arguments import Pair
from course_utils.ops.sliding import Sliding

# About the size of a second-level cache: the product then finds the columns there. Smaller tiles
# cost BLAS its speed, larger ones cost traffic to memory.
COLUMN_BYTES = 4 * 2**20
# A gradient of the weights is added up over tiles; fewer and larger tiles make fewer additions.
GRADIENT_BYTES = 16 * 2**20


@dataclass(frozen=True)
class Tile:
    """Some images of a batch and some rows of their outputs."""

    images: slice
    rows: slice

    @property
    def one_image(self) -> bool:
        """Whether the tile holds rows of a single image."""
        return self.images.stop - self.images.start == 1


def tiles(images: int, rows: int, row_bytes: int, budget: int) -> Iterator[Tile]:
    """Cut a batch into tiles whose columns, ``row_bytes`` for a row of outputs, fit the budget."""
    many = max(1, budget // (rows * row_bytes))  # whole images in one tile
    few = min(rows, max(1, budget // row_bytes))  # rows, where not even one image fits
    for first in range(0, images, many):
        for top in range(0, rows, few):
            yield Tile(slice(first, min(first + many, images)), slice(top, min(top + few, rows)))


def correlate(
    x: np.ndarray, w: np.ndarray, sliding: Sliding, bias: np.ndarray | None = None
) -> np.ndarray:
    """Slide filters over images: (N, C, H, W), (O, C / groups, kh, kw) -> (N, O, H', W')."""
    height, width = sliding.output_size(x.shape[2:])
    filters = w.reshape(sliding.groups, len(w) // sliding.groups, -1)  # (G, O / G, K)
    y = np.empty((len(x), len(w), height, width), x.dtype)
    for tile in _forward_tiles(x, sliding):
        columns = gather(x, sliding, tile, width)  # (G, K, P)
        place = y[tile.images, :, tile.rows]  # (n, O, rows, W')
        if tile.one_image:  # the product is written where it belongs
            np.matmul(filters, columns, out=place.reshape(*filters.shape[:2], -1))
        else:
            answers = np.matmul(filters, columns)
            place[...] = answers.reshape(len(w), len(place), -1, width).swapaxes(0, 1)
        if bias is not None:  # now, while the tile is in the cache
            place += bias[:, None, None]
    return y


def _forward_tiles(x: np.ndarray, sliding: Sliding) -> Iterator[Tile]:
    height, width = sliding.output_size(x.shape[2:])
    if sliding.copies_nothing:
        return tiles(len(x), height, 1, height)  # one image at a time
    row_bytes = x.shape[1] * sliding.kernel[0] * sliding.kernel[1] * width * x.itemsize
    return tiles(len(x), height, row_bytes, COLUMN_BYTES)


def weight_gradient(x: np.ndarray, grad_y: np.ndarray, sliding: Sliding) -> np.ndarray:
    """Correlate every input map with every map of output gradients: -> (O, C / groups, kh, kw)."""
    height, width = grad_y.shape[2:]
    groups, (kh, kw) = sliding.groups, sliding.kernel
    outputs, inputs = grad_y.shape[1], x.shape[1] // groups
    gradient = np.zeros((groups, outputs // groups, inputs * kh * kw), x.dtype)
    row_bytes = x.shape[1] * kh * kw * width * x.itemsize
    for tile in tiles(len(x), height, row_bytes, GRADIENT_BYTES):
        columns = gather(x, sliding, tile, width)  # (G, K, P)
        gradient += _by_group(grad_y, tile, groups) @ columns.swapaxes(1, 2)
    return gradient.reshape(outputs, inputs, kh, kw)


def input_gradient(grad_y: np.ndarray, w: np.ndarray, sliding: Sliding, size: Pair) -> np.ndarray:
    """Carry the gradients of the outputs back to the pixels under them: -> (N, C, *size)."""
    # Two ways to the same numbers. With stride 1 it is a correlation again, and gathering windows
    # of the O gradient maps is faster than adding to C maps, unless O is much the larger.
    if sliding.stride == (1, 1) and len(w) <= 2 * w.shape[1] * sliding.groups:
        return _turned_correlation(grad_y, w, sliding, size)
    height, width = grad_y.shape[2:]
    groups = sliding.groups
    filters = w.reshape(groups, len(w) // groups, -1).swapaxes(1, 2)  # (G, K, O / G)
    gradient = np.zeros((len(grad_y), w.shape[1] * groups, *size), w.dtype)
    row_bytes = w[0].size * groups * width * w.itemsize
    for tile in tiles(len(grad_y), height, row_bytes, COLUMN_BYTES):
        columns = filters @ _by_group(grad_y, tile, groups)  # (G, K, P)
        scatter(columns, gradient, sliding, tile, width)
    return gradient


def _turned_correlation(
    grad_y: np.ndarray, w: np.ndarray, sliding: Sliding, size: Pair
) -> np.ndarray:
    """Do the same for stride 1: correlate with the filters turned over, in and out swapped."""
    groups, outputs = sliding.groups, len(w) // sliding.groups
    turned = np.flip(w, axis=(2, 3)).reshape(groups, outputs, *w.shape[1:])
    turned = turned.swapaxes(1, 2).reshape(-1, outputs, *w.shape[2:])  # (C, O / G, kh, kw)
    padding = []
    for axis in (0, 1):
        reach = sliding.extent[axis] - 1
        before = reach - sliding.padding[axis][0]
        padding.append((before, size[axis] + reach - grad_y.shape[2 + axis] - before))
    back = Sliding(sliding.kernel, (1, 1), (padding[0], padding[1]), sliding.dilation, groups)
    return correlate(grad_y, turned, back)


def gather(x: np.ndarray, sliding: Sliding, tile: Tile, width: int) -> np.ndarray:
    """Return the windows under a tile of outputs as columns (groups, K, outputs of the tile)."""
    (sh, sw), (dh, dw) = sliding.stride, sliding.dilation
    rows, columns = _reach(sliding, tile, width)
    band = _cut_out(x[tile.images], rows, columns)  # (n, C, h, w)
    windows = sliding_window_view(band, sliding.extent, axis=(2, 3))  # a view
    windows = windows[:, :, ::sh, ::sw, ::dh, ::dw]  # (n, C, rows, W', kh, kw)
    # This reshape is the copy of im2col. For a 1x1 kernel on one image it copies nothing.
    k = x.shape[1] // sliding.groups * sliding.kernel[0] * sliding.kernel[1]
    return windows.transpose(1, 4, 5, 0, 2, 3).reshape(sliding.groups, k, -1)


def scatter(
    columns: np.ndarray, image: np.ndarray, sliding: Sliding, tile: Tile, width: int
) -> None:
    """Add columns to the pixels that :func:`gather` would have read: its transpose."""
    (kh, kw), (sh, sw), (dh, dw) = sliding.kernel, sliding.stride, sliding.dilation
    rows, cols = _reach(sliding, tile, width)
    n, height = tile.images.stop - tile.images.start, tile.rows.stop - tile.rows.start
    band = np.zeros((n, image.shape[1], len(rows), len(cols)), image.dtype)
    windows = columns.reshape(image.shape[1], kh, kw, n, height, width)
    for i, j in np.ndindex(kh, kw):
        down = slice(i * dh, i * dh + (height - 1) * sh + 1, sh)
        right = slice(j * dw, j * dw + (width - 1) * sw + 1, sw)
        band[:, :, down, right] += windows[:, i, j].swapaxes(0, 1)
    inside, within = _overlap(rows, image.shape[2]), _overlap(cols, image.shape[3])
    image[tile.images, :, inside[0], within[0]] += band[:, :, inside[1], within[1]]


def _reach(sliding: Sliding, tile: Tile, width: int) -> tuple[range, range]:
    """Rows and columns of the image, counted from its corner, that a tile of outputs looks at."""
    (sh, sw), (top, left) = sliding.stride, (side[0] for side in sliding.padding)
    first, last = tile.rows.start * sh, (tile.rows.stop - 1) * sh
    rows = range(first - top, last + sliding.extent[0] - top)
    return rows, range(-left, (width - 1) * sw + sliding.extent[1] - left)


def _cut_out(x: np.ndarray, rows: range, columns: range) -> np.ndarray:
    """Return those rows and columns of images, zero where they lie outside."""
    (there, here), (across, along) = _overlap(rows, x.shape[2]), _overlap(columns, x.shape[3])
    inner = x[:, :, there, across]
    if inner.shape[2:] == (len(rows), len(columns)):
        return inner  # nothing lies outside: no copy
    band = np.zeros((*x.shape[:2], len(rows), len(columns)), x.dtype)
    band[:, :, here, along] = inner
    return band


def _overlap(places: range, size: int) -> tuple[slice, slice]:
    """Where a range of places meets 0 … size - 1: as a slice of those, and of the range."""
    start, stop = max(places.start, 0), min(places.stop, size)
    stop = max(start, stop)
    return slice(start, stop), slice(start - places.start, stop - places.start)


def _by_group(maps: np.ndarray, tile: Tile, groups: int) -> np.ndarray:
    """Return a tile of maps as (groups, maps of a group, places of the tile)."""
    part = maps[tile.images, :, tile.rows].swapaxes(0, 1)  # (O, n, rows, W')
    return part.reshape(groups, len(part) // groups, -1)
