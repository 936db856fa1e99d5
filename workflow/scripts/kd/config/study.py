"""A study as the workflow sees it: checked, with every default filled in and every name resolved."""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby, product
from typing import Any

from kd.config.dataset import Dataset
from kd.config.stored.repays import Passes, passes_of
from kd.models.libraries.lacking import refusals
from kd.settings.compute import Compute
from kd.settings.diagnostics import Diagnostics
from kd.settings.export import Export
from kd.settings.optimizers import HIGH_RATES, LARGEST_RATE, fine_tuning
from kd.settings.recipe import Recipe
from kd.sweep.trials import Sweep

STORABLE = {"logits", "members"}  # what can be stored of a teacher
Pair = tuple[str, str]  # names of a teacher and a student
NO_TEACHER = "_none"  # in the place of a teacher's name, which never starts with "_"


def chain_name(chain: tuple[str, ...]) -> str:
    """A chain in a path: "middle+cnn.2" is middle, cnn, cnn; no name holds either sign."""
    groups = [(name, len(list(again))) for name, again in groupby(chain)]
    return "+".join(name if count == 1 else f"{name}.{count}" for name, count in groups)


def chain_of(name: str) -> tuple[str, ...]:
    """The chain that a path names."""
    groups = (part.partition(".") for part in name.split("+"))
    return tuple(network for network, _, count in groups for _ in range(int(count or 1)))


@dataclass(frozen=True)
class Network:
    """A teacher or a student: an architecture, its options and its own complete recipe."""

    name: str
    architecture: str
    options: dict[str, Any]
    recipe: Recipe
    seed: int | None = None  # of a teacher; students take the study's


@dataclass(frozen=True)
class Ensemble:
    """A teacher that is made of others."""

    name: str
    members: tuple[str, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True)
class External:
    """A teacher whose weights are the user's."""

    name: str
    architecture: str
    options: dict[str, Any]
    file: str
    mean: tuple[float, ...] = ()  # of its own training, per channel; those of the data set where it is empty
    std: tuple[float, ...] = ()


@dataclass(frozen=True)
class Method:
    """A distillation method under the name that it has in the study."""

    name: str
    parts: list[tuple[str, dict[str, Any]]]  # the methods of the code that add up in it, with their options
    needs: tuple[str, ...]  # see kd.distillation.base.Distillation
    via: tuple[str, ...] = ()  # networks between the teacher and the student
    generations: int = 1  # of the student
    pairs: tuple[Pair, ...] = ()  # the only ones that it is run with; none: all of the study
    # The parts of a network that learns from another, where they differ from `parts` in an option.
    by_pair: dict[Pair, list[tuple[str, dict[str, Any]]]] = field(default_factory=dict)

    def parts_of(self, teacher: str, student: str) -> list[tuple[str, dict[str, Any]]]:
        """The parts with the options of this student, where it learns from this network."""
        return self.by_pair.get((teacher, student), self.parts)

    def chain(self, student: str) -> tuple[str, ...]:
        """Networks trained in between: the first distilled from the teacher, the next from the one before."""
        return (*self.via, *(student,) * (self.generations - 1))

    @property
    def of_teacher(self) -> set[str]:
        """What it needs of a teacher."""
        return set(self.needs) - {"own_stages"}


@dataclass(frozen=True)
class Published:
    """A test accuracy in per cent that others have published, and what it is of: a row of the table."""

    role: str  # see kd.roles
    name: str
    teacher: str  # of a distilled student: its name, or NO_TEACHER; of others empty
    method: str  # likewise
    accuracy: float
    source: str

    @property
    def row(self) -> tuple[str, str, str, str]:
        """What it is of."""
        return self.role, self.name, self.teacher, self.method


@dataclass(frozen=True)
class Storing:
    """Whether logits of teachers are stored, as a word, and how many of each image; None for all."""

    store: str = "auto"
    top_k: int | None = None

    @property
    def in_file(self) -> Any:
        """As a config has it."""
        return {"store": self.store, "top_k": self.top_k} if self.top_k else self.store


