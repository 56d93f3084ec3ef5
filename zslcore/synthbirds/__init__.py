"""SynthBirds: the embedded benchmark, drawn in seconds in the layout of the real ones."""

from zslcore.synthbirds.generator import GroundTruth, ensure, generate, is_complete, load_ground_truth

__all__ = ["GroundTruth", "ensure", "generate", "is_complete", "load_ground_truth"]
