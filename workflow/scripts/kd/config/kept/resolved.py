"""A study as a config in which nothing is left to a default."""

from collections.abc import Mapping
from typing import Any

from kd.config.augment.changes import in_file
from kd.config.study.methods import Method
from kd.config.study.networks import NO_TEACHER, External, Network
from kd.config.study.study import Study
from kd.roles import BASELINE_ROW, DISTILLED_STUDENT, TEACHER

SETTINGS = ("diagnostics", "compute", "export")
Tree = dict[str, Any]
_SIDES = {TEACHER: "teachers", BASELINE_ROW: "baselines"}  # of a published accuracy


def resolved(study: Study, config: Mapping[str, Any]) -> Tree:
    """A config of the same study in which nothing is left to a default; each network has its own recipe.

    `config` is what the study was read from. A sweep stands as there, with the defaults of its keys: of a
    study only the drawn trials are known.
    """
    everyone = {"all": [[teacher, student] for teacher in _teachers(study) for student in study.students]}
    pairs = list(map(list, study.pairs))
    return {
        "study": study.name,
        "dataset": _dataset(study),
        "teachers": _teachers(study),
        "students": {name: _network(network) for name, network in study.students.items()},
        "pairs": "all" if pairs == everyone["all"] else pairs,
        "methods": {name: _method(it) for name, it in study.methods.items() if name not in study.sweeps},
        **({"sweep": _sweeps(study, config)} if study.sweeps else {}),
        "seeds": list(study.seeds),
        "targets": study.targets.in_file,
        **{name: getattr(study, name).model_dump(mode="json", exclude_none=True) for name in SETTINGS},
        **({"published": _published(study)} if study.published else {}),
    }


def _dataset(study: Study) -> Tree:
    data = study.dataset
    own = {"validation": data.validation, "split_seed": data.split_seed} | in_file(data)
    own |= {"train_images": data.train_images} if data.train_images else {}
    own |= {"shards": data.shards} | ({"mirror": data.mirror} if data.mirror else {})
    return {"name": data.name} | data.options | own


def _teachers(study: Study) -> dict[str, Tree]:
    trained = {name: _network(network) for name, network in study.teachers.items()}
    ensembles = {
        name: {"ensemble": list(ensemble.members), "weights": list(ensemble.weights)}
        for name, ensemble in study.ensembles.items()
    }
    externals = {name: _network(network) for name, network in study.externals.items()}
    logits = {name: {"logits": file} for name, file in study.logits_teachers.items()}
    return trained | ensembles | externals | logits


def _network(network: Network | External) -> Tree:
    entry = {"architecture": network.architecture} | network.options
    if isinstance(network, External):
        own = {"mean": list(network.mean), "std": list(network.std)} if network.mean else {}
        return entry | {"external": network.file} | own
    return entry | network.recipe.applicable() | ({} if network.seed is None else {"seed": network.seed})


def _method(method: Method) -> Tree:
    links: Tree = {"via": list(method.via)} if method.via else {}
    links |= {"generations": method.generations} if method.generations > 1 else {}
    links |= {"pairs": list(map(list, method.pairs))} if method.pairs else {}
    parts = {name: options | by_pair_of(method, name) for name, options in method.parts}
    if len(parts) == 1:
        ((name, options),) = parts.items()
        return {"method": name} | options | links
    return parts | links


def by_pair_of(method: Method, part: str) -> Tree:
    """The key `by_pair` of a part: the options of single pairs that the others do not have; {} for none."""
    usual, own = dict(method.parts)[part], {}
    for (teacher, student), parts in method.by_pair.items():
        options = {key: value for key, value in dict(parts)[part].items() if value != usual[key]}
        if options:
            own.setdefault(teacher, {})[student] = options
    return {"by_pair": own} if own else {}


def _published(study: Study) -> list[Tree]:
    """A table for each source."""
    tables: dict[str, Tree] = {}
    for cell in study.published:
        table = tables.setdefault(cell.source, {"source": cell.source})
        if cell.role != DISTILLED_STUDENT:
            table.setdefault(_SIDES[cell.role], {})[cell.name] = cell.accuracy
            continue
        taught = table.setdefault("methods", {}).setdefault(cell.method, {})
        by_student = taught if cell.teacher == NO_TEACHER else taught.setdefault(cell.teacher, {})
        by_student[cell.name] = cell.accuracy
    return list(tables.values())


def _sweeps(study: Study, config: Mapping[str, Any]) -> dict[str, Tree]:
    entries = {}
    for name, sweep in study.sweeps.items():
        ((method, options),) = study.methods[name].parts
        usual = {"search": "grid", "seeds": list(sweep.seeds)}
        entries[name] = {"method": method} | options | usual | dict(config["sweep"][name])
    return entries
