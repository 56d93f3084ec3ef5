"""The settings of SynthBirds, the attributes of a bird, and its classes.

A *group* (``crown_color``) has 4 to 7 *values* (``red``). An *attribute* is one value of one group, named as in CUB
(``has_crown_color::red``). A *class* is one distribution over the values of every group.
"""

import json
import re
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from zslcore.errors import InputError

NAME = "SYNTH"
VERSION = 3  # increase it when any file changes: cached copies are then generated again
Color = tuple[int, int, int]
Rng = np.random.Generator
Values = Int[np.ndarray, "n groups"]  # index of the drawn value for each image and group
Shares = dict[str, Float[np.ndarray, "C values"]]  # by group: a distribution over its values for each class

GROUPS: dict[str, tuple[str, ...]] = {
    "bill_shape": ("cone", "dagger", "needle", "hooked", "curved", "spatulate"),
    "crown_color": ("red", "orange", "yellow", "blue", "black", "white", "brown"),
    "head_pattern": ("plain", "crested", "masked", "eyebrow", "eyering"),
    "wing_color": ("brown", "grey", "blue", "green", "black", "red", "purple"),
    "wing_pattern": ("solid", "barred", "spotted", "striped", "patched"),
    "breast_color": ("white", "yellow", "orange", "red", "grey", "blue", "buff"),
    "breast_pattern": ("solid", "spotted", "striped", "barred", "banded"),
    "tail_shape": ("forked", "fan", "pointed", "square", "long"),
    "leg_color": ("yellow", "red", "black", "pink"),
    "habitat": ("water", "forest", "grass", "snow", "desert", "sky"),
}
PARTS: tuple[str, ...] = ("bill", "crown", "head", "wing", "breast", "tail", "leg", "background")
# The part where a group shows. Two groups also show elsewhere: tail and back have shades of the wing's colour, and a
# crest, part of the head, has the crown's colour.
PART_OF_GROUP = {group: group.partition("_")[0] for group in GROUPS} | {"habitat": "background"}
PALETTE: dict[str, Color] = {  # RGB, before light and individual variation
    "black": (44, 44, 52),
    "white": (243, 241, 234),
    "grey": (140, 147, 156),
    "brown": (126, 82, 46),
    "buff": (222, 186, 138),
    "red": (203, 42, 38),
    "orange": (240, 132, 30),
    "yellow": (246, 212, 58),
    "green": (74, 142, 62),
    "blue": (48, 104, 200),
    "purple": (122, 70, 156),
    "pink": (232, 140, 150),
}

# How sure a class is of its dominant value: one of three ranges, drawn for each class and group.
_SURENESS = np.array([(0.93, 1.0), (0.6, 0.9), (0.3, 0.55)])
_SURENESS_SHARE = (0.35, 0.33, 0.32)
_GENUS_SIZE = 4  # classes of one genus share most dominant values and are easily confused
_GENUS_LOYALTY = 0.6  # probability that a class takes a group's dominant value from its genus
_WORD_DIMENSIONS = 300


