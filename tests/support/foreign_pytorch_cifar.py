"""The networks of pytorch-cifar, restated: their modules' names and order, and their logits.

Written from github.com/kuangliu/pytorch-cifar (models/). Channels are arguments, so that tests can have narrow
ones; where that has average poolings of the whole last map, here stands its mean. Its ShuffleNets are in
foreign_distillers.
"""

import torch
from foreign_distillers import conv, pooled
from torch import nn
from torch.nn import functional as f


def projection(ins, outs, stride):
    return nn.Sequential(conv(ins, outs, 1, stride), nn.BatchNorm2d(outs))


class VGG(nn.Module):
    """vgg.py."""

    def __init__(self, counts, channels, classes):
        super().__init__()
        layers, ins = [], 3
        for count, outs in zip(counts, channels, strict=True):
            for _ in range(count):
                layers += [conv(ins, outs, 3, bias=True), nn.BatchNorm2d(outs), nn.ReLU()]
                ins = outs
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(ins, classes)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


class Basic(nn.Module):
    """resnet.py and dla.py: BasicBlock."""

    def __init__(self, ins, outs, stride=1):
        super().__init__()
        self.conv1, self.bn1 = conv(ins, outs, 3, stride), nn.BatchNorm2d(outs)
        self.conv2, self.bn2 = conv(outs, outs, 3), nn.BatchNorm2d(outs)
        self.shortcut = projection(ins, outs, stride) if stride != 1 or ins != outs else nn.Sequential()

    def forward(self, x):
        out = self.bn2(self.conv2(f.relu(self.bn1(self.conv1(x)))))
        return f.relu(out + self.shortcut(x))


class Bottleneck(nn.Module):
    """resnet.py: Bottleneck; resnext.py and regnet.py: Block; they differ in their channels."""

    def __init__(self, ins, inner, outs, stride, groups=1, squeezed=0):
        super().__init__()
        self.conv1, self.bn1 = conv(ins, inner, 1), nn.BatchNorm2d(inner)
        self.conv2, self.bn2 = conv(inner, inner, 3, stride, groups), nn.BatchNorm2d(inner)
        if squeezed:
            self.se = SE(inner, squeezed, f.relu)
        self.conv3, self.bn3 = conv(inner, outs, 1), nn.BatchNorm2d(outs)
        self.shortcut = projection(ins, outs, stride) if stride != 1 or ins != outs else nn.Sequential()

    def forward(self, x):
        out = f.relu(self.bn2(self.conv2(f.relu(self.bn1(self.conv1(x))))))
        out = self.se(out) if hasattr(self, "se") else out
        return f.relu(self.bn3(self.conv3(out)) + self.shortcut(x))


class SE(nn.Module):
    """regnet.py and efficientnet.py: SE."""

    def __init__(self, channels, squeezed, activation):
        super().__init__()
        self.se1, self.se2 = conv(channels, squeezed, 1, bias=True), conv(squeezed, channels, 1, bias=True)
        self.activation = activation

    def forward(self, x):
        return x * self.se2(self.activation(self.se1(f.adaptive_avg_pool2d(x, 1)))).sigmoid()


class Staged(nn.Module):
    """A stem, `layer1` and so on, and `linear`, as most networks there have them.

    `stages`: of each its blocks. `norm`: whether the stem has one, and a ReLU.
    """

    def __init__(self, stem, stages, features, classes, kernel=3, norm=True):
        super().__init__()
        self.conv1 = conv(3, stem, kernel)
        if norm:
            self.bn1 = nn.BatchNorm2d(stem)
        for number, blocks in enumerate(stages, start=1):
            whole = blocks if isinstance(blocks, nn.Module) else nn.Sequential(*blocks)
            self.add_module(f"layer{number}", whole)
        self.stages, self.linear = len(stages), nn.Linear(features, classes)

    def forward(self, x):
        x = self.conv1(x)
        x = f.relu(self.bn1(x)) if hasattr(self, "bn1") else x
        for number in range(self.stages):
            x = self.get_submodule(f"layer{number + 1}")(x)
        return self.linear(pooled(x))


def chain(make, ins, outs, count, stride):
    """Blocks in a row, the first of them with the stride."""
    return [make(ins, outs, stride), *(make(outs, outs, 1) for _ in range(count - 1))]


