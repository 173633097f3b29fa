"""The architectures of the course, one file each, as in their papers (PyTorch)."""

from course_utils.models.alexnet import alexnet
from course_utils.models.densenet import (
    densenet40_k12,
    densenet121,
    densenet169,
    densenet201,
    densenet264,
    densenet_bc100_k12,
)
from course_utils.models.googlenet import googlenet, googlenet_loss
from course_utils.models.inception_v4 import inception_v4
from course_utils.models.lenet5 import lenet5
from course_utils.models.lenet5_1998 import lenet5_1998
from course_utils.models.neocognitron import same_sized_cnn, supervised_neocognitron
from course_utils.models.nin import nin
from course_utils.models.overfeat import overfeat_fast
from course_utils.models.resnet import (
    plain18,
    plain34,
    resnet18,
    resnet34,
    resnet50,
    resnet101,
    resnet152,
)
from course_utils.models.resnet_cifar import (
    plain20,
    plain32,
    plain44,
    plain56,
    resnet20,
    resnet32,
    resnet44,
    resnet56,
    resnet110,
)
from course_utils.models.resnext import resnext50_32x4d
from course_utils.models.vgg import vgg11, vgg13, vgg16, vgg19
from course_utils.models.zfnet import zfnet, zfnet_larger

__all__ = [
    "alexnet",
    "densenet121",
    "densenet169",
    "densenet201",
    "densenet264",
    "densenet40_k12",
    "densenet_bc100_k12",
    "googlenet",
    "googlenet_loss",
    "inception_v4",
    "lenet5",
    "lenet5_1998",
    "nin",
    "overfeat_fast",
    "plain18",
    "plain20",
    "plain32",
    "plain34",
    "plain44",
    "plain56",
    "resnet101",
    "resnet110",
    "resnet152",
    "resnet18",
    "resnet20",
    "resnet32",
    "resnet34",
    "resnet44",
    "resnet50",
    "resnet56",
    "resnext50_32x4d",
    "same_sized_cnn",
    "supervised_neocognitron",
    "vgg11",
    "vgg13",
    "vgg16",
    "vgg19",
    "zfnet",
    "zfnet_larger",
]
