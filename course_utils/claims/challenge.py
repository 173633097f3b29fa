"""What the lectures print about ImageNet's challenge, images and what networks learn."""

from __future__ import annotations

from course_utils.claims.alexnet import ENSEMBLE
from course_utils.claims.chapters import ALEXNET_CHAPTER
from course_utils.claims.core import HISTORICAL, NOT_REPRODUCIBLE, Finding, Row, claim
from course_utils.claims.residual import ERROR as RESNET
from course_utils.claims.vgg import ERROR as VGG

CHALLENGE = ("russakovsky2015imagenet",)


@claim(
    "IIIT-15",
    taught=f"{ALEXNET_CHAPTER}#ch13-history",
    also={
        ENSEMBLE: "about 15%",
        "ZFNet: top-5 error of several nets": "about 11%",
        VGG: "about 7%",
        RESNET: "about 3.5%",
    },
)
def error_table(row: Row) -> Finding:
    """Nothing: papers print these errors."""
    why = (
        "Most are the published ones, rounded: 15.3, 13.6, 7.3, 6.7 and 3.57%. But 25.7% is on the "
        "images of 2010 (on those of 2012 the best rival had 26.2%), 11% is Clarifai's entry and "
        "not "
        "Zeiler and Fergus' paper (14.8%), we found no source for GoogLeNet's 4.5%, and the error "
        "usually quoted for a human is 5.1%."
    )
    sources = ("krizhevsky2012imagenet", "simonyan2015very", "he2016deep", *CHALLENGE)
    return Finding("the sources confirm part of it", HISTORICAL, why, sources)


@claim(
    "IIIT-16", taught=f"{ALEXNET_CHAPTER}#ch13-imagenet", about=("", "ILSVRC: training images", "")
)
def challenge(row: Row) -> Finding:
    """Nothing: the organisers' paper prints the numbers."""
    why = (
        "From 2012 on: 1000 classes, 1,281,167 training, 50,000 validation and 100,000 test images."
    )
    return Finding("the source confirms it", HISTORICAL, why, CHALLENGE)


@claim("CMU-41", taught=f"{ALEXNET_CHAPTER}#ch13-imagenet", about="ILSVRC: training images")
def training_images(row: Row) -> Finding:
    """Nothing: the organisers' paper prints the numbers."""
    why = "1,281,167 training images in 1000 classes from 2012 on: cut off to 1.2 million."
    return Finding("the source confirms it", HISTORICAL, why, CHALLENGE)


@claim("SEJ-14", taught="01_what_a_computer_sees")
def eight_k(row: Row) -> Finding:
    """Pixels of the frame; its sides are set by a standard."""
    width, height = map(int, row.printed.split("x"))
    why = (
        "The larger of the two frames of ultra-high definition television; 4320 rows by 7680 "
        "columns in an array."
    )
    text = f"the source confirms it ({width * height:,} pixels)"
    return Finding(text, HISTORICAL, why, ("itu2015ultra",))


@claim("IIIT-19", taught="18_what_the_layers_learned#ch18-settling")
def early_layers_first(row: Row) -> Finding:
    """Nothing: this needs a network that is trained."""
    why = (
        "It takes snapshots of a network in training, longer than this check may run. Zeiler and "
        "Fergus show it for theirs, by eye, in Figure 4. Chapter 18 measures it on a small one, by "
        "two rulers, which agree on the first layer and not on the last."
    )
    return Finding("not computed here", NOT_REPRODUCIBLE, why, ("zeiler2014visualizing",))