def resnet(counts, channels, classes, bottleneck=False):
    def make(ins, outs, stride):
        return Bottleneck(ins, outs // 4, outs, stride) if bottleneck else Basic(ins, outs, stride)

    return of_blocks(make, counts, channels, classes, 4 if bottleneck else 1)


def of_blocks(make, counts, channels, classes, expansion=1, norm=True):
    stages, ins = [], channels[0]
    for number, (count, planes) in enumerate(zip(counts, channels, strict=True)):
        stages.append(chain(make, ins, planes * expansion, count, 2 if number else 1))
        ins = planes * expansion
    return Staged(channels[0], stages, ins, classes, norm=norm)


class PreAct(nn.Module):
    """preact_resnet.py: PreActBlock and PreActBottleneck; senet.py: PreActBlock, with fc1 and fc2."""

    def __init__(self, ins, outs, stride, inner=0, squeezed=0):
        super().__init__()
        sizes = [(ins, inner, 1), (inner, inner, 3), (inner, outs, 1)] if inner else []
        sizes = sizes or [(ins, outs, 3), (outs, outs, 3)]
        self.count, strided = len(sizes), 1 if inner else 0
        for number, (before, after, kernel) in enumerate(sizes):
            step = stride if number == strided else 1
            norm, layer = nn.BatchNorm2d(before), conv(before, after, kernel, step)
            self.add_module(f"bn{number + 1}", norm)
            self.add_module(f"conv{number + 1}", layer)
        if stride != 1 or ins != outs:
            self.shortcut = nn.Sequential(conv(ins, outs, 1, stride))
        if squeezed:
            self.fc1, self.fc2 = conv(outs, squeezed, 1, bias=True), conv(squeezed, outs, 1, bias=True)

    def forward(self, x):
        out = f.relu(self.bn1(x))
        shortcut = self.shortcut(out) if hasattr(self, "shortcut") else x
        out = self.conv1(out)
        for number in range(2, self.count + 1):
            out = f.relu(self.get_submodule(f"bn{number}")(out))
            out = self.get_submodule(f"conv{number}")(out)
        if hasattr(self, "fc1"):
            gate = self.fc2(f.relu(self.fc1(f.avg_pool2d(out, out.shape[2]))))
            out = out * gate.sigmoid()
        return out + shortcut


def preact_resnet(counts, channels, classes, bottleneck=False):
    def make(ins, outs, stride):
        return PreAct(ins, outs, stride, outs // 4 if bottleneck else 0)

    return of_blocks(make, counts, channels, classes, 4 if bottleneck else 1, norm=False)


def senet(channels, classes):
    def make(ins, outs, stride):
        return PreAct(ins, outs, stride, squeezed=max(outs // 16, 4))  # at least 4 where they are narrow

    return of_blocks(make, (2, 2, 2, 2), channels, classes)


def norm_relu(ins, outs, kernel):
    return [conv(ins, outs, kernel, bias=True), nn.BatchNorm2d(outs), nn.ReLU()]


class Inception(nn.Module):
    """googlenet.py."""

    def __init__(self, ins, one, reduce3, three, reduce5, five, pool):
        super().__init__()
        self.b1 = nn.Sequential(*norm_relu(ins, one, 1))
        self.b2 = nn.Sequential(*norm_relu(ins, reduce3, 1), *norm_relu(reduce3, three, 3))
        self.b3 = nn.Sequential(
            *norm_relu(ins, reduce5, 1), *norm_relu(reduce5, five, 3), *norm_relu(five, five, 3)
        )
        self.b4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), *norm_relu(ins, pool, 1))

    def forward(self, x):
        return torch.cat([self.b1(x), self.b2(x), self.b3(x), self.b4(x)], 1)


class GoogLeNet(nn.Module):
    """googlenet.py; `part`: of its channels that are there."""

    ROWS = (
        ("a3", 64, 96, 128, 16, 32, 32),
        ("b3", 128, 128, 192, 32, 96, 64),
        ("a4", 192, 96, 208, 16, 48, 64),
        ("b4", 160, 112, 224, 24, 64, 64),
        ("c4", 128, 128, 256, 24, 64, 64),
        ("d4", 112, 144, 288, 32, 64, 64),
        ("e4", 256, 160, 320, 32, 128, 128),
        ("a5", 256, 160, 320, 32, 128, 128),
        ("b5", 384, 192, 384, 48, 128, 128),
    )

    def __init__(self, part, classes):
        super().__init__()
        ins = int(192 * part)
        self.pre_layers = nn.Sequential(*norm_relu(3, ins, 3))
        for name, *row in self.ROWS:
            one, reduce3, three, reduce5, five, pool = (int(channels * part) for channels in row)
            self.add_module(name, Inception(ins, one, reduce3, three, reduce5, five, pool))
            ins = one + three + five + pool
        self.linear = nn.Linear(ins, classes)

    def forward(self, x):
        x = self.pre_layers(x)
        for name, *_ in self.ROWS:
            x = f.max_pool2d(x, 3, 2, 1) if name in ("a4", "a5") else x
            x = self.get_submodule(name)(x)
        return self.linear(pooled(x))


class DenseLayer(nn.Module):
    """densenet.py: Bottleneck, which puts what is new in front."""

    def __init__(self, ins, growth):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(ins), conv(ins, 4 * growth, 1)
        self.bn2, self.conv2 = nn.BatchNorm2d(4 * growth), conv(4 * growth, growth, 3)

    def forward(self, x):
        new = self.conv2(f.relu(self.bn2(self.conv1(f.relu(self.bn1(x))))))
        return torch.cat([new, x], 1)


class Transition(nn.Module):
    """densenet.py."""

    def __init__(self, ins, outs):
        super().__init__()
        self.bn, self.conv = nn.BatchNorm2d(ins), conv(ins, outs, 1)

    def forward(self, x):
        return f.avg_pool2d(self.conv(f.relu(self.bn(x))), 2)


class DenseNet(nn.Module):
    """densenet.py."""

    def __init__(self, counts, growth, classes):
        super().__init__()
        ins = 2 * growth
        self.conv1 = conv(3, ins, 3)
        for number, count in enumerate(counts, start=1):
            layers = [DenseLayer(ins + layer * growth, growth) for layer in range(count)]
            self.add_module(f"dense{number}", nn.Sequential(*layers))
            ins += count * growth
            if number < len(counts):
                self.add_module(f"trans{number}", Transition(ins, ins // 2))
                ins //= 2
        self.bn, self.linear = nn.BatchNorm2d(ins), nn.Linear(ins, classes)

    def forward(self, x):
        x = self.trans1(self.dense1(self.conv1(x)))
        x = self.dense4(self.trans3(self.dense3(self.trans2(self.dense2(x)))))
        return self.linear(pooled(f.relu(self.bn(x))))
