"""The networks that the figures ship are those of the book, as `accounting` counts them."""

from __future__ import annotations

import pytest

from course_utils import models
from course_utils.explore.networks import (
    BRANCHED,
    CHAINS,
    block_of,
    chain,
    cost,
    image_shape,
    network,
    preset,
    rows_of,
)
from course_utils.explore.presets import FILE, presets
from test_models_all import SHAPES

COUNTED = {"Input", "Conv2d", "MaxPool2d", "AvgPool2d", "AdaptiveAvgPool2d", "Linear"}


def test_every_network_of_the_book_is_there():
    takes_settings = {"googlenet_loss", "same_sized_cnn", "supervised_neocognitron"}
    assert set(presets()) == set(models.__all__) - takes_settings
    assert {name: image_shape(name) for name in presets()} == SHAPES


def same_place(row, counted):
    """The shape and the field of a row are those of a row of `summarize`."""
    field = counted.receptive_field
    assert row["shape"] == list(counted.output_shape)
    assert {row["field"]} == set(field.size)
    assert {row["first"]} == set(field.first)
    assert {row["stride"]} == ({None} if field.stride is None else set(field.stride))
    assert row["whole"] == field.whole


@pytest.mark.parametrize("name", CHAINS + BRANCHED)
def test_what_is_shipped_is_what_accounting_counts(name):
    found, shipped = cost(name), presets()[name]
    assert shipped == preset(name), f"{FILE.name}: run python -m course_utils.explore.networks"
    rows = shipped["rows"]
    used = found.parameters - found.unused_parameters
    assert sum(row["parameters"] for row in rows) == used
    assert sum(row["multiplyAdds"] for row in rows) == found.multiply_adds
    assert sum(row["activations"] for row in rows) == found.activations
    assert len({row["name"] for row in rows}) == len(rows)
    if name in CHAINS:  # every layer, in the network itself
        counted = [row for row in found.rows if row.kind in COUNTED]
        for row, one in zip(rows, counted, strict=True):
            same_place(row, one)
            costs = (one.multiply_adds, one.activations)
            assert (row["multiplyAdds"], row["activations"]) == costs
        return
    last = {block_of(row.name): row for row in found.rows}  # of every block
    for row in rows[1:]:
        same_place(row, last[row["name"]])


def test_what_is_no_chain_is_refused():
    with pytest.raises(ValueError, match="a chain has convolutions, pools and dense layers"):
        chain(network("lenet5_1998"))


def test_a_layer_that_cannot_stand_is_refused():
    with pytest.raises(ValueError, match=r"layer 2, .*'size': 9.* refused \(1, 4, 5, 5\)"):
        rows_of([{"kind": "conv", "out": 4}, {"kind": "max", "size": 9}], 3, 5)
    with pytest.raises(ValueError, match="network must be one of lenet5, alexnet"):
        network("vgg15")
