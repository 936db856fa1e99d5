"""The other networks of pytorch-cifar, restated as those of foreign_pytorch_cifar."""

import torch
from foreign_distillers import conv, pooled
from foreign_pytorch_cifar import SE, Basic, Bottleneck, Staged, projection
from torch import nn
from torch.nn import functional as f


class _Layers(nn.Module):
    """A stem, `layers`, perhaps a last convolution, and `linear`, as the mobile networks have them."""

    def __init__(self, stem, layers, outs, last, classes, activation=f.relu):
        super().__init__()
        self.conv1, self.bn1 = conv(3, stem, 3), nn.BatchNorm2d(stem)
        self.layers = nn.Sequential(*layers)
        if last:
            self.conv2, self.bn2 = conv(outs, last, 1), nn.BatchNorm2d(last)
        self.linear, self.activation = nn.Linear(last or outs, classes), activation

    def forward(self, x):
        x = self.layers(self.activation(self.bn1(self.conv1(x))))
        x = f.relu(self.bn2(self.conv2(x))) if hasattr(self, "conv2") else x
        return self.linear(pooled(x))


class _Separable(nn.Module):
    """mobilenet.py: Block."""

    def __init__(self, ins, outs, stride):
        super().__init__()
        self.conv1, self.bn1 = conv(ins, ins, 3, stride, ins), nn.BatchNorm2d(ins)
        self.conv2, self.bn2 = conv(ins, outs, 1), nn.BatchNorm2d(outs)

    def forward(self, x):
        return f.relu(self.bn2(self.conv2(f.relu(self.bn1(self.conv1(x))))))


def mobilenet(part, classes):
    rows = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
    layers, ins = [], int(32 * part)
    for outs, stride in rows:
        layers.append(_Separable(ins, int(outs * part), stride))
        ins = int(outs * part)
    return _Layers(int(32 * part), layers, ins, 0, classes)


class _Inverted(nn.Module):
    """mobilenetv2.py: Block."""

    def __init__(self, ins, outs, expansion, stride):
        super().__init__()
        wide = expansion * ins
        self.stride = stride
        self.conv1, self.bn1 = conv(ins, wide, 1), nn.BatchNorm2d(wide)
        self.conv2, self.bn2 = conv(wide, wide, 3, stride, wide), nn.BatchNorm2d(wide)
        self.conv3, self.bn3 = conv(wide, outs, 1), nn.BatchNorm2d(outs)
        projected = stride == 1 and ins != outs
        self.shortcut = projection(ins, outs, 1) if projected else nn.Sequential()

    def forward(self, x):
        out = f.relu(self.bn2(self.conv2(f.relu(self.bn1(self.conv1(x))))))
        out = self.bn3(self.conv3(out))
        return out + self.shortcut(x) if self.stride == 1 else out


def mobilenetv2(part, classes):
    rows = ((1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2))
    layers, ins = [], int(32 * part)
    for expansion, outs, count, stride in (*rows, (6, 320, 1, 1)):
        for number in range(count):
            layers.append(_Inverted(ins, int(outs * part), expansion, 1 if number else stride))
            ins = int(outs * part)
    return _Layers(int(32 * part), layers, ins, int(1280 * part), classes)


