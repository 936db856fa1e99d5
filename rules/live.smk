# What `make watch` shows: see docs/live.md. A handler of Snakemake's log rather than a logger plugin, because that
# would have to be installed and asked for by a flag.

from snakemake.logging import logger

from kd.live.recorder import Recorder


def planned():
    """How many jobs of each rule this run has; a rule that makes nothing only gathers what others make."""
    if workflow.touch:
        return {}
    counts = workflow.dag.stats()[1]
    return {rule.name: counts[rule.name] for rule in workflow.rules if rule.output and rule.name in counts}


if workflow.is_main_process:
    logger.addHandler(Recorder(Path(config["progress"]), planned))
