from kd.plan.data import card_job, gather_job, samples_params
from kd.plan.layout import downloads

DOWNLOADS = downloads(study.dataset.name)
GATHER = gather_job(study)
IMAGES = downloads(study.dataset.name, plan.data.gathered)


# On a cluster it is done where Snakemake runs: other nodes may not reach the net.
rule download_data:
    output:
        DOWNLOADS.file("{file}"),
    log:
        layout.log("download_data/{file}"),
    localrule: True
    conda:
        CONDA
    params:
        # Neither the address nor the code: whatever fetched it, the checksum says what it is.
        cfg=lambda wildcards: json.dumps({"sha256": study.dataset.files[wildcards.file]}),
    script:
        "../workflow/scripts/download_data.py"


# Where the images are chosen out of many; what has been fetched is kept beside them, for other choices too.
if GATHER:

    rule gather_data:
        output:
            **IMAGES.files("images", "licences"),
        log:
            layout.log("gather_data"),
        localrule: True
        conda:
            CONDA
        params:
            cfg=GATHER.to_json(),
            code=code_of("gather_data.py", GATHER),
        script:
            "../workflow/scripts/gather_data.py"


rule prepare_data:
    input:
        IMAGES.files("images", "licences").values() if GATHER else [],
        # Fetched again it is the same, by its checksum, which is in cfg.
        [ancient(DOWNLOADS.file(name)) for name in study.dataset.files],
    output:
        dataset=layout.dataset,
        notes=layout.notes,
    log:
        layout.log("prepare_data"),
    benchmark:
        layout.benchmark("prepare_data")
    conda:
        CONDA
    params:
        cfg=plan.data.to_json(),
        code=code_of("prepare_data.py", plan.data),
        downloads=str(IMAGES),
    script:
        "../workflow/scripts/prepare_data.py"


# What people read of it is made apart: of a corrected licence or another picture nothing is trained.
rule describe_data:
    input:
        dataset=layout.dataset,
        notes=layout.notes,
    output:
        summary=layout.summary,
    log:
        layout.log("describe_data"),
    conda:
        CONDA
    params:
        cfg=card_job(study, plan.data).to_json(),
        code=fingerprint("describe_data.py"),
    script:
        "../workflow/scripts/describe_data.py"


rule draw_samples:
    input:
        dataset=layout.dataset,
    output:
        samples=report(layout.samples, caption="../workflow/report/samples.rst", category="Data"),
    log:
        layout.log("draw_samples"),
    conda:
        CONDA
    params:
        **samples_params(study),
        code=fingerprint("draw_samples.py"),
    script:
        "../workflow/scripts/draw_samples.py"
