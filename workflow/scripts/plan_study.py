"""Print what a run of a study will take: how many jobs, how much time and how much disk. It trains nothing.

Times come from the finished runs of the study. Networks without any are timed for a minute on random images.
"""

import sys
import time
from collections.abc import Mapping
from typing import Any

from kd.commands.disk import bytes_needed
from kd.commands.forecast import forecast, later_trials
from kd.commands.images import Images, images_of
from kd.commands.jobs import Plan, PlannedJob, planned_jobs, read_plan
from kd.commands.line import cores_of, on_command_line, study_parser, whole
from kd.commands.plan_text import LONG, disk_line, plural, table, time_line
from kd.commands.studies import config_of
from kd.commands.times import START, Earlier, Pace, unknown_networks
from kd.config.study.warnings import warnings
from kd.runtime.hardware import cpu_count, has_gpu


def main(study: str, *, cores: str, probe: int) -> None:
    """Print the plan. `probe`: seconds in which networks are timed, 0 for none."""
    config = config_of(study)
    plan, jobs = read_plan(config), planned_jobs(config)
    waiting = [job for job in jobs if job.waiting]
    if not waiting:
        print(f"Study {plan.study.name}, {config}: nothing to do; the report is {plan.layout.report}")
        return
    done, later = len(jobs) - len(waiting), later_trials(plan, jobs)
    count = f"{len(waiting) + len(later):,} jobs to run, {done:,} done"
    print(f"Study {plan.study.name}, {config}: {count}", flush=True)
    for sentence in warnings(plan.study):
        print(f"  {sentence}")
    _show(plan, waiting + later, together(plan, cores), probe, study)


def together(plan: Plan, cores: str) -> tuple[int, str]:
    """How many trainings run side by side, and on what."""
    compute = plan.study.compute
    number = cpu_count() if cores == "all" else int(cores)
    if compute.device in ("cuda", "mps") or (compute.device == "auto" and has_gpu()):
        if compute.gpus_per_job > 1:
            return 1, f"one job at a time on {compute.gpus_per_job} GPUs, as if on one"
        return 1, "one job at a time on the GPU"
    count = max(1, number // (compute.cores * compute.gpus_per_job))
    return count, f"{plural(count, 'job')} at a time on {plural(number, 'core')}"


def _show(plan: Plan, jobs: list[PlannedJob], parallel: tuple[int, str], probe: int, study: str) -> None:
    images, earlier = images_of(plan.study), Earlier(plan)
    networks = unknown_networks(plan, jobs, earlier)
    paces, start, source = _paces(plan, networks, images, probe)
    sources = [*(["finished runs of this study"] if earlier else []), *([source] if source else [])]
    disk = bytes_needed(plan, jobs, images, earlier, paces) if images else {}
    result = forecast(plan, jobs, images, earlier, paces, start)
    print("\n".join(["", *table(result), ""]))
    print(f"  time  {time_line(result, *parallel)}")
    print(f"        from: {'; '.join(sources) or 'no measurement'}")
    if (result.seconds(parallel[0]) or 0) > LONG and not has_gpu():
        print("        For a study of this size use a GPU, and plan it there.")
    print(f"  disk  {disk_line(disk) if images else 'not known before the data are prepared'}")
    print(f"  run   make run{f' STUDY={study}' * bool(study)}")


def _paces(
    plan: Plan, networks: Mapping[str, Any], images: Images | None, probe: int
) -> tuple[Mapping[str, Pace], float, str]:
    """The paces of `networks`, seconds to start a job, and how they were measured, or why not."""
    if not networks or not probe or images is None:
        why = "" if images else "no probe, because the images are not known before a run has fetched them"
        return {}, START, why if networks else ""
    count = plural(len(networks), "network")
    print(f"Times {count} on random images, for up to {probe} s ...", flush=True)
    began = time.monotonic()
    from kd.commands.probe import Probe, timed  # imports PyTorch

    timer = Probe(plan.study.compute, images.shape, images.classes, probe, len(networks))
    start = time.monotonic() - began  # a job begins like this
    paces = dict(timed(timer, networks))
    number = "" if images.exact else f", for about {images.train:,} training images"
    return paces, start, f"a probe of {plural(len(paces), 'network')} on {timer.where}{number}"


if __name__ == "__main__":
    parser = study_parser(__doc__)
    parser.add_argument("--cores", type=cores_of, default="all", help="CPU cores of the run (default all)")
    probe = "seconds in which networks are timed; 0: none are (default 60)"
    parser.add_argument("--probe", type=whole, default=60, metavar="SECONDS", help=probe)
    sys.exit(on_command_line(main, parser))
