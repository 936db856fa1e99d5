# On a cluster it is done where Snakemake runs: other nodes may not reach the net.
localrules:
    download_data,


DOWNLOADED = f"{DOWNLOADS}/{study.dataset.name}"
GATHERED = f"{DOWNLOADED}/{jobs.gathered(study)}"
GATHERS = jobs.gather_job(study)
GATHERED_FILES = {"images": f"{GATHERED}/images.safetensors", "licences": f"{GATHERED}/licences.csv"}


rule download_data:
    output:
        f"{DOWNLOADED}/{{file}}",
    log:
        f"{RESULTS}/logs/download_data/{{file}}.log",
    conda:
        CONDA
    params:
        # Neither the address nor the code: whatever fetched it, the checksum says what it is.
        cfg=lambda wildcards: json.dumps({"sha256": study.dataset.files[wildcards.file]}),
    script:
        "../workflow/scripts/download_data.py"


# Where the images are chosen out of many; what has been fetched is kept beside them, for other choices too.
if GATHERS:

    localrules:
        gather_data,

    rule gather_data:
        output:
            **GATHERED_FILES,
        log:
            f"{RESULTS}/logs/gather_data.log",
        conda:
            CONDA
        params:
            cfg=GATHERS.to_json(),
            code=fingerprint("gather_data.py", (registry.datasets()[study.dataset.name].module,)),
        script:
            "../workflow/scripts/gather_data.py"


rule prepare_data:
    input:
        GATHERED_FILES.values() if GATHERS else [],
        # Fetched again it is the same, by its checksum, which is in cfg.
        [ancient(f"{DOWNLOADED}/{file}") for file in study.dataset.files],
    output:
        dataset=DATASET,
        summary=DATA_SUMMARY,
        samples=report(SAMPLES, caption="../workflow/report/samples.rst", category="Data"),
    log:
        f"{RESULTS}/logs/prepare_data.log",
    benchmark:
        f"{RESULTS}/benchmarks/prepare_data.tsv"
    conda:
        CONDA
    params:
        cfg=data_job.to_json(),
        code=fingerprint("prepare_data.py", (registry.datasets()[study.dataset.name].module,)),
        downloads=GATHERED if GATHERS else DOWNLOADED,
    script:
        "../workflow/scripts/prepare_data.py"
