"""The lines of a model card that load the model, five for a picture; a test runs them."""

_UPRIGHT = 'ImageOps.exif_transpose(Image.open("image.png"))'
ONNX = f"""import json, numpy as np, onnxruntime
from PIL import Image, ImageOps
image = ImageOps.fit({_UPRIGHT}.convert("{{mode}}"), ({{width}}, {{height}}), Image.BILINEAR)
logits = onnxruntime.InferenceSession("model.onnx").run(None, {{{{"images": {{pixels}}}}}})[0]
print(json.load(open("config.json", encoding="utf-8"))["id2label"][str(logits.argmax())])"""
OTHER_PIXELS = """import json, numpy as np, onnxruntime
pixels = np.load("pixels.npy")  # uint8, ({channels}, {height}, {width})
logits = onnxruntime.InferenceSession("model.onnx").run(None, {{"images": pixels[None]}})[0]
print(json.load(open("config.json", encoding="utf-8"))["id2label"][str(logits.argmax())])"""
PROGRAM = """import torch
network = torch.export.load("model.pt2").module()
logits = network(torch.zeros(1, {channels}, {height}, {width}, dtype=torch.uint8))"""
WEIGHTS = """import torch
from pathlib import Path
from kd.networks.checkpoint import load_network
network = load_network(Path("model.safetensors"), torch.device("cpu"))  # takes (pixels / 255 - mean) / std"""
_OF_A_PICTURE = {
    1: {"mode": "L", "pixels": "np.asarray(image)[None, None]"},
    3: {"mode": "RGB", "pixels": "np.asarray(image).transpose(2, 0, 1)[None]"},
}


def blocks(channels: int, height: int, width: int) -> dict[str, str]:
    """By the name of a file the code that loads it, for images of this shape."""
    shape = {"channels": channels, "height": height, "width": width}
    picture = _OF_A_PICTURE.get(channels)
    onnx = ONNX.format(**shape, **picture) if picture else OTHER_PIXELS.format(**shape)
    return {"model.onnx": onnx, "model.pt2": PROGRAM.format(**shape), "model.safetensors": WEIGHTS}
