"""SynthBirds: a benchmark that is generated in seconds, in the layout of the real ones."""

from zslcore._io.extras import require

require("study", "PIL", "tqdm", "filelock")

from zslcore.synthbirds.generator import GroundTruth, ensure, generate, is_complete, load_ground_truth  # noqa: E402
from zslcore.synthbirds.schema import Settings  # noqa: E402

__all__ = ["GroundTruth", "Settings", "ensure", "generate", "is_complete", "load_ground_truth"]
