from kd.config.kept.changed import resolved_yaml
from kd.config.kept.given import as_given
from kd.config.reference.matched import cells_of

CONFIG_FILES = [*reversed(BASES), *workflow.configfiles]
RUNS = plan.runs()
MEASURED_RUNS = [*RUNS, *map(layout.teacher, study.untrained)]
METRICS = [run.file("metrics") for run in MEASURED_RUNS]
HISTORIES = [run.file("history") for run in RUNS]
# Their order is that of the rows.
SHOWN = {"study": study.name, "runs": [run.path for run in MEASURED_RUNS]}
REPORT = json.dumps(SHOWN)
PUBLISHED = {"published": cells_of(study)} if study.published else {}
# In the order of the page.
ACCURACY = [f"accuracy_{cost}" for cost in ("parameters", "latency", "size")]
FIGURES = [*ACCURACY, "gain", "heat_map", "teacher_gain", "learning_curves", "loss_curves"]
# The template, style and script of the page, and how to read its figures, which no import names.
PAGE_FILES = ("base.html.jinja", "study/page.html.jinja", "study/report.css", "study/report.js")
CAPTIONS = tuple(f"../report/{figure}.rst" for figure in (*FIGURES, "sweep"))
PAGE_TEXTS = CAPTIONS + tuple(f"kd/report/{file}" for file in PAGE_FILES)
SWEPT_FIGURES = expand(rules.draw_sweep.output.svg, method=study.sweeps)


# On a cluster these are made where Snakemake runs: they take seconds.
rule build_table:
    input:
        metrics=METRICS,
        # What is measured of the logits: no training does it.
        diagnoses=DIAGNOSES,
        data=layout.summary,
    output:
        csv=layout.table("csv"),
        markdown=layout.table("md"),
    log:
        layout.log("build_table"),
    localrule: True
    conda:
        CONDA
    params:
        # A function, because Snakemake sees wildcards in the braces of a text.
        cfg=lambda wildcards: json.dumps(SHOWN | PUBLISHED),
        code=fingerprint("build_table.py"),
    script:
        "../workflow/scripts/build_table.py"


# Of a changed comment in the config nothing is trained: only the kept file and the report are made again.
rule keep_config:
    output:
        # Not removed before: it may be the very config that this run was started with.
        given=update(layout.config),
        resolved=update(layout.resolved),
    log:
        layout.log("keep_config"),
    localrule: True
    conda:
        CONDA
    params:
        # Functions, because Snakemake sees wildcards in the braces of a text.
        given_text=lambda wildcards: as_given(WHOLE, CONFIG_FILES, workflow.config_settings.config_args),
        resolved_text=lambda wildcards: resolved_yaml(study, WHOLE),
        code=fingerprint("keep_config.py"),
    script:
        "../workflow/scripts/keep_config.py"


rule draw_plots:
    input:
        table=rules.build_table.output.csv,
        metrics=[run.file("metrics") for run in RUNS],
        histories=HISTORIES,
        latency=layout.latency,
    output:
        png=[layout.figure(figure, "png") for figure in FIGURES],
        svg=[reported_figure(figure, layout.figure(figure, "svg")) for figure in FIGURES],
        narrow=[layout.figure(f"narrow/{figure}", "svg") for figure in FIGURES],
    log:
        layout.log("draw_plots"),
    localrule: True
    conda:
        CONDA
    params:
        cfg=REPORT,
        code=fingerprint("draw_plots.py"),
    script:
        "../workflow/scripts/draw_plots.py"


rule build_report:
    input:
        table=rules.build_table.output.csv,
        metrics=METRICS,
        figures=[*rules.draw_plots.output.svg, *SWEPT_FIGURES],
        data=layout.summary,
        samples=layout.samples,
        diagnoses=DIAGNOSES,
        # It leads to those that are there. Not `ancient`: Snakemake would then not look whether the report itself
        # has to be made again, in a run that makes these.
        pages=rules.build_diagnoses.output.pages,
        latency=layout.latency,
        config=rules.keep_config.output.given,
        resolved=rules.keep_config.output.resolved,
    output:
        report=report(layout.report, caption="../workflow/report/report.rst", category="Report"),
    log:
        layout.log("build_report"),
    localrule: True
    conda:
        CONDA
    params:
        cfg=REPORT,
        code=fingerprint("build_report.py", texts=PAGE_TEXTS),
    script:
        "../workflow/scripts/build_report.py"
