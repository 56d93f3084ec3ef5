"""What a SynthBird can look like, and what its classes are: groups, values, colours, distributions, names.

A *group* (``crown_color``) has 4-7 *values* (``red``); an *attribute* is one value of one group, named as CUB
names it (``has_crown_color::red``). A class is one distribution over the values of every group. Nothing here
draws or writes; :mod:`zslcore.synthbirds.painter` draws, :mod:`zslcore.synthbirds` writes.
"""

import re

import numpy as np
from jaxtyping import Float, Int

Color = tuple[int, int, int]

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
"""Values of every group, in the order of the attributes."""

PARTS: tuple[str, ...] = ("bill", "crown", "head", "wing", "breast", "tail", "leg", "background")
"""Parts of a picture that have a position in the ground truth."""

PART_OF_GROUP: dict[str, str] = {
    "bill_shape": "bill",
    "crown_color": "crown",
    "head_pattern": "head",
    "wing_color": "wing",
    "wing_pattern": "wing",
    "breast_color": "breast",
    "breast_pattern": "breast",
    "tail_shape": "tail",
    "leg_color": "leg",
    "habitat": "background",
}
"""Where in the picture a group shows. For two of them not the only place: the tail is a shade of the wing's colour and
the back between those of wing and breast; a crest, part of the head, has the crown's."""

