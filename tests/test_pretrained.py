"""The pretrained network: found, checked, refused, and absent, without ever using the network."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from course_utils import pretrained
from course_utils.data.photos import photo
from course_utils.models.efficientnet_lite import PARAMETERS, efficientnet_lite0
from course_utils.pretrained import NAMES, downloads_allowed, pretrained_imagenet, what_is_used

SWITCHES = ("COURSE_OFFLINE", "COURSE_DOWNLOAD", "COLAB_RELEASE_TAG", "COURSE_SCALE")


@pytest.fixture(autouse=True)
def unplugged(monkeypatch, tmp_path):
    """No connection, no earlier downloads, none of the switches; counts the tries."""
    tried = []

    def refuse(self, address):
        tried.append(address)
        raise OSError("the network is unplugged")

    def refuse_name(*address, **settings):
        tried.append(address)
        raise socket.gaierror("the network is unplugged")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse_name)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    for name in SWITCHES:
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COURSE_SCALE", "lecture")
    return tried


@pytest.fixture
def no_package(monkeypatch):
    monkeypatch.setattr(pretrained, "find_spec", lambda name: None)


@pytest.fixture
def package(monkeypatch, tmp_path):
    """A package of random weights, in the form of the real one: call it with what it holds."""

    def make(weights, digits=None):
        folder = tmp_path / pretrained.PACKAGE / "models"
        folder.mkdir(parents=True)
        (folder.parent / "__init__.py").touch()
        file = folder / "draft.pth"
        torch.save(weights, file)
        true = pretrained.hashlib.sha256(file.read_bytes()).hexdigest()[:8]
        file.rename(folder / f"efficientnet-lite0-{digits or true}.pth")
        monkeypatch.syspath_prepend(str(tmp_path))
        sys.modules.pop(pretrained.PACKAGE, None)

    return make


def random_weights(names=lambda name: "_" + name):
    torch.manual_seed(3)
    state = efficientnet_lite0().state_dict()
    return {names(name): torch.rand_like(v.float()).to(v.dtype) for name, v in state.items()}


def test_the_architecture_has_the_published_count():
    model = efficientnet_lite0()
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS


def test_the_architecture_is_that_of_an_independent_implementation():
    theirs = pytest.importorskip("efficientnet_lite_pytorch").EfficientNet
    torch.manual_seed(0)
    other = theirs.from_name("efficientnet-lite0").eval()
    ours = efficientnet_lite0().eval()
    pretrained._fill(ours, other.state_dict())
    x = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), other(x))


@pytest.mark.parametrize("shape", [(1, 3, 225, 224), (3, 224, 224), (1, 3, 16, 16)])
def test_the_architecture_refuses_sides_for_which_its_padding_is_wrong(shape):
    with pytest.raises(ValueError, match=r"expects images of shape \(N, 3, 224, 224\)"):
        efficientnet_lite0()(torch.zeros(shape))


def test_a_packages_weights_are_those_of_the_model(package, unplugged):
    weights = random_weights()
    package(weights)
    found = pretrained_imagenet()
    assert found.name == "efficientnet_lite0"
    assert not found.model.training
    for ours, theirs in zip(found.model.state_dict().values(), weights.values(), strict=True):
        assert torch.equal(ours, theirs)
    assert "EfficientNet-Lite0" in what_is_used(found)
    assert unplugged == []


def test_a_broken_file_is_passed_over_with_a_warning(package):
    package(random_weights(), digits="00000000")
    with pytest.warns(UserWarning, match="broken: install it again"):
        assert pretrained_imagenet() is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda w: dict(list(w.items())[:-1]),
        lambda w: {k: v[..., None] if k.endswith("fc.bias") else v for k, v in w.items()},
        lambda w: {k.replace("running_mean", "mean"): v for k, v in w.items()},
    ],
    ids=["one missing", "another shape", "another kind"],
)
def test_weights_that_do_not_fit_are_passed_over_with_a_warning(package, spoil):
    package(spoil(random_weights()))
    with pytest.warns(UserWarning, match="tensors of weights|does not fit"):
        assert pretrained_imagenet() is None


def test_without_package_and_downloads_there_is_none_and_a_sentence(no_package, unplugged):
    assert pretrained_imagenet(NAMES) is None
    assert unplugged == []
    assert "requirements-pretrained.txt" in what_is_used(None)
    assert (Path(__file__).parents[1] / "requirements-pretrained.txt").is_file()


@pytest.mark.parametrize("allowed_by", ["COURSE_DOWNLOAD", "COLAB_RELEASE_TAG"])
@pytest.mark.parametrize("forbidden_by", [("COURSE_SCALE", "smoke"), ("COURSE_OFFLINE", "1")])
def test_smoke_and_offline_beat_what_allows_a_download(
    monkeypatch, no_package, unplugged, allowed_by, forbidden_by
):
    monkeypatch.setenv(allowed_by, "1")
    assert downloads_allowed()
    monkeypatch.setenv(*forbidden_by)
    assert not downloads_allowed()
    assert pretrained_imagenet(NAMES) is None
    assert unplugged == []


def test_a_download_that_fails_is_a_warning_not_an_error(monkeypatch, no_package, unplugged):
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab_2026")
    with pytest.warns(UserWarning, match="alexnet with trained weights is not to be had"):
        assert pretrained_imagenet() is None
    assert unplugged  # here, and only here, a connection is tried


@pytest.mark.parametrize("name", ["alexnet", "vgg11", "vgg16"])
def test_a_network_in_torchs_cache_needs_no_connection(
    monkeypatch, no_package, unplugged, tmp_path, name
):
    import torchvision.models as published

    weights = published.get_model_weights(name).IMAGENET1K_V1
    cached = tmp_path / "checkpoints" / Path(weights.url).name
    cached.parent.mkdir()
    cached.touch()
    built = published.get_model_builder(name)
    with torch.device("meta"):
        empty = built()
    monkeypatch.setattr(published, "get_model", lambda name, weights: empty)
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    found = pretrained_imagenet([name])
    for layer in found.layers:
        assert not isinstance(found.model.get_submodule(layer), torch.nn.Sequential)
    cat = photo("chelsea")
    expected = weights.transforms()(torch.from_numpy(cat.copy()).permute(2, 0, 1))
    level = 1 / 255 / min(found.std)  # theirs interpolates floats, ours bytes
    torch.testing.assert_close(found.preprocess(cat)[0], expected, rtol=0, atol=1.01 * level)
    assert len(found.classes) == 1000
    assert unplugged == []


def test_other_names_are_refused():
    with pytest.raises(ValueError, match="names is a sequence of efficientnet_lite0"):
        pretrained_imagenet(["resnet18"])
    with pytest.raises(ValueError, match="names is a sequence"):
        pretrained_imagenet("alexnet")


def test_photographs_are_cut_as_torchvision_cuts_them(package):
    from torchvision.transforms import v2

    package(random_weights())
    network = pretrained_imagenet()
    cat = photo("chelsea")
    steps = [v2.Resize(256, v2.InterpolationMode.BICUBIC, antialias=True), v2.CenterCrop(224)]
    expected = v2.Compose(steps)(torch.from_numpy(cat.copy()).permute(2, 0, 1))
    assert torch.equal(network.crop(cat)[0], expected)
    assert network.crop([cat, photo("camera")]).shape == (2, 3, 224, 224)
    x = network.preprocess(cat)
    torch.testing.assert_close(x[0], expected / 127.5 - 1)
    for wrong in (cat / 255, cat[:, :, :2], [], np.zeros((2, 2, 2, 2, 3), np.uint8)):
        with pytest.raises(ValueError, match="photograph"):
            network.crop(wrong)


def test_the_real_weights_know_a_cat_and_a_cup_of_coffee():
    pytest.importorskip(pretrained.PACKAGE)
    network = pretrained_imagenet()
    x = network.preprocess([photo("chelsea"), photo("coffee"), photo("camera")])
    with torch.no_grad():
        best = network.model(x).argmax(dim=1)
    names = [network.classes[k] for k in best]
    assert names[0] in ("tabby", "tiger cat", "Egyptian cat")
    assert names[1:] == ["espresso", "tripod"]
