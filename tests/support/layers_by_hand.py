"""Layers in float64 NumPy, written out from their definitions, for tests of losses that have modules."""

import itertools

import numpy as np


def array(tensor):
    return tensor.detach().double().numpy()


def convolve(x, layer):
    """A convolution (B, C, H, W) with the layer's weights, as a sum over every offset of its kernel."""
    weight, (stride, _), (pad, _) = array(layer.weight), layer.stride, layer.padding
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    size = weight.shape[2]
    high, wide = ((side - size) // stride + 1 for side in x.shape[2:])
    out = np.zeros((len(x), len(weight), high, wide))
    for row, column in itertools.product(range(high), range(wide)):
        window = x[:, :, row * stride : row * stride + size, column * stride : column * stride + size]
        out[:, :, row, column] = np.einsum("bcij,ocij->bo", window, weight)
    return out if layer.bias is None else out + array(layer.bias)[:, None, None]


def batch_norm(x, layer):
    """Batch norm in train mode: by the mean and the biased variance of this batch."""
    mean, variance = x.mean(axis=(0, 2, 3), keepdims=True), x.var(axis=(0, 2, 3), keepdims=True)
    scale, shift = (array(part)[:, None, None] for part in (layer.weight, layer.bias))
    return (x - mean) / np.sqrt(variance + layer.eps) * scale + shift


def conv_bn(x, layers):
    return batch_norm(convolve(x, layers[0]), layers[1])


def relu(x):
    return np.maximum(x, 0)


def affine(x, layer):
    return x @ array(layer.weight).T + array(layer.bias)


def pool(x, side):
    """Maps averaged down to side x side; the side divides theirs."""
    factor = x.shape[2] // side
    return x.reshape(*x.shape[:2], side, factor, side, factor).mean(axis=(3, 5))


def repeat(x, side):
    factor = side // x.shape[2]
    return x.repeat(factor, axis=2).repeat(factor, axis=3)


def probabilities(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def cross_entropy(logits, labels):
    return -np.log(probabilities(logits)[range(len(labels)), labels]).mean()


def divergence(of, from_, temperature=1.0):
    """T² KL(of ‖ from_), summed over classes, mean over samples."""
    p, q = probabilities(of / temperature), probabilities(from_ / temperature)
    return temperature**2 * sum((a * np.log(a / b)).sum() for a, b in zip(p, q, strict=True)) / len(p)
