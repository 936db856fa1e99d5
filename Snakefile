"""Knowledge distillation, from the images to the table: see README.md."""

from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.0")
if {"{", "}"} & set(str(workflow.current_basedir)):
    raise WorkflowError(
        "The path of this clone has braces, in which Snakemake sees wildcards; rename the folder, or clone into another."
    )


# Snakemake would merge a config named on the command line into this one; a study has to stand alone. With --directory
# the folder may have none, and that of the clone is taken.
if not workflow.overwrite_configfiles:
    DEFAULT = Path("config/config.yaml")

    configfile: DEFAULT if DEFAULT.exists() else Path(workflow.current_basedir) / DEFAULT


report: "workflow/report/workflow.rst"


include: "rules/common.smk"


from kd.plan.data import images_gone
from kd.plan.records import unrecorded


include: "rules/data.smk"
include: "rules/teachers.smk"
include: "rules/students.smk"
include: "rules/sweeps.smk"
include: "rules/fidelity.smk"
include: "rules/diagnosis.smk"
include: "rules/export.smk"
include: "rules/report.smk"
include: "rules/monitor.smk"


if workflow.is_main_process:
    for sentence in (*images_gone(study), *(checked(unrecorded, plan) if FILES_READ else ())):
        print(sentence, file=sys.stderr)


onstart:
    files = [file for job in workflow.dag.needrun_jobs() for file in (*job.output, *job.log)]
    for folder in sorted({layout.root, *map(os.path.dirname, files)}):
        checked(refuse_unwritable, Path(folder))


rule all:
    default_target: True
    input:
        # Every run by name, so that one that was deleted is made again.
        layout.summary,
        layout.samples,
        [run.file(name) for run in RUNS for name in TRAINED],
        METRICS,
        DIAGNOSES,
        PAGES,
        layout.latency,
        rules.build_table.output,
        rules.keep_config.output,
        rules.draw_plots.output,
        expand(rules.draw_sweep.output, method=study.sweeps),
        rules.build_report.output,