@dataclass(frozen=True)
class Settings:
    """Settings of a SYNTH; pictures have ``size`` x ``size`` pixels. Equal settings and versions give equal bytes."""

    seed: int = 0
    num_classes: int = 50
    num_unseen: int = 10
    images_per_class: int = 30
    size: int = 128

    def __post_init__(self) -> None:
        ranges = {
            "seed": (0, 2**31),
            "num_classes": (4, 999),  # folder names have three digits
            "num_unseen": (1, self.num_classes - 3),  # leaves a train, a val and one more seen class
            "images_per_class": (2, 9999),
            "size": (32, 1024),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise InputError(f"SynthBirds: {name} must be a whole number from {low} to {high}, got {value!r}")

    @property
    def stamp(self) -> str:
        """Text of ``stamp.json``, which marks a complete benchmark with these settings."""
        return json.dumps({"version": VERSION, **vars(self)}, indent=1) + "\n"


def mix(first: Color, second: Color, share: float) -> Color:
    """Blend of two colours: ``share`` 0 gives the first, 1 the second."""
    return tuple(round(a + (b - a) * share) for a, b in zip(first, second))


def attribute_names() -> tuple[str, ...]:
    """Names of all attributes, such as ``has_bill_shape::cone``, group by group."""
    return tuple(f"has_{group}::{value}" for group, values in GROUPS.items() for value in values)


def sample_class_distributions(seed: int, num_classes: int) -> Shares:
    """Draw the distribution over the values of every group for every class. Rows sum to 1.

    Classes of a genus share most of their dominant values. A class is nearly certain of some groups and spreads over
    few values of others. The attribute values are therefore skewed as in CUB: most are zero or small, a few near 100 %.
    """
    rng = np.random.default_rng([seed, 1])
    genus = np.arange(num_classes) // _GENUS_SIZE
    shares = {}
    for group, values in GROUPS.items():
        # permuted cycles instead of independent draws: every value is dominant in some class
        of_genus = rng.permutation(np.arange(genus[-1] + 1) % len(values))[genus]
        of_class = rng.permutation(np.arange(num_classes) % len(values))
        dominant = np.where(rng.random(num_classes) < _GENUS_LOYALTY, of_genus, of_class)
        low, high = _SURENESS[rng.choice(3, num_classes, p=_SURENESS_SHARE)].T
        sureness = rng.uniform(low, high)
        rest = rng.dirichlet(np.full(len(values) - 1, 0.4), num_classes) * (1 - sureness[:, None])
        shares[group] = np.stack([np.insert(*row) for row in zip(rest, dominant, sureness)])
    return shares


def draw_benchmark(seed: int, shares: Shares, images_per_class: int) -> Values:
    """Draw the values of all images, class by class: an index for each group."""
    rng = np.random.default_rng([seed, 2])
    last = [len(values) - 1 for values in GROUPS.values()]
    images = []
    for label in np.repeat(np.arange(len(shares["habitat"])), images_per_class):
        edges = [np.cumsum(share[label]) for share in shares.values()]
        draws = [np.searchsorted(edge, rng.random() * edge[-1], side="right") for edge in edges]
        images.append(np.minimum(draws, last))
    return np.stack(images)


# Words for class names, in the order of the values in GROUPS; plain values have none
_GENUS_OF_TAIL = ("Forktail", "Fantail", "Spinetail", "Shorttail", "Longtail")
_GENUS_OF_BILL = ("Finch", "Daggerbill", "Needlebill", "Hookbill", "Sicklebill", "Spoonbill")
_EPITHETS = {
    "crown_color": [f"{color}_crowned" for color in GROUPS["crown_color"]],
    "breast_color": [f"{color}_breasted" for color in GROUPS["breast_color"]],
    "wing_color": [f"{color}_winged" for color in GROUPS["wing_color"]],
    "leg_color": [f"{color}_legged" for color in GROUPS["leg_color"]],
    "habitat": ["Lake", "Forest", "Meadow", "Snow", "Desert", "Sky"],
    "head_pattern": ["", "Crested", "Masked", "Browed", "Spectacled"],
    "breast_pattern": ["", "Spot_breasted", "Stripe_breasted", "Bar_breasted", "Band_breasted"],
    "wing_pattern": ["", "Bar_winged", "Spot_winged", "Stripe_winged", "Patch_winged"],
}


def class_names(shares: Shares) -> tuple[str, ...]:
    """Unique folder names such as ``001.Red_crowned_Longtail``, made of the values that a class is surest of."""
    taken: set[str] = set()
    names = []
    for c in range(len(shares["habitat"])):
        dominant = {group: int(np.argmax(share[c])) for group, share in shares.items()}
        sure = {group: share[c].max() for group, share in shares.items()}
        tail_first = sure["tail_shape"] > sure["bill_shape"]
        genus = _GENUS_OF_TAIL[dominant["tail_shape"]] if tail_first else _GENUS_OF_BILL[dominant["bill_shape"]]
        words = [_EPITHETS[group][dominant[group]] for group in sorted(_EPITHETS, key=lambda group: -sure[group])]
        ranked = [word for word in words if word]
        candidates = [f"{first}_{genus}" for first in ranked]
        candidates += [f"{second}_{first}_{genus}" for first in ranked for second in ranked if first != second]
        candidates += [f"{candidates[0]}_{number}" for number in range(2, len(names) + 3)]
        name = next(name for name in candidates if name.lower() not in taken)
        taken.add(name.lower())
        names.append(f"{c + 1:03d}.{name[0].upper()}{name[1:]}")
    return tuple(names)


def word_vectors(names: tuple[str, ...]) -> Float[np.ndarray, "A k"]:
    """Unit vectors (A, 300) of attribute names: the normalised sum of one random vector per word, made of its letters.

    Attributes that share words (``has_crown_color::red``, ``has_wing_color::red``) have similar vectors.
    """
    rows = []
    for name in names:
        words = [word for word in re.split(r"[^a-z]+", name.lower()) if word not in ("", "has")]
        rows.append(sum(np.random.default_rng(list(word.encode())).normal(size=_WORD_DIMENSIONS) for word in words))
    vectors = np.stack(rows)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
