"""A step of AttentionNet, forward and backward, against the same network with its large tensors."""

from collections.abc import Iterator
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.harness import Row, flops_of, measure, peak_memory, product_of
from zslcore.models import AttentionNet

SIZES = {"CUB": (312, 1024), "AWA2": (85, 300)}  # attributes, key dimension
CHANNELS, SIDE = 2048, 14
BATCH = {"cpu": 16, "cuda": 32}


def plain_forward(network: AttentionNet, feature_map: Float[Tensor, "B D H W"]) -> Float[Tensor, "B A"]:
    """AttentionNet written out, with a key, a value and an attended feature of every image."""
    sequence = feature_map.flatten(2).mT  # (B, N, D)
    logits = network.query(network.word_vectors) @ network.key(sequence).mT
    attended = network.output(logits.softmax(2) @ network.value(sequence))  # (B, A, D)
    feature = sequence.mean(1, keepdim=True) + network.ratio * attended
    return (feature * network.embedding).sum(2)


def step(forward: partial, feature_map: Float[Tensor, "B D H W"]) -> None:
    """Forward and backward pass for frozen features."""
    forward(feature_map).square().sum().backward()


def rows(device: str) -> Iterator[Row]:
    """Steps at the size of CUB and of AWA2."""
    for name, (num_attributes, key_dim) in SIZES.items():
        torch.manual_seed(0)
        network = AttentionNet(CHANNELS, torch.randn(num_attributes, 300), key_dim=key_dim).to(device)
        feature_map = torch.randn(BATCH[device], CHANNELS, SIDE, SIDE, device=device)
        folded, plain = partial(step, network, feature_map), partial(step, partial(plain_forward, network), feature_map)
        torch.testing.assert_close(network(feature_map), plain_forward(network, feature_map), rtol=1e-2, atol=1e-1)
        flops, plain_flops = flops_of(folded), flops_of(plain)
        times = measure(device, 3, ours=folded, plain=plain, floor=product_of(flops, device))
        arithmetic = plain_flops / flops
        gain = times["plain"].median / times["ours"].median
        memory, plain_memory = peak_memory(folded, device), peak_memory(plain, device)
        yield Row(
            what="AttentionNet, step",
            size=f"{name}, {BATCH[device]} images, {CHANNELS} × {SIDE} × {SIDE}, {num_attributes} attributes",
            **times,
            target=f"the arithmetic ratio, {arithmetic:.1f}",
            met=gain >= 0.9 * arithmetic,
            note=f"plain: as written, {plain_memory / 1e6:.0f} MB; floor: matrix product of {flops / 1e9:.0f} GFLOP",
            memory=memory,
            device=device,
        )
