"""The section `teachers:` of a config: networks, ensembles of them, weights and logits of the user's."""

from typing import Annotated, Any

from pydantic import Field, ValidationInfo

from kd.config.networks import NetworkEntry, kind_of, read_network
from kd.config.plugins import entries, options_of, resolve, strict
from kd.config.problems import Ended, Problems
from kd.config.study.networks import Ensemble, External, Network
from kd.errors import did_you_mean
from kd.models.libraries.names import known_architecture
from kd.settings.types import FilePath, Name, Positive, Probability, Seed, Share


class TeacherEntry(NetworkEntry):
    """A teacher is trained once, with a seed of its own."""

    ensemble: Annotated[tuple[Name, ...], Field(min_length=2)] | None = Field(
        None, description="names of other teachers, whose logits are averaged; this teacher is not trained"
    )
    weights: tuple[Positive, ...] | None = Field(
        None, description="weights of the ensemble's members in the mean; default: all the same"
    )
    external: FilePath | None = Field(
        None,
        description="file of weights: .safetensors, or what torch.save wrote; this teacher is not trained",
    )
    mean: Annotated[tuple[Probability, ...], Field(min_length=1)] | None = Field(
        None,
        description="with external: of each channel, of pixels from 0 to 1, as those weights know them;"
        " default: the data set's",
    )
    std: Annotated[tuple[Share, ...], Field(min_length=1)] | None = Field(
        None, description="the standard deviation that belongs to mean"
    )
    logits: FilePath | None = Field(None, description="your own logits (.npz); this teacher is not trained")
    # Far from the students' usual 0, 1, 2, so that no student starts from its teacher's first weights.
    seed: Seed = Field(1000, description="seed of the initial weights and of the augmentation")


def _read(problems: Problems, name: str, content: Any, info: ValidationInfo) -> Any:
    """An Ensemble, the file of the user's logits, an External, or a Network."""
    kind = kind_of(content)
    if kind != "trained" and content[kind] is None:
        problems.check(TeacherEntry, content)
        problems.add((kind,), "has no value; set one, or leave this key out")
        raise Ended
    match kind:
        case "ensemble":
            return _ensemble(problems, name, content, info)
        case "logits":
            return _logits(problems, content, info)
        case "external":
            return _external(problems, name, content)
    return read_network(problems, name, content, info, TeacherEntry)


def _ensemble(problems: Problems, name: str, content: Any, info: ValidationInfo) -> Ensemble:
    checked = problems.require(strict(TeacherEntry, None, "ensemble", "weights"), content)
    teachers = info.context.written["teachers"].items()
    networks = [other for other, entry in teachers if kind_of(entry) in ("trained", "external")]
    for member in checked.ensemble:
        if member not in networks:
            text = f"{member!r} is no teacher that is trained{did_you_mean(member, networks)}"
            problems.add(("ensemble",), f"{text}; allowed: {', '.join(networks)}")
    if len(set(checked.ensemble)) < len(checked.ensemble):
        problems.add(("ensemble",), "each may be there once")
    weights = checked.weights or (1.0,) * len(checked.ensemble)
    if len(weights) != len(checked.ensemble):
        text = f"{len(weights)} for {len(checked.ensemble)} teachers; one for each is needed"
        problems.add(("weights",), text)
    return Ensemble(name, checked.ensemble, weights)


def _logits(problems: Problems, content: Any, info: ValidationInfo) -> str:
    checked = problems.require(strict(TeacherEntry, None, "logits"), content)
    if dataset := info.data.get("dataset"):
        if dataset.endless:
            text = f"no logits could be stored of endless views, as dataset.{dataset.endless} makes them"
            problems.add(("logits",), text)
        if "views" in dataset.augmentation:
            problems.add(("logits",), "are of the views of padded crops, and dataset.views numbers others")
    return checked.logits


def _external(problems: Problems, name: str, content: Any) -> External:
    keys = ("architecture", "external", "mean", "std")
    entry, checked = resolve(problems, known_architecture, TeacherEntry, content, "architecture", name, keys)
    mean, std = checked.mean or (), checked.std or ()
    if len(mean) != len(std):
        key, other = ("mean", "std") if len(mean) < len(std) else ("std", "mean")
        problems.add((key,), f"as many numbers as {other} has are needed, one for each channel")
    return External(name, entry.name, options_of(entry, checked), checked.external, mean, std)


TeacherSection = entries(Network | Ensemble | External | str, TeacherEntry, _read)
