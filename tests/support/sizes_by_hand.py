"""Parameter counts of layers, from their definitions, for counting whole networks by hand."""

from itertools import pairwise


def conv(ins, outs, kernel=3, bias=0):
    return outs * (ins * kernel**2 + bias)


def norm(channels):
    return 2 * channels  # weight and bias


def linear(ins, outs):
    return (ins + 1) * outs


def conv_norm(ins, outs, kernel=3, bias=0):
    return conv(ins, outs, kernel, bias) + norm(outs)


def chain(*channels, bias=0):
    """3x3 convolutions with batch norm from each number of channels to the next."""
    return sum(conv_norm(ins, outs, bias=bias) for ins, outs in pairwise(channels))
