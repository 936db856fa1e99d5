# What students cost where they are used, and the folders with which they go there.
LATENCY = f"{RESULTS}/latency.json"


rule measure_latency:
    input:
        data=DATA_SUMMARY,
    output:
        latency=LATENCY,
    log:
        f"{RESULTS}/logs/measure_latency.log",
    conda:
        CONDA
    threads: ALL_CORES
    params:
        cfg=json.dumps({"networks": MEASURED}, sort_keys=True),
        code=fingerprint("measure_latency.py", plan.modules(MEASURED)),
    script:
        "../workflow/scripts/measure_latency.py"


rule export_student:
    input:
        unpack(export_inputs),
    output:
        **{name: f"{EXPORTED}/{file}" for name, file in EXPORT_FILES.items()},
    log:
        f"{RESULTS}/logs/export_student/{{teacher}}/{{student}}/{{method}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/export_student/{{teacher}}/{{student}}/{{method}}.tsv"
    conda:
        CONDA
    threads: ALL_CORES
    params:
        cfg=lambda wildcards: export_job(wildcards).to_json(),
        code=export_code,
    script:
        "../workflow/scripts/export_student.py"


# No part of the study: made when it is asked for by this name.
rule export:
    input:
        all_exports(),
