"""The config of a proposed study, as commented YAML."""

from collections.abc import Iterator
from typing import Any

import yaml

from kd.errors import shown
from kd.proposal.choice import Network, Proposal

COLUMN = 36  # in which comments begin, where the line is not longer


def config_text(proposal: Proposal) -> str:
    """The whole file, to be written into config/."""
    return "".join(f"{line}\n" for line in _lines(proposal))


def _lines(proposal: Proposal) -> Iterator[str]:
    inspection = proposal.inspection
    path = shown(inspection.path)
    layout = "train/ and test/" if inspection.split else "a folder for each class"
    yield "# yaml-language-server: $schema=schema.json"
    yield f"# {inspection.images:,} images, {len(inspection.classes)} classes ({layout}): {path}"
    yield "# config.yaml explains every key."
    yield _commented(f"study: {proposal.study}", f"results go to results/{proposal.study}/")
    yield "dataset:"
    yield "  name: image_folder"
    yield f"  path: {_flow(inspection.path)}"
    if not inspection.split:
        yield _commented(
            f"  test_fraction: {proposal.test_fraction:g}", "share of each class used as test split"
        )
        if proposal.group_by:
            grouped = "images with the same text in brackets stay in one split"
            yield _commented(f"  group_by: {_flow(proposal.group_by)}", grouped)
    yield _commented(f"  validation: {proposal.validation:g}", "share of the training images")
    size = "pixels a side; images are cut to their centre square and resized"
    yield _commented(f"  image_size: {proposal.image_size}", size)
    recipe = "fine-tuning of pretrained weights" if proposal.tuned else "training from scratch"
    yield _commented(f"recipe: {_flow(proposal.recipe)}", recipe)
    yield "teachers:"
    yield _network(proposal, proposal.teacher)
    yield "students:"
    yield from (_network(proposal, student) for student in proposal.students)
    yield _commented("methods: [kd]", "more in docs/methods.md: [kd, dkd]")
    runs = "runs of every student" + ("; 3 or more give confidence intervals" if proposal.seeds < 3 else "")
    yield _commented(f"seeds: {proposal.seeds}", runs)


def _network(proposal: Proposal, network: Network) -> str:
    return f"  {network.name}: {_flow(proposal.options(network))}"


def _commented(line: str, comment: str) -> str:
    return f"{line:<{COLUMN}}  # {comment}"


def _flow(value: Any) -> str:
    """A value on one line of YAML."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10**6, allow_unicode=True)
    return text.removesuffix("...\n").strip()
