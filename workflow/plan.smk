# The workflow as `make plan` reads it: a dry run of it writes the jobs that a run would start into a file.
import os

from snakemake.logging import logger


include: "../Snakefile"


from kd.commands.jobs import JOBS, JobWriter

if workflow.is_main_process:
    logger.addHandler(JobWriter(Path(os.environ[JOBS]), workflow))
