"""torchvision's residual blocks, their shortcut projected where the shapes of input and output differ."""

from torchvision.models import resnet

from kd.models.layers.blocks import Shortcut


class BasicBlock(resnet.BasicBlock):
    """3x3, 3x3 (arXiv:1512.03385, figure 5): (B, in, H, W) -> (B, out, H/stride, W/stride)."""

    def __init__(self, ins: int, outs: int, stride: int):
        super().__init__(ins, outs, stride, Shortcut(ins, outs, stride))


class Bottleneck(resnet.Bottleneck):
    """1x1, 3x3, 1x1 (figure 5), the first two with a quarter of the channels that come out.

    The stride is that of the 3x3 convolution, as in pytorch-cifar; the paper gives it to the first 1x1.
    """

    def __init__(self, ins: int, outs: int, stride: int):
        super().__init__(ins, outs // self.expansion, stride, Shortcut(ins, outs, stride))
