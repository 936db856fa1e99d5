"""Write the config of a study for a folder of images: python workflow/scripts/new_study.py --help."""

import argparse
import logging
import sys
from pathlib import Path

from kd.errors import UserError
from kd.io.log import logger
from kd.proposal.questions import Options, config_path, decide
from kd.proposal.text import config_text
from kd.proposal.writing import write_new

ROOT = Path(__file__).parents[2]


def main(arguments: list[str] | None = None) -> int:
    """Ask what the options leave open, where there is a terminal, and write config/<study>.yaml; 0, or 1."""
    parsed = vars(_arguments(arguments))
    folder, asks = parsed.pop("folder"), not parsed.pop("yes") and sys.stdin.isatty() and sys.stdout.isatty()
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stderr)
    logger.setLevel(logging.INFO)
    try:
        proposal = decide(Options(**parsed), folder, asks=asks)
        path = config_path(folder, proposal.study)
        write_new(path, config_text(proposal))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, EOFError):
        print("\nNothing was written.", file=sys.stderr)
        return 1
    print(f"\nWrote {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}:\n")
    print(path.read_text(encoding="utf-8"))
    print(f"Estimate time and disk:  make plan STUDY={proposal.study}")
    print(f"Run:                     make run STUDY={proposal.study}")
    return 0


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Look at a folder of images and write config/<study>.yaml, a study that distils a large"
        " network into a small one on them. What the options leave open is asked for on a terminal, and else"
        " decided by the images and the machine. An existing file is never overwritten.",
    )
    parser.add_argument("--study", metavar="NAME", help="name of the study, and of its file in config/")
    parser.add_argument(
        "--data", metavar="FOLDER", help="images: FOLDER/<class>/..., or FOLDER/train/<class>/... and test/"
    )
    parser.add_argument(
        "--teacher",
        metavar="NAME",
        help="an architecture: torchvision/resnet50, timm/convnext_tiny, resnet18; those of libraries are"
        " pretrained where their weights can be downloaded",
    )
    parser.add_argument("--students", metavar="NAMES", help="architectures, separated by commas")
    parser.add_argument("--image-size", type=int, metavar="PIXELS", help="side to which images are resized")
    parser.add_argument("--epochs", type=int, metavar="N", help="epochs of every training")
    parser.add_argument("--seeds", type=int, metavar="N", help="runs of every student (default 1)")
    parser.add_argument(
        "--test-fraction",
        type=float,
        default=0.2,
        metavar="SHARE",
        help="share of each class that is for testing, where there is no train/ and test/ (default 0.2)",
    )
    parser.add_argument(
        "--group-by",
        metavar="PATTERN",
        help="regular expression on <class>/<image>: images with the same text in its brackets, such as shots"
        " of one scene, stay in one split",
    )
    parser.add_argument(
        "--pretrained",
        action=argparse.BooleanOptionalAction,
        help="start from pretrained weights, or not; default: where they can be downloaded",
    )
    parser.add_argument("--yes", action="store_true", help="ask nothing; take the defaults")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "config", help="where to write (default config/)"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # a name need not be in a terminal's alphabet
    sys.exit(main())
