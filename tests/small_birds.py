"""Settings of a small SynthBirds, and the content of a folder."""

from pathlib import Path

SMALL = {"num_classes": 6, "num_unseen": 2, "images_per_class": 5, "size": 64}


def tree_bytes(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}
