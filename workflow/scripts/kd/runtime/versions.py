"""Versions of what a latency, or an exported file, depends on."""

import platform
from importlib.metadata import version


def versions() -> dict[str, str]:
    """Of Python, and of the packages that run networks and write their files."""
    packages = ("torch", "onnx", "onnxruntime", "numpy")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}