class _MBConv(nn.Module):
    """efficientnet.py: Block, in eval mode; it has conv1 and bn1 even where it does not run them."""

    def __init__(self, ins, outs, kernel, stride, expansion):
        super().__init__()
        wide = expansion * ins
        self.expansion, self.adds = expansion, stride == 1 and ins == outs
        self.conv1, self.bn1 = conv(ins, wide, 1), nn.BatchNorm2d(wide)
        self.conv2, self.bn2 = conv(wide, wide, kernel, stride, wide), nn.BatchNorm2d(wide)
        self.se = SE(wide, ins // 4, f.silu)
        self.conv3, self.bn3 = conv(wide, outs, 1), nn.BatchNorm2d(outs)

    def forward(self, x):
        out = x if self.expansion == 1 else f.silu(self.bn1(self.conv1(x)))
        out = self.bn3(self.conv3(self.se(f.silu(self.bn2(self.conv2(out))))))
        return out + x if self.adds else out


def efficientnet_b0(classes):
    rows = zip(
        (1, 6, 6, 6, 6, 6, 6),
        (16, 24, 40, 80, 112, 192, 320),
        (1, 2, 2, 3, 3, 4, 1),
        (3, 3, 5, 3, 5, 5, 3),
        (1, 2, 2, 2, 1, 2, 1),
        strict=True,
    )
    layers, ins = [], 32
    for expansion, outs, count, kernel, stride in rows:
        for number in range(count):
            layers.append(_MBConv(ins, outs, kernel, 1 if number else stride, expansion))
            ins = outs
    return _Layers(32, layers, ins, 0, classes, f.silu)


class _Root(nn.Module):
    """dla.py: Root."""

    def __init__(self, ins, outs):
        super().__init__()
        self.conv, self.bn = conv(ins, outs, 1), nn.BatchNorm2d(outs)

    def forward(self, maps):
        return f.relu(self.bn(self.conv(torch.cat(maps, 1))))


class _Tree(nn.Module):
    """dla.py: Tree, of level 1 or 2."""

    def __init__(self, ins, outs, level, stride):
        super().__init__()
        self.level = level
        self.root = _Root((2 if level == 1 else 4) * outs, outs)
        if level == 2:
            self.level_1 = _Tree(ins, outs, 1, stride)
            self.prev_root = Basic(ins, outs, stride)
            ins, stride = outs, 1
        self.left_node, self.right_node = Basic(ins, outs, stride), Basic(outs, outs)

    def forward(self, x):
        maps = []
        if self.level == 2:
            maps = [self.prev_root(x), self.level_1(x)]
            x = maps[-1]
        left = self.left_node(x)
        return self.root([*maps, left, self.right_node(left)])


class _BinaryTree(nn.Module):
    """dla_simple.py: Tree."""

    def __init__(self, ins, outs, level, stride):
        super().__init__()
        self.root = _Root(2 * outs, outs)
        if level == 1:
            self.left_tree, self.right_tree = Basic(ins, outs, stride), Basic(outs, outs)
        else:
            self.left_tree = _BinaryTree(ins, outs, 1, stride)
            self.right_tree = _BinaryTree(outs, outs, 1, 1)

    def forward(self, x):
        left = self.left_tree(x)
        return self.root([left, self.right_tree(left)])


class DLA(nn.Module):
    """dla.py: DLA; dla_simple.py: SimpleDLA."""

    def __init__(self, channels, classes, simple=False):
        super().__init__()
        tree = _BinaryTree if simple else _Tree
        one, two, *trees = channels
        for name, ins, outs in (("base", 3, one), ("layer1", one, one), ("layer2", one, two)):
            self.add_module(name, nn.Sequential(conv(ins, outs, 3), nn.BatchNorm2d(outs), nn.ReLU()))
        ins = two
        for number, (outs, level) in enumerate(zip(trees, (1, 2, 2, 1), strict=True), start=3):
            self.add_module(f"layer{number}", tree(ins, outs, level, 1 if number == 3 else 2))
            ins = outs
        self.linear = nn.Linear(ins, classes)

    def forward(self, x):
        for name in ("base", "layer1", "layer2", "layer3", "layer4", "layer5", "layer6"):
            x = self.get_submodule(name)(x)
        return self.linear(pooled(x))


class _DualPath(nn.Module):
    """dpn.py: Bottleneck."""

    def __init__(self, ins, inner, outs, dense, groups, stride, first):
        super().__init__()
        self.outs, both = outs, outs + dense
        self.conv1, self.bn1 = conv(ins, inner, 1), nn.BatchNorm2d(inner)
        self.conv2, self.bn2 = conv(inner, inner, 3, stride, groups), nn.BatchNorm2d(inner)
        self.conv3, self.bn3 = conv(inner, both, 1), nn.BatchNorm2d(both)
        self.shortcut = projection(ins, both, stride) if first else nn.Sequential()

    def forward(self, x):
        out = f.relu(self.bn2(self.conv2(f.relu(self.bn1(self.conv1(x))))))
        out, x, d = self.bn3(self.conv3(out)), self.shortcut(x), self.outs
        return f.relu(torch.cat([x[:, :d] + out[:, :d], x[:, d:], out[:, d:]], 1))


def dpn(counts, part, classes):
    rows = ((96, 256, 16), (192, 512, 32), (384, 1024, 24), (768, 2048, 128))
    stages, ins = [], int(64 * part)
    for number, (row, count) in enumerate(zip(rows, counts, strict=True)):
        inner, outs, dense = (int(channels * part) for channels in row)
        blocks = []
        for block in range(count):
            stride = 2 if number and not block else 1
            blocks.append(_DualPath(ins, inner, outs, dense, int(32 * part), stride, block == 0))
            ins = outs + (block + 2) * dense
        stages.append(blocks)
    return Staged(int(64 * part), stages, ins, classes)


def resnext29(cardinality, group, stem, classes):
    stages, ins = [], stem
    for number in range(3):
        inner = cardinality * group * 2**number
        blocks = []
        for block in range(3):
            stride = 2 if number and not block else 1
            blocks.append(Bottleneck(ins, inner, 2 * inner, stride, cardinality))
            ins = 2 * inner
        stages.append(blocks)
    return Staged(stem, stages, ins, classes, kernel=1)


def regnet(depths, widths, group, squeeze, classes):
    stages, ins = [], 64
    for depth, outs, stride in zip(depths, widths, (1, 1, 2, 2), strict=True):
        blocks = []
        for block in range(depth):
            squeezed = round(ins / 4) if squeeze else 0
            step = 1 if block else stride
            blocks.append(Bottleneck(ins, outs, outs, step, outs // group, squeezed))
            ins = outs
        stages.append(blocks)
    return Staged(64, stages, ins, classes)


class _SepConv(nn.Module):
    """pnasnet.py: SepConv."""

    def __init__(self, ins, outs, kernel, stride):
        super().__init__()
        self.conv1, self.bn1 = conv(ins, outs, kernel, stride, ins), nn.BatchNorm2d(outs)

    def forward(self, x):
        return self.bn1(self.conv1(x))


class _Cell(nn.Module):
    """pnasnet.py: CellA, or CellB if `both`."""

    def __init__(self, ins, outs, stride, both):
        super().__init__()
        self.stride, self.both = stride, both
        self.sep_conv1 = _SepConv(ins, outs, 7, stride)
        if both:
            self.sep_conv2, self.sep_conv3 = _SepConv(ins, outs, 3, stride), _SepConv(ins, outs, 5, stride)
        if stride == 2:
            self.conv1, self.bn1 = conv(ins, outs, 1), nn.BatchNorm2d(outs)
        if both:
            self.conv2, self.bn2 = conv(2 * outs, outs, 1), nn.BatchNorm2d(outs)

    def forward(self, x):
        left, right = self.sep_conv1(x), f.max_pool2d(x, 3, self.stride, 1)
        right = self.bn1(self.conv1(right)) if self.stride == 2 else right
        if not self.both:
            return f.relu(left + right)
        halves = f.relu(left + self.sep_conv2(x)), f.relu(right + self.sep_conv3(x))
        return f.relu(self.bn2(self.conv2(torch.cat(halves, 1))))


def pnasnet(wide, both, classes):
    stages = []
    for times in (1, 2, 4):
        outs = times * wide
        if stages:
            stages.append(_Cell(outs // 2, outs, 2, both))
        stages.append([_Cell(outs, outs, 1, both) for _ in range(6)])
    return Staged(wide, stages, 4 * wide, classes)