@dataclass(frozen=True)
class Study:
    """A whole, valid study."""

    name: str
    dataset: Dataset
    teachers: dict[str, Network]
    ensembles: dict[str, Ensemble]
    students: dict[str, Network]
    pairs: tuple[Pair, ...]
    methods: dict[str, Method]
    seeds: tuple[int, ...]
    targets: Storing
    compute: Compute
    sweeps: dict[str, Sweep] = field(default_factory=dict)  # each has a method of its name
    externals: dict[str, External] = field(default_factory=dict)
    logits_teachers: dict[str, str] = field(default_factory=dict)  # teachers that are logits: their file
    diagnostics: Diagnostics = field(default_factory=Diagnostics)
    export: Export = field(default_factory=Export)
    published: tuple[Published, ...] = ()  # of rows that the table has
    unmatched: int = field(default=0, compare=False)  # published accuracies of none of its rows

    @property
    def untrained(self) -> tuple[str, ...]:
        """The teachers that this study does not train."""
        return (*self.ensembles, *self.externals, *self.logits_teachers)

    def pairs_of(self, method: str) -> tuple[Pair, ...]:
        """Who teaches whom by this method. What needs no teacher is trained once, and not once for each."""
        needed, own = self.methods[method].of_teacher, self.methods[method].pairs
        pairs = [pair for pair in self.pairs if not own or pair in own]
        if not needed:
            return tuple(dict.fromkeys((NO_TEACHER, student) for _, student in pairs))
        served = (pair for pair in pairs if needed <= self._gives(pair[0])[0])
        return tuple(pair for pair in served if not self.refusals(method, pair))

    def refusals(self, method: str, pair: Pair) -> list[tuple[str, str]]:
        """Networks of a pair that lack what a method asks of them, and what that is, as far as names tell."""
        networks = {"teachers": {**self.teachers, **self.externals}, "students": self.students}
        architectures = {
            f"{side}.{name}": those[name].architecture
            for (side, those), name in zip(networks.items(), pair, strict=True)
            if name in those
        }
        return refusals([name for name, _ in self.methods[method].parts], architectures)

    def _gives(self, teacher: str) -> tuple[set[str], str]:
        """What methods may need of a teacher, and what it is that it gives no more."""
        if teacher in self.logits_teachers:
            return {"logits"}, "which has logits alone"
        if teacher in self.ensembles:
            return STORABLE, "an ensemble, which has logits alone"
        return {"logits", "stages", "network"}, "no ensemble"

    def warnings(self) -> list[str]:
        """What is worth a look before anything runs, a sentence each."""
        alone = self.compute.sync_batch_norm and self.compute.gpus_per_job == 1
        unused = ["compute.sync_batch_norm: has no effect with gpus_per_job: 1"] if alone else []
        return [*self.unsupported(), *self._high_rates(), *self._storing(), *unused, *self._unmatched()]

    def _unmatched(self) -> list[str]:
        count, whole = self.unmatched, self.unmatched + len(self.published)
        if not count:
            return []
        return [f"published: {count} of {whole} accuracies are of networks, pairs or methods not run here"]

    def _high_rates(self) -> list[str]:
        sides = {"teachers": self.teachers, "students": self.students}
        networks = [(f"{side}.{name}", it) for side, those in sides.items() for name, it in those.items()]
        return [f"{place}: {text}" for place, network in networks if (text := _high_rate(network))]

    def unsupported(self) -> list[str]:
        """Which teachers some methods do without, and why: a sentence for each such teacher."""
        needs = {name: method.of_teacher for name, method in self.methods.items() if method.of_teacher}
        sentences = []
        for teacher in dict.fromkeys(teacher for teacher, _ in self.pairs):
            provided, kind = self._gives(teacher)
            if without := [name for name, needed in needs.items() if not needed <= provided]:
                sentences.append(f"not run with teachers.{teacher}, {kind}: {', '.join(without)}")
        lacks: dict[tuple[str, str], dict[str, None]] = {}
        for method, pair in product(self.methods, self.pairs):
            for refusal in self.refusals(method, pair):
                lacks.setdefault(refusal, {})[method] = None
        texts = {", ".join(refusal): ", ".join(without) for refusal, without in lacks.items()}
        return sentences + [f"not run with {refusal}: {without}" for refusal, without in texts.items()]

    def weights(self, teacher: str) -> list[float]:
        """Of the networks that a teacher is made of."""
        return list(self.ensembles[teacher].weights) if teacher in self.ensembles else [1.0]

    def network(self, name: str) -> Network:
        """A network that a chain names: a student, or a teacher."""
        return self.students[name] if name in self.students else self.teachers[name]

    def networks_of(self, teacher: str) -> tuple[str, ...]:
        """The networks that a teacher is: itself, or those of an ensemble."""
        return self.ensembles[teacher].members if teacher in self.ensembles else (teacher,)

    def storable(self, method: str) -> bool:
        """Whether a method needs something of a teacher, and no more than can be stored."""
        needed = self.methods[method].of_teacher
        return bool(needed) and needed <= STORABLE

    def uses_targets(self, method: str, teacher: str) -> bool:
        """Whether students of this method and teacher read stored logits instead of running the teacher."""
        return self.storable(method) and self.stores(teacher)

    def stores(self, teacher: str) -> bool:
        """Whether this teacher's logits are stored for the methods that need nothing else."""
        if self.targets.store == "auto" and self.dataset.endless:
            return self._passes[teacher].repays
        return self.targets.store != "live"

    @cached_property  # thousands of students ask
    def _passes(self) -> dict[str, Passes]:
        return {
            teacher: passes_of(self, teacher) for teacher in dict.fromkeys(pair[0] for pair in self.pairs)
        }

    def _storing(self) -> list[str]:
        """Which teachers are stored where that depends on their runs, and why; a top_k of nothing."""
        methods = [name for name in self.methods if self.storable(name)]
        stored = [teacher for teacher in self._passes if self.stores(teacher)] if methods else []
        sentences = []
        if self.targets.store == "auto" and self.dataset.endless and methods:
            sentences = [
                f"teachers.{teacher}: {'logits are stored' if passes.repays else 'runs live'}, because"
                f" {passes.runs} runs take {passes.stored} epochs of its forward passes with stored logits,"
                f" and {passes.live} live"
                for teacher, passes in self._passes.items()
            ]
        if self.targets.top_k and not stored:
            sentences.append("targets.top_k: of no teacher logits are stored, so it has no effect")
        return sentences


def _high_rate(network: Network) -> str:
    """What is to be said of a learning rate that is likely too high; nothing of others."""
    recipe, rate = network.recipe, network.recipe.highest_lr
    usually, high = fine_tuning(recipe.optimizer)["lr"], HIGH_RATES[recipe.optimizer]
    if network.options.get("pretrained") and rate > high:
        return (
            f"fine-tunes pretrained weights with lr {rate:g}, and rates above {high:g} usually undo them;"
            f" set lr: {usually:g} there"
        )
    if recipe.optimizer != "sgd" and rate > LARGEST_RATE:
        return f"lr {rate:g} is for SGD; with {recipe.optimizer} usual rates are 0.0001 to 0.003"
    return ""
