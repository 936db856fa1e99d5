"""Whether it repays to store a teacher's logits where each visit of a sample shows a view of its own.

Then a stored logit is read by runs of its seed alone. What decides are forward passes of the teacher over the
training images: with stored logits, one for each epoch of the longest run of each seed; with a live teacher,
one for each epoch of each run. Numbers of the config alone, so that every run of the workflow decides in the
same way.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kd.sweep.trials import rungs

if TYPE_CHECKING:
    from kd.config.study.study import Study


@dataclass(frozen=True)
class Passes:
    """Of a teacher over the training images: with stored logits, and where it runs live."""

    stored: int
    live: int
    runs: int  # that see the teacher's logits

    @property
    def repays(self) -> bool:
        """Whether stored logits save any."""
        return self.stored < self.live


def passes_of(study: "Study", teacher: str) -> Passes:
    """Of all runs of a study that need no more than logits of this teacher."""
    lengths: dict[int, list[int]] = defaultdict(list)
    for seed, epochs in _runs(study, teacher):
        lengths[seed].append(epochs)
    stored, live = sum(map(max, lengths.values())), sum(map(sum, lengths.values()))
    return Passes(stored, live, sum(map(len, lengths.values())))


def _runs(study: "Study", teacher: str) -> Iterator[tuple[int, int]]:
    """The seed and the epochs of each."""
    for name, method in study.methods.items():
        if not study.storable(name):
            continue
        for _, student in (pair for pair in study.pairs_of(name) if pair[0] == teacher):
            chain = method.chain(student)
            epochs = study.network(chain[0] if chain else student).recipe.epochs
            yield from ((seed, epochs) for seed in study.seeds)
            if name in study.sweeps and not chain:
                yield from _trials(study, name, epochs)


def _trials(study: "Study", name: str, epochs: int) -> Iterator[tuple[int, int]]:
    sweep = study.sweeps[name]
    for count, length in rungs(len(sweep.trials), epochs) if sweep.halving else [(len(sweep.trials), epochs)]:
        yield from ((seed, length) for seed in sweep.seeds for _ in range(count))
