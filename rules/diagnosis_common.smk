"""What the rules that look closely at networks share: which there are, and what is read of each."""


def all_cells():
    """The folder of every teacher, student alone, and teacher, student and method, in the table's order."""
    return [
        *(f"{RESULTS}/teachers/{teacher}" for teacher in (*study.teachers, *study.untrained)),
        *(f"{RESULTS}/alone/{student}" for student in study.students),
        *(
            f"{RESULTS}/distilled/{teacher}/{student}/{method}"
            for method in study.methods
            for teacher, student in study.couples(method)
        ),
    ]


def of_seeds(folder):
    """What is read of a student, of every seed."""
    return {
        "dataset": DATASET,
        "metrics": f"{folder}/{study.seeds[0]}/metrics.json",  # for what they have in common
        "test_logits": [f"{folder}/{seed}/test_logits.npy" for seed in study.seeds],
    }


def diagnosed_teacher(wildcards):
    """Of a teacher that is logits alone there is no network."""
    folder = f"{RESULTS}/teachers/{wildcards.teacher}"
    files = {
        "dataset": DATASET,
        "metrics": f"{folder}/metrics.json",
        "test_logits": [f"{folder}/test_logits.npy"],
    }
    network = [] if wildcards.teacher in study.stored else [f"{folder}/model.safetensors"]
    return files | {"models": network}


def diagnosed_alone(wildcards):
    return of_seeds(f"{RESULTS}/alone/{wildcards.student}")


def diagnosed_students(wildcards):
    """The students of a teacher and method, what their teacher says, and the same students alone."""
    folder = f"{RESULTS}/distilled/{wildcards.teacher}/{wildcards.student}/{wildcards.method}"
    files = of_seeds(folder) | {
        "models": [f"{folder}/{seed}/model.safetensors" for seed in study.seeds],
        "alone_logits": of_seeds(f"{RESULTS}/alone/{wildcards.student}")["test_logits"],
    }
    if wildcards.teacher == NO_TEACHER:
        return files
    teacher, stored = f"{RESULTS}/teachers/{wildcards.teacher}", stored_jobs.get(wildcards.teacher)
    files["teacher_train"] = f"{teacher}/train_logits.npy"
    if not stored or stored.test:
        files["teacher_test"] = f"{teacher}/test_logits.npy"
    if distilled_diagnosis(wildcards).cka:
        files["teacher_model"] = f"{teacher}/model.safetensors"
    return files


def teacher_diagnosis(wildcards):
    stored = stored_jobs.get(wildcards.teacher)
    return jobs.teacher_diagnosis(study, wildcards.teacher, stored and stored.sha256)


def alone_diagnosis(wildcards):
    return jobs.alone_diagnosis(study, wildcards.student)


def distilled_diagnosis(wildcards):
    return jobs.distilled_diagnosis(study, wildcards.teacher, wildcards.student, wildcards.method)
