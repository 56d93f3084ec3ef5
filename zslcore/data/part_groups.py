"""The parts of CUB on which each of its attribute groups shows."""

PARTS_OF_GROUPS: dict[str, tuple[str, ...]] = {
    "bill shape": ("beak",),
    "bill length": ("beak",),
    "bill color": ("beak",),
    "head pattern": ("beak", "crown", "forehead", "left eye", "nape", "right eye"),  # the head, as in APN
    "crown color": ("crown",),
    "forehead color": ("forehead",),
    "eye color": ("left eye", "right eye"),
    "nape color": ("nape",),
    "throat color": ("throat",),
    "breast color": ("breast",),
    "breast pattern": ("breast",),
    "belly color": ("belly",),
    "belly pattern": ("belly",),
    "back color": ("back",),
    "back pattern": ("back",),
    "wing color": ("left wing", "right wing"),
    "wing pattern": ("left wing", "right wing"),
    "wing shape": ("left wing", "right wing"),
    "upper tail color": ("tail",),
    "under tail color": ("tail",),
    "tail shape": ("tail",),
    "tail pattern": ("tail",),
    "leg color": ("left leg", "right leg"),
}
# Groups of the whole bird, and of regions that have no point of their own
UNBOUND: tuple[str, ...] = ("size", "shape", "primary color", "upperparts color", "underparts color")
