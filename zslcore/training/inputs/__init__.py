"""Inputs of a training: frozen features, decoded pictures, and the sampler of batches."""
