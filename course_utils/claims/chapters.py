"""Files of the chapters on the ILSVRC architectures, to which rows of the lectures link."""

ALEXNET_CHAPTER = "13_imagenet_and_alexnet"
VGG_CHAPTER = "14_zfnet_and_vgg"
GOOGLENET_CHAPTER = "15_googlenet"
RESNET_CHAPTER = "16_resnet"
COMPARISON_CHAPTER = "17_after_resnet"
