# What students cost where they are used, and the folders with which they go there.
from kd.plan.export import export_job, measured, modules

MEASURED = measured(study)


rule measure_latency:
    input:
        data=layout.summary,
    output:
        latency=layout.latency,
    log:
        layout.log("measure_latency"),
    conda:
        CONDA
    threads: cores.all
    params:
        cfg=json.dumps({"networks": MEASURED}, sort_keys=True),
        code=fingerprint("measure_latency.py", modules(MEASURED)),
    script:
        "../workflow/scripts/measure_latency.py"


rule export_student:
    input:
        unpack(from_wildcards(plan.export_inputs)),
    output:
        **plan.export_outputs(),
    log:
        layout.log("export_student/{teacher}/{student}/{method}"),
    benchmark:
        layout.benchmark("export_student/{teacher}/{student}/{method}")
    conda:
        CONDA
    threads: cores.all
    params:
        **job_params("export_student.py", export_job),
    script:
        "../workflow/scripts/export_student.py"


# No part of the study: made when it is asked for by this name.
rule export:
    input:
        plan.exports(),
