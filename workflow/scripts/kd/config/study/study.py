"""A study as the workflow sees it: checked, with every default filled in and every name resolved."""

from dataclasses import dataclass, field
from functools import cached_property

from kd.config.dataset import Dataset
from kd.config.stored.repays import Passes, passes_of
from kd.config.study.methods import Method
from kd.config.study.networks import NO_TEACHER, Ensemble, External, Network, Pair
from kd.config.study.published import Published
from kd.config.study.storing import STORABLE, Storing
from kd.models.libraries.lacking import refusals
from kd.settings.compute import Compute
from kd.settings.diagnostics import Diagnostics
from kd.settings.export import Export
from kd.sweep.trials import Sweep


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
        served = (pair for pair in pairs if needed <= self.gives(pair[0])[0])
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

    def gives(self, teacher: str) -> tuple[set[str], str]:
        """What methods may need of a teacher, and what it is that it gives no more."""
        if teacher in self.logits_teachers:
            return {"logits"}, "which has logits alone"
        if teacher in self.ensembles:
            return STORABLE, "an ensemble, which has logits alone"
        return {"logits", "stages", "network"}, "no ensemble"

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
            return self.passes[teacher].repays
        return self.targets.store != "live"

    @cached_property  # thousands of students ask
    def passes(self) -> dict[str, Passes]:
        """What each teacher runs, with stored logits and live."""
        return {
            teacher: passes_of(self, teacher) for teacher in dict.fromkeys(pair[0] for pair in self.pairs)
        }
