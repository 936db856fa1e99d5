"""What is worth a look in a study before anything runs."""

from itertools import product

from kd.config.study.networks import Network
from kd.config.study.study import Study
from kd.settings.optimizers import HIGH_RATES, LARGEST_RATE, fine_tuning


def warnings(study: Study) -> list[str]:
    """What is worth a look before anything runs, a sentence each."""
    alone = study.compute.sync_batch_norm and study.compute.gpus_per_job == 1
    unused = ["compute.sync_batch_norm: has no effect with gpus_per_job: 1"] if alone else []
    return [*unsupported(study), *_high_rates(study), *_storing(study), *unused, *_unmatched(study)]


def _unmatched(study: Study) -> list[str]:
    count, whole = study.unmatched, study.unmatched + len(study.published)
    if not count:
        return []
    return [f"published: {count} of {whole} accuracies are of networks, pairs or methods not run here"]


def _high_rates(study: Study) -> list[str]:
    sides = {"teachers": study.teachers, "students": study.students}
    networks = [(f"{side}.{name}", it) for side, those in sides.items() for name, it in those.items()]
    return [f"{place}: {text}" for place, network in networks if (text := _high_rate(network))]


def unsupported(study: Study) -> list[str]:
    """Which teachers some methods do without, and why: a sentence for each such teacher."""
    needs = {name: method.of_teacher for name, method in study.methods.items() if method.of_teacher}
    sentences = []
    for teacher in dict.fromkeys(teacher for teacher, _ in study.pairs):
        provided, kind = study.gives(teacher)
        if without := [name for name, needed in needs.items() if not needed <= provided]:
            sentences.append(f"not run with teachers.{teacher}, {kind}: {', '.join(without)}")
    lacks: dict[tuple[str, str], dict[str, None]] = {}
    for method, pair in product(study.methods, study.pairs):
        for refusal in study.refusals(method, pair):
            lacks.setdefault(refusal, {})[method] = None
    texts = {", ".join(refusal): ", ".join(without) for refusal, without in lacks.items()}
    return sentences + [f"not run with {refusal}: {without}" for refusal, without in texts.items()]


def _storing(study: Study) -> list[str]:
    """Which teachers are stored where that depends on their runs, and why; a top_k of nothing."""
    methods = [name for name in study.methods if study.storable(name)]
    stored = [teacher for teacher in study.passes if study.stores(teacher)] if methods else []
    sentences = []
    if study.targets.store == "auto" and study.dataset.endless and methods:
        sentences = [
            f"teachers.{teacher}: {'logits are stored' if passes.repays else 'runs live'}, because"
            f" {passes.runs} runs take {passes.stored} epochs of its forward passes with stored logits,"
            f" and {passes.live} live"
            for teacher, passes in study.passes.items()
        ]
    if study.targets.top_k and not stored:
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
