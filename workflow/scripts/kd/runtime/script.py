"""How every script of the workflow runs: its arguments, its log, and how it ends on an error."""

import errno
import faulthandler
import json
import logging
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from kd.errors import UserError
from kd.io.log import log_to, logger
from kd.runtime.guard import guarded
from kd.runtime.hardware import peak_memory
from kd.runtime.parent import end_with_snakemake
from kd.runtime.signals import Stopped

_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO}


def run(snakemake: Any, main: Callable[..., None], **arguments: Any) -> None:
    """Call `main` with `arguments`, and the others as `fill` finds them in the `snakemake` of a script.

    The logger "kd" goes to the log of the job. Its warnings and errors go to stderr too, as does what `main`
    prints; with KD_VERBOSE=1 all lines. A UserError, a disk that is full or fails, a file that cannot be
    used and memory that runs out end the process with one line and status 1; any other error with its
    traceback in the log as well. The process ends with its Snakemake (kd.runtime.parent); kd.runtime.guard
    says what else must hold.
    """
    log = snakemake.log[0]
    threading.excepthook = _tell_of_thread
    logging.raiseExceptions = False  # a log that cannot be written, on a full disk, is not what went wrong
    Path(log).write_bytes(b"")  # of an earlier try; the ranks of a job append to it
    to_file = log_to(log, sys.stderr)
    faulthandler.enable(to_file.stream)  # a library that ends the process by a signal leaves its place there
    try:
        end_with_snakemake()
        with guarded(snakemake), redirect_stdout(sys.stderr):
            main(**fill(snakemake, main, arguments))
        if peak := peak_memory():
            logger.info("peak memory: %.2f GB", peak / 1e9)
    except UserError as error:
        logger.error("error: %s", error)
        sys.exit(1)
    except Stopped as stopped:
        logger.error("stopped by %s; run the same command to resume from the checkpoint", stopped)
        sys.exit(1)
    except Exception as error:
        if isinstance(error, OSError) and (error.errno in _OF_THE_DISK or error.filename is not None):
            logger.error("error: %s; mend that and run again", error)
            sys.exit(1)
        if isinstance(error, MemoryError):
            logger.error("error: there is not enough memory (%s); free some and run again", error)
            sys.exit(1)
        logger.exception("unexpected error; please report it with the log %s", log)
        sys.exit(1)


def fill(snakemake: Any, main: Callable[..., None], explicit: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `main`: those that are `explicit`, and every other by its name.

    It is an input, an output or a param of the job; `job`, its configuration, as the class of the annotation;
    `cfg`, the same as a mapping, or a key of it; or in Snakemake's config, which is no part of a result (see
    _FROM_CONFIG). A file becomes a Path, several become a list of Paths. Raises TypeError naming an argument
    that has no default and that nothing fills, or that is one file where the rule has several.
    """
    cfg = snakemake.params.get("cfg", "{}")
    values = {**json.loads(cfg), "cfg": json.loads(cfg)}
    for source in (snakemake.params, snakemake.output, snakemake.input):
        values |= {name: value for name, value in source.items() if name != "cfg"}
    arguments = dict(explicit)
    for name, parameter in signature(main).parameters.items():
        if name in arguments:
            continue
        if name == "job":
            arguments[name] = parameter.annotation.model_validate_json(cfg)
        elif name in values:
            arguments[name] = _convert(name, values[name], parameter.annotation)
        elif name in _FROM_CONFIG:
            arguments[name] = _convert(name, _FROM_CONFIG[name](snakemake), parameter.annotation)
        elif parameter.default is Parameter.empty:
            raise TypeError(f"rule {snakemake.rule}: nothing fills the argument {name!r} of its script")
    return arguments


def _convert(name: str, value: Any, annotation: Any) -> Any:
    try:
        return TypeAdapter(annotation).validate_python(value)
    except ValidationError as error:
        raise TypeError(f"the argument {name!r} is {annotation}, which {value!r} is not") from error


def beside_log(folder: str, log: str) -> Path:
    """Where the job with this log tells how far it is: below `folder` as the log is below logs/."""
    root = Path(folder)
    return root / Path(log).relative_to(root.parent / "logs").with_suffix(".json")


def _user_file(snakemake: Any) -> Path:
    """The user's own file of the teacher that the wildcard of the rule names."""
    wildcards = snakemake.wildcards
    teacher = wildcards.get("external") or wildcards.get("logits_teacher")
    return Path(snakemake.config["user_files"][teacher]).expanduser()


_FROM_CONFIG: dict[str, Callable[[Any], Any]] = {
    name: lambda snakemake, name=name: snakemake.config[name]
    for name in ("at_once", "compute", "mirror", "places", "manner", "work")
} | {
    # How many times as many cores as other jobs this one has.
    "share": lambda snakemake: snakemake.threads // snakemake.config["cores_of_one"],
    "progress": lambda snakemake: beside_log(snakemake.config["progress"], snakemake.log[0]),
    "logits": _user_file,
    "weights": _user_file,
}


def _tell_of_thread(what: threading.ExceptHookArgs) -> None:
    """TensorBoard's thread keeps its trouble with the disk for the next call, which then says it."""
    if not issubclass(what.exc_type, OSError):
        threading.__excepthook__(what)
