"""What the rules that look closely at networks share: which there are, and what is read of each."""

TAUGHT = f"{RESULTS}/distilled/{{teacher}}/{{student}}/{{method}}"


def all_cells():
    """The folder of every teacher, student alone, and teacher, student and method, in the table's order.

    With each the metrics of its first run, for what its runs have in common.
    """
    teachers = [f"{RESULTS}/teachers/{teacher}" for teacher in (*study.teachers, *study.untrained)]
    students = [
        *(f"{RESULTS}/alone/{student}" for student in study.students),
        *(
            f"{RESULTS}/distilled/{teacher}/{student}/{method}"
            for method in study.methods
            for teacher, student in study.pairs_of(method)
        ),
    ]
    first = study.seeds[0]
    return {cell: f"{cell}/metrics.json" for cell in teachers} | {
        cell: f"{cell}/{first}/metrics.json" for cell in students
    }


def of_seeds(folder, name):
    """A file of every seed of a student."""
    return [f"{folder}/{seed}/{RUN_FILES[name]}" for seed in study.seeds]


def diagnosed_students(wildcards):
    """The students of a teacher and method, what their teacher says, and the same students alone."""
    folder, teacher = TAUGHT.format(**wildcards), f"{RESULTS}/teachers/{wildcards.teacher}"
    files = {
        "dataset": DATASET,
        "test_logits": of_seeds(folder, "test_logits"),
        "alone_logits": of_seeds(f"{RESULTS}/alone/{wildcards.student}", "test_logits"),
    }
    if wildcards.teacher == NO_TEACHER:
        return files
    files["fidelity"] = f"{folder}/fidelity.json"
    stored = stored_jobs.get(wildcards.teacher)
    if not stored or stored.test:
        files["teacher_test"] = f"{teacher}/test_logits.npy"
    if jobs.compares_stages(study, wildcards.teacher):
        files["cka"] = f"{folder}/cka.json"
    return files


def comparison(wildcards):
    return jobs.comparison(study, wildcards.teacher, wildcards.student, wildcards.method)


def teacher_diagnosis(wildcards):
    return jobs.teacher_diagnosis(study, wildcards.teacher)


def alone_diagnosis(wildcards):
    return jobs.alone_diagnosis(study, wildcards.student)


def distilled_diagnosis(wildcards):
    return jobs.distilled_diagnosis(study, wildcards.teacher, wildcards.student, wildcards.method)