PALETTE: dict[str, Color] = {
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
"""RGB of the colour names, before light and individual variation."""

# How sure a class is of its dominant value, group by group: three temperaments, drawn per (class, group).
_SURE, _USUAL, _SPREAD = (0.93, 1.0), (0.6, 0.9), (0.3, 0.55)
_TEMPERAMENT_SHARE = (0.35, 0.33, 0.32)
_GENUS_SIZE = 4  # classes of one genus share most dominant values: neighbours that are easily confused
_GENUS_LOYALTY = 0.6  # probability that a class takes a group's dominant value from its genus
_WORD_DIMENSIONS = 300


def mix(first: Color, second: Color, share: float) -> Color:
    """Colour that is ``share`` of the way from ``first`` to ``second``.

    >>> mix((0, 0, 0), (200, 100, 0), 0.5)
    (100, 50, 0)
    """
    return tuple(round(a + (b - a) * share) for a, b in zip(first, second))


def attribute_names() -> tuple[str, ...]:
    """Names of all attributes, group after group, as CUB spells them.

    >>> attribute_names()[:2], len(attribute_names())
    (('has_bill_shape::cone', 'has_bill_shape::dagger'), 57)
    """
    return tuple(f"has_{group}::{value}" for group, values in GROUPS.items() for value in values)


def sample_class_distributions(seed: int, num_classes: int) -> dict[str, Float[np.ndarray, "C values"]]:
    """Distribution over the values of every group, for every class; rows sum to 1.

    Classes come in genera that share most of their dominant values. A class is nearly certain of some groups
    and spreads over others, and what it spreads goes to few values: so the attribute values are skewed, most
    of them zero or small, a few near 100 %, as the annotators' certainties of CUB are.

    >>> share = sample_class_distributions(0, 50)["leg_color"]
    >>> share.shape, bool(np.allclose(share.sum(axis=1), 1))
    ((50, 4), True)
    """
    rng = np.random.default_rng([seed, 1])
    genus = np.arange(num_classes) // _GENUS_SIZE
    distributions = {}
    for group, values in GROUPS.items():
        # A shuffled round-robin instead of free draws: no value is left without a class.
        of_genus = rng.permutation(np.arange(genus[-1] + 1) % len(values))[genus]
        of_class = rng.permutation(np.arange(num_classes) % len(values))
        dominant = np.where(rng.random(num_classes) < _GENUS_LOYALTY, of_genus, of_class)
        low, high = np.array([_SURE, _USUAL, _SPREAD])[rng.choice(3, num_classes, p=_TEMPERAMENT_SHARE)].T
        sureness = rng.uniform(low, high)
        rest = rng.dirichlet(np.full(len(values) - 1, 0.4), num_classes)
        share = np.empty((num_classes, len(values)))
        for c in range(num_classes):
            share[c] = np.insert(rest[c] * (1 - sureness[c]), dominant[c], sureness[c])
        distributions[group] = share
    return distributions


def draw_values(
    rng: np.random.Generator, distributions: dict[str, Float[np.ndarray, "C values"]], label: int
) -> Int[np.ndarray, " groups"]:
    """Values of one image of class ``label``: one index per group.

    >>> shares = {group: np.eye(len(values))[:1] for group, values in GROUPS.items()}
    >>> draw_values(np.random.default_rng(0), shares, 0).tolist()
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    """
    edges = [np.cumsum(share[label]) for share in distributions.values()]
    draws = [np.searchsorted(edge, rng.random() * edge[-1], side="right") for edge in edges]
    return np.minimum(draws, [len(values) - 1 for values in GROUPS.values()])


def draw_benchmark(
    seed: int, distributions: dict[str, Float[np.ndarray, "C values"]], images_per_class: int
) -> Int[np.ndarray, "n groups"]:
    """Values of all images, class by class.

    >>> draw_benchmark(0, sample_class_distributions(0, 5), 3).shape
    (15, 10)
    """
    rng = np.random.default_rng([seed, 2])
    labels = np.repeat(np.arange(len(distributions["habitat"])), images_per_class)
    return np.stack([draw_values(rng, distributions, int(label)) for label in labels])


_GENUS_OF_TAIL = {
    "forked": "Forktail",
    "fan": "Fantail",
    "pointed": "Spinetail",
    "square": "Shorttail",
    "long": "Longtail",
}
_GENUS_OF_BILL = {
    "cone": "Finch",
    "dagger": "Daggerbill",
    "needle": "Needlebill",
    "hooked": "Hookbill",
    "curved": "Sicklebill",
    "spatulate": "Spoonbill",
}
_HABITAT_NAME = {
    "water": "Lake",
    "forest": "Forest",
    "grass": "Meadow",
    "snow": "Snow",
    "desert": "Desert",
    "sky": "Sky",
}
_HEAD_NAME = {"crested": "Crested", "masked": "Masked", "eyebrow": "Browed", "eyering": "Spectacled"}
_MARK_NAME = {"spotted": "Spot", "striped": "Stripe", "barred": "Bar", "banded": "Band", "patched": "Patch"}


def _epithets(values: dict[str, str]) -> dict[str, str]:
    """One epithet per group: what a class could be called after its dominant value there (none if it is plain)."""
    words = {
        "crown_color": f"{values['crown_color']}_crowned",
        "breast_color": f"{values['breast_color']}_breasted",
        "wing_color": f"{values['wing_color']}_winged",
        "leg_color": f"{values['leg_color']}_legged",
        "habitat": _HABITAT_NAME[values["habitat"]],
    }
    if values["head_pattern"] in _HEAD_NAME:
        words["head_pattern"] = _HEAD_NAME[values["head_pattern"]]
    for part in ("breast", "wing"):
        if values[f"{part}_pattern"] in _MARK_NAME:
            words[f"{part}_pattern"] = f"{_MARK_NAME[values[f'{part}_pattern']]}_{part}ed"
    return words


def class_names(distributions: dict[str, Float[np.ndarray, "C values"]]) -> tuple[str, ...]:
    """Folder names ``001.Red_crowned_Longtail``, unique, made of what each class is surest of.

    >>> class_names({group: np.eye(len(values))[:1] for group, values in GROUPS.items()})
    ('001.Red_crowned_Finch',)
    """
    taken: set[str] = set()
    names = []
    for c in range(len(distributions["habitat"])):
        values = {group: GROUPS[group][int(np.argmax(share[c]))] for group, share in distributions.items()}
        sure = {group: share[c].max() for group, share in distributions.items()}
        tail_first = sure["tail_shape"] > sure["bill_shape"]
        genus = _GENUS_OF_TAIL[values["tail_shape"]] if tail_first else _GENUS_OF_BILL[values["bill_shape"]]
        words = _epithets(values)
        ranked = [words[group] for group in sorted(words, key=lambda group: -sure[group])]
        candidates = [f"{first}_{genus}" for first in ranked]
        candidates += [f"{second}_{first}_{genus}" for first in ranked for second in ranked if first != second]
        candidates += [f"{candidates[0]}_{number}" for number in range(2, len(names) + 3)]
        name = next(name for name in candidates if name.lower() not in taken)
        taken.add(name.lower())
        names.append(f"{c + 1:03d}.{name[0].upper()}{name[1:]}")
    return tuple(names)


def word_vectors(names: tuple[str, ...]) -> Float[np.ndarray, "A k"]:
    """Unit vectors (A x 300) of attribute names: normalised sums of one random vector per word.

    Attributes that share words (``has_crown_color::red``, ``has_wing_color::red``) are therefore similar, as
    real word vectors would make them. A word's vector depends on its letters alone.

    >>> crown, wing, leg = word_vectors(("has_crown_color::red", "has_wing_color::red", "has_leg_color::pink"))
    >>> bool(crown @ wing > crown @ leg > 0)
    True
    """
    rows = []
    for name in names:
        words = [word for word in re.split(r"[^a-z]+", name.lower()) if word not in ("", "has")]
        rows.append(sum(np.random.default_rng(list(word.encode())).normal(size=_WORD_DIMENSIONS) for word in words))
    vectors = np.stack(rows)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
