"""The CIFAR networks of RepDistiller and mdistiller, restated: their modules' names and order, and their logits.

Written from github.com/HobbitLong/RepDistiller (models/) and megvii-research/mdistiller (mdistiller/models/cifar/),
whose modules have the same names. Channels are arguments, so that tests can have narrow ones.
"""

import torch
from torch import nn
from torch.nn import functional as f


def conv(ins, outs, kernel, stride=1, groups=1, bias=False):
    return nn.Conv2d(ins, outs, kernel, stride, kernel // 2, groups=groups, bias=bias)


def pooled(x):
    return x.mean((2, 3))


class _Block(nn.Module):
    """resnet.py: BasicBlock."""

    def __init__(self, ins, outs, stride):
        super().__init__()
        self.conv1, self.bn1 = conv(ins, outs, 3, stride), nn.BatchNorm2d(outs)
        self.conv2, self.bn2 = conv(outs, outs, 3), nn.BatchNorm2d(outs)
        if stride != 1 or ins != outs:
            self.downsample = nn.Sequential(conv(ins, outs, 1, stride), nn.BatchNorm2d(outs))

    def forward(self, x):
        out = self.bn2(self.conv2(f.relu(self.bn1(self.conv1(x)))))
        return f.relu(out + (self.downsample(x) if hasattr(self, "downsample") else x))


class ResNet(nn.Module):
    """resnet.py: ResNet, resnet8 to resnet110, resnet8x4, resnet32x4."""

    def __init__(self, blocks, channels, classes):
        super().__init__()
        self.conv1, self.bn1 = conv(3, channels[0], 3), nn.BatchNorm2d(channels[0])
        for stage in (1, 2, 3):
            ins, outs = channels[stage - 1 : stage + 1]
            first = _Block(ins, outs, 1 if stage == 1 else 2)
            self.add_module(
                f"layer{stage}", nn.Sequential(first, *(_Block(outs, outs, 1) for _ in range(blocks - 1)))
            )
        self.fc = nn.Linear(channels[3], classes)

    def forward(self, x):
        x = f.relu(self.bn1(self.conv1(x)))
        return self.fc(pooled(self.layer3(self.layer2(self.layer1(x)))))


class _WideBlock(nn.Module):
    """wrn.py: BasicBlock."""

    def __init__(self, ins, outs, stride):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(ins), conv(ins, outs, 3, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(outs), conv(outs, outs, 3)
        self.same = ins == outs
        self.convShortcut = None if self.same else conv(ins, outs, 1, stride)

    def forward(self, x):
        active = f.relu(self.bn1(x))
        out = self.conv2(f.relu(self.bn2(self.conv1(active))))
        return (x if self.same else self.convShortcut(active)) + out


class _WideStage(nn.Module):
    """wrn.py: NetworkBlock."""

    def __init__(self, blocks, ins, outs, stride):
        super().__init__()
        self.layer = nn.Sequential(
            _WideBlock(ins, outs, stride), *(_WideBlock(outs, outs, 1) for _ in range(blocks - 1))
        )

    def forward(self, x):
        return self.layer(x)


class WideResNet(nn.Module):
    """wrn.py: wrn_16_1 to wrn_40_2."""

    def __init__(self, depth, channels, classes):
        super().__init__()
        blocks = (depth - 4) // 6
        self.conv1 = conv(3, channels[0], 3)
        for stage in (1, 2, 3):
            ins, outs = channels[stage - 1 : stage + 1]
            self.add_module(f"block{stage}", _WideStage(blocks, ins, outs, 1 if stage == 1 else 2))
        self.bn1 = nn.BatchNorm2d(channels[3])
        self.fc = nn.Linear(channels[3], classes)

    def forward(self, x):
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        return self.fc(pooled(f.relu(self.bn1(x))))


class VGG(nn.Module):
    """vgg.py: vgg8_bn to vgg19_bn."""

    def __init__(self, counts, channels, classes):
        super().__init__()
        ins = 3
        for number, (count, outs) in enumerate(zip(counts, channels, strict=True)):
            layers = []
            for _ in range(count):
                layers += [conv(ins, outs, 3, bias=True), nn.BatchNorm2d(outs), nn.ReLU()]
                ins = outs
            self.add_module(f"block{number}", nn.Sequential(*layers[:-1]))
        self.classifier = nn.Linear(ins, classes)

    def forward(self, x):
        pools_fourth = x.shape[2] == 64
        x = f.relu(self.block0(x))
        x = f.relu(self.block1(f.max_pool2d(x, 2)))
        x = f.relu(self.block2(f.max_pool2d(x, 2)))
        x = f.relu(self.block3(f.max_pool2d(x, 2)))
        x = f.max_pool2d(x, 2) if pools_fourth else x
        return self.classifier(f.adaptive_avg_pool2d(f.relu(self.block4(x)), 1).flatten(1))


class _Inverted(nn.Module):
    """mobilenetv2.py: InvertedResidual."""

    def __init__(self, ins, outs, stride, expand):
        super().__init__()
        wide = ins * expand
        self.adds = stride == 1 and ins == outs
        self.conv = nn.Sequential(
            *(conv(ins, wide, 1), nn.BatchNorm2d(wide), nn.ReLU()),
            *(conv(wide, wide, 3, stride, wide), nn.BatchNorm2d(wide), nn.ReLU()),
            *(conv(wide, outs, 1), nn.BatchNorm2d(outs)),
        )

    def forward(self, x):
        return x + self.conv(x) if self.adds else self.conv(x)


class MobileHalf(nn.Module):
    """mobilenetv2.py: mobile_half, whose rows here have their channels as they are."""

    def __init__(self, stem, channels, last, classes):
        super().__init__()
        rows = zip((1, 6, 6, 6, 6, 6, 6), channels, (1, 2, 3, 4, 3, 3, 1), (1, 1, 2, 2, 1, 2, 1), strict=True)
        self.conv1 = nn.Sequential(conv(3, stem, 3, 2), nn.BatchNorm2d(stem), nn.ReLU())
        self.blocks, ins = nn.ModuleList(), stem
        for expand, outs, count, stride in rows:
            blocks = [_Inverted(ins, outs, stride, expand)]
            blocks += [_Inverted(outs, outs, 1, expand) for _ in range(count - 1)]
            self.blocks.append(nn.Sequential(*blocks))
            ins = outs
        self.conv2 = nn.Sequential(conv(ins, last, 1), nn.BatchNorm2d(last), nn.ReLU())
        self.classifier = nn.Sequential(nn.Linear(last, classes))

    def forward(self, x):
        x = self.conv1(x)
        for blocks in self.blocks:
            x = blocks(x)
        return self.classifier(pooled(self.conv2(x)))


def shuffled(x, groups):
    batch, channels, height, width = x.shape
    x = x.reshape(batch, groups, channels // groups, height, width)
    return x.permute(0, 2, 1, 3, 4).reshape(batch, channels, height, width)


class _ShuffleUnit(nn.Module):
    """ShuffleNetv1.py: Bottleneck."""

    def __init__(self, ins, outs, stride, groups, stem):
        super().__init__()
        middle = outs // 4
        self.stride, self.groups = stride, 1 if ins == stem else groups
        self.conv1, self.bn1 = conv(ins, middle, 1, groups=self.groups), nn.BatchNorm2d(middle)
        self.conv2, self.bn2 = conv(middle, middle, 3, stride, middle), nn.BatchNorm2d(middle)
        self.conv3, self.bn3 = conv(middle, outs, 1, groups=groups), nn.BatchNorm2d(outs)

    def forward(self, x):
        out = shuffled(f.relu(self.bn1(self.conv1(x))), self.groups)
        out = self.bn3(self.conv3(f.relu(self.bn2(self.conv2(out)))))
        if self.stride == 2:
            return f.relu(torch.cat([out, f.avg_pool2d(x, 3, 2, 1)], 1))
        return f.relu(out + x)


class ShuffleV1(nn.Module):
    """ShuffleNetv1.py: ShuffleV1; pytorch-cifar's shufflenet.py has the same names."""

    def __init__(self, stem, channels, groups, classes):
        super().__init__()
        self.conv1, self.bn1 = conv(3, stem, 1), nn.BatchNorm2d(stem)
        ins = stem
        for stage, (outs, count) in enumerate(zip(channels, (4, 8, 4), strict=True), start=1):
            units = [_ShuffleUnit(ins, outs - ins, 2, groups, stem)]
            units += [_ShuffleUnit(outs, outs, 1, groups, stem) for _ in range(count - 1)]
            self.add_module(f"layer{stage}", nn.Sequential(*units))
            ins = outs
        self.linear = nn.Linear(ins, classes)

    def forward(self, x):
        x = f.relu(self.bn1(self.conv1(x)))
        return self.linear(pooled(self.layer3(self.layer2(self.layer1(x)))))


class _Split(nn.Module):
    """ShuffleNetv2.py: BasicBlock."""

    def __init__(self, channels):
        super().__init__()
        half = channels // 2
        self.conv1, self.bn1 = conv(half, half, 1), nn.BatchNorm2d(half)
        self.conv2, self.bn2 = conv(half, half, 3, groups=half), nn.BatchNorm2d(half)
        self.conv3, self.bn3 = conv(half, half, 1), nn.BatchNorm2d(half)

    def forward(self, x):
        kept, x = x.chunk(2, 1)
        x = self.bn2(self.conv2(f.relu(self.bn1(self.conv1(x)))))
        return shuffled(torch.cat([kept, f.relu(self.bn3(self.conv3(x)))], 1), 2)


class _Down(nn.Module):
    """ShuffleNetv2.py: DownBlock."""

    def __init__(self, ins, outs):
        super().__init__()
        half = outs // 2
        self.conv1, self.bn1 = conv(ins, ins, 3, 2, ins), nn.BatchNorm2d(ins)
        self.conv2, self.bn2 = conv(ins, half, 1), nn.BatchNorm2d(half)
        self.conv3, self.bn3 = conv(ins, half, 1), nn.BatchNorm2d(half)
        self.conv4, self.bn4 = conv(half, half, 3, 2, half), nn.BatchNorm2d(half)
        self.conv5, self.bn5 = conv(half, half, 1), nn.BatchNorm2d(half)

    def forward(self, x):
        left = f.relu(self.bn2(self.conv2(self.bn1(self.conv1(x)))))
        right = self.bn4(self.conv4(f.relu(self.bn3(self.conv3(x)))))
        return shuffled(torch.cat([left, f.relu(self.bn5(self.conv5(right)))], 1), 2)


class ShuffleV2(nn.Module):
    """ShuffleNetv2.py: ShuffleNetV2; pytorch-cifar's has a stem of 3x3."""

    def __init__(self, stem, channels, last, classes, kernel=1):
        super().__init__()
        self.conv1, self.bn1 = conv(3, stem, kernel), nn.BatchNorm2d(stem)
        ins = stem
        for stage, (outs, count) in enumerate(zip(channels, (3, 7, 3), strict=True), start=1):
            units = _Down(ins, outs), *(_Split(outs) for _ in range(count))
            self.add_module(f"layer{stage}", nn.Sequential(*units))
            ins = outs
        self.conv2, self.bn2 = conv(ins, last, 1), nn.BatchNorm2d(last)
        self.linear = nn.Linear(last, classes)

    def forward(self, x):
        x = f.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(pooled(f.relu(self.bn2(self.conv2(x)))))
