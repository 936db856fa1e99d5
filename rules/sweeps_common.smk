"""What the rules of sweeps share: which trials there are, what they need, and which of them are compared."""

from functools import cache

from kd.sweep.trials import trial_name

SWEPT = f"{RESULTS}/sweeps/{{teacher}}/{{student}}/{{method}}"


@cache  # each of thousands of trials asks for its own
def trials(sweep, student):
    return jobs.trials(study, sweep, student)


def trial_job(wildcards):
    values = trials(wildcards.method, wildcards.student)[wildcards.trial]
    return jobs.trial_job(
        study, wildcards.teacher, wildcards.student, wildcards.method, values, int(wildcards.seed)
    )


def trial_files(wildcards):
    """What a trial needs: nothing of the test set."""
    files = taught_by(wildcards, (), trial_job(wildcards).recipe.epochs)
    return {name: path for name, path in files.items() if name != "teacher_logits"}


def rung_metrics(wildcards, rung):
    """The metrics of the trials of a sweep that are in a rung, those of a trial together."""
    sweep, pair = study.sweeps[wildcards.method], {key: wildcards[key] for key in ("teacher", "student")}
    folder = SWEPT.format(**pair, method=sweep.name)
    epochs = jobs.rungs_of(study, sweep.name, pair["student"])[rung][1]
    places = range(len(sweep.trials))
    if rung:
        before = checkpoints.halve_trials.get(**pair, method=sweep.name, rung=rung - 1).output.rung
        places = json.loads(Path(before).read_text(encoding="utf-8"))["go_on"]
    return [
        f"{folder}/{trial_name(sweep.trials[place], epochs)}/{seed}/metrics.json"
        for place in places
        for seed in sweep.seeds
    ]


def rungs_before(wildcards, rung):
    """What was found in the rungs before this one."""
    folder = SWEPT.format(**wildcards)
    return [f"{folder}/rungs/{number}.json" for number in range(rung)]


def rung_cfg(wildcards, rung):
    return json.dumps(jobs.rung_job(study, wildcards.method, wildcards.student, rung))


def last_rung(wildcards):
    """The number of the last rung, which is the only one where trials are not halved."""
    return len(jobs.rungs_of(study, wildcards.method, wildcards.student)) - 1


def student_files(wildcards):
    """What a student needs of its teacher, and of the sweep that chooses its values."""
    files = teacher_files(wildcards)
    if wildcards.method in study.sweeps:
        place = {name: wildcards[name] for name in ("teacher", "student", "method")}
        files["chosen"] = checkpoints.choose_values.get(**place).output.chosen
    return files
