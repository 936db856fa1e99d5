"""Python programs that start in milliseconds: forked from a process that has imported the libraries already.

Most of a tiny job's two seconds, and half of a dry run's, are imports. A process that is forked here is a real one,
with a folder, an environment, open files and a status of its own; of the code under test nothing is imported before
the fork. It differs from a cold start in two ways: the libraries are imported already, and Snakemake is no ancestor
of its jobs. So what is about imports, signals or orphans is tested by cold starts; test_warm.py compares both, and the
README is run cold from its clone to its end.

Run as a program, this file is the process that forks. All processes of pytest share it; it ends with their parent.
"""

import contextlib
import fcntl
import gc
import hashlib
import importlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NoReturn

# What each imports, of libraries alone; of several the parts that are imported when they are first used.
_BOTH = """pydantic.main pydantic.fields pydantic.types pydantic.root_model pydantic.functional_validators
    pydantic.json_schema difflib graphlib requests jinja2 numpy PIL.Image"""
SNAKEMAKE = f"""{_BOTH} snakemake.cli snakemake.storage snakemake.profiles snakemake.notebook nbformat.v4
    ftplib pygments.lexers pygments.formatters.html docutils.core docutils.parsers.rst.directives.images
    snakemake.report.html_reporter smart_open dpath packaging.version platformdirs.unix
    pydantic.dataclasses pydantic.functional_serializers argparse_dataclass""".split()
JOBS = f"""{_BOTH} snakemake.script torch._dynamo torch.export torch.onnx torch.utils.flop_counter
    torch.utils.tensorboard tensorboard.compat.proto.event_pb2 tensorboard.summary.writer.event_file_writer
    pandas scipy.stats sklearn.datasets sklearn.metrics safetensors.torch
    matplotlib.pyplot matplotlib.backends.backend_agg matplotlib.backends.backend_svg
    PIL.PngImagePlugin PIL.JpegImagePlugin PIL.GifImagePlugin PIL.BmpImagePlugin PIL.PpmImagePlugin""".split()
# A program that is a fork of a server's process: of Python with `first` before its arguments.
PROGRAM = """\
#!{python} -IS
import json, os, socket, sys
client = socket.socket(socket.AF_UNIX)
client.connect({address!r})
request = {{"argv": [*{first!r}, *sys.argv[1:]], "cwd": os.getcwd(), "env": dict(os.environ), "group": os.getpgrp()}}
message = json.dumps(request | {{"executable": {executable!r}}}).encode() + b"\\n"
client.sendall(message[socket.send_fds(client, [message], [0, 1, 2]):])
status = int(client.makefile().read() or 1)
if status < 0:
    os.kill(os.getpid(), -status)
sys.exit(status)
"""


def run_snakemake(
    arguments: list[str], folder: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess:
    """What subprocess.run returns for `python -m snakemake` with these arguments, its jobs started warm as well."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err, open(os.devnull) as none:
        client = socket.socket(socket.AF_UNIX)
        client.connect(_server(*SNAKEMAKE)[0])
        request = {"argv": ["-m", "snakemake", *arguments], "cwd": str(folder), "env": environment}
        request |= {"group": os.getpgrp(), "executable": _server(*JOBS)[1]}
        descriptors = [none.fileno(), out.fileno(), err.fileno()]
        with client:
            message = json.dumps(request).encode() + b"\n"
            sent = socket.send_fds(client, [message], descriptors)
            client.sendall(message[sent:])
            status = int(client.makefile().read() or 1)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(["snakemake", *arguments], status, out.read(), err.read())


def environment(folder: Path) -> Path:
    """A folder like that of the tests' virtual environment, but that its `snakemake` and its Python start warm."""
    programs = folder / "bin"
    programs.mkdir(parents=True)
    for program in (Path(sys.prefix) / "bin").iterdir():
        (programs / program.name).symlink_to(program)
    # A module or a script; what has options of Python's own starts cold.
    python = f"""#!/bin/sh
case "$1 $2" in
"-m snakemake") shift 2; exec {programs}/snakemake "$@";;
-m*|[!-]*) exec {_server(*JOBS)[1]} "$@";;
esac
exec {sys.executable} "$@"
"""
    ours = {"activate": f"export PATH={programs}:$PATH\n", "python": python, "python3": python}
    for name, text in ours.items():
        (programs / name).unlink(missing_ok=True)
        (programs / name).write_text(text)
        (programs / name).chmod(0o700)
    (programs / "snakemake").unlink()
    _write_program(programs / "snakemake", _server(*SNAKEMAKE)[0], ["-m", "snakemake"], _server(*JOBS)[1])
    return folder


def _write_program(path: Path, address: str, first: Sequence[str] = (), executable: str = "") -> None:
    values = {"address": address, "first": [*first], "executable": executable}
    path.write_text(PROGRAM.format(python=sys.executable, **values))
    path.chmod(0o700)


@cache
def _server(*modules: str) -> tuple[str, str]:
    """The address of a process that has imported these, and an interpreter that is a fork of it."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    parent = os.getppid() if run else os.getpid()
    # Short, as the address of a socket has to be.
    name = hashlib.sha256(" ".join([run or uuid.uuid4().hex, *modules]).encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir(), f"warm-{name}")
    folder.mkdir(mode=0o700, exist_ok=True)
    address, interpreter = str(folder / "socket"), folder / "python"
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not interpreter.exists():
            _start(address, parent, modules)
            _write_program(interpreter, address)
    return address, str(interpreter)


def _start(address: str, parent: int, modules: Sequence[str]) -> None:
    # A library of threads must not have started any before the fork; jobs on the CPU have one each anyway.
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    process = subprocess.Popen(
        [sys.executable, "-P", __file__, address, str(parent), *modules],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env={**os.environ, "MPLBACKEND": "agg", **one},
    )
    assert process.stdout.readline() == b"ready\n"
    _started.append(process)  # which goes on


_started: list[subprocess.Popen] = []


def _serve(address: str, parent: int, modules: list[str]) -> None:
    ends = os.pidfd_open(parent)
    for module in modules:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait for a program
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the tests, and this with them
    gc.freeze()  # memory that nobody writes to is shared
    print("ready", flush=True)
    while ends not in select.select([listener, ends], [], [])[0]:
        client, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            _answer(client)
        client.close()
    shutil.rmtree(Path(address).parent)


def _answer(client: socket.socket) -> NoReturn:
    """Run the program that is asked for, and say its status; who no longer asks for it ends it."""
    message, descriptors, _, _ = socket.recv_fds(client, 1 << 16, 3)
    while not message.endswith(b"\n"):
        message += client.recv(1 << 16)
    request = json.loads(message)
    program = os.fork()
    if program == 0:
        client.close()
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
            os.close(descriptor)
        _become(**request)
    for descriptor in descriptors:
        os.close(descriptor)
    watched = os.pidfd_open(program)
    if watched not in select.select([watched, client], [], [])[0]:
        os.kill(program, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(program, 0)[1])
    with contextlib.suppress(OSError):
        client.sendall(str(status).encode())
    os._exit(0)


def _become(argv: list[str], cwd: str, env: dict[str, str], group: int, executable: str = "") -> NoReturn:
    """Be `python` with these arguments: "-m", a module and its own, or a script and its own."""
    import runpy
    import threading
    import traceback

    with contextlib.suppress(OSError):  # it is another session's
        os.setpgid(0, group)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.executable = executable or sys.executable
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        like = getattr(sys, name)  # for a file of another kind
        buffering = 1 if name == "stderr" or os.isatty(number) else -1
        setattr(sys, name, open(number, like.mode, buffering, errors=like.errors, closefd=False))  # noqa: SIM115
    if workflow := sys.modules.get("snakemake.workflow"):
        workflow.Workflow._rundir = cwd  # noted when it was imported
    sys.path[:0] = filter(None, env.get("PYTHONPATH", "").split(":"))
    status = 1
    try:
        if argv[0] == "-m":
            sys.argv = argv[1:]
            sys.path.insert(0, cwd)
            runpy.run_module(argv[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = argv
            sys.path.insert(0, str(Path(argv[0]).parent))
            runpy.run_path(argv[0], run_name="__main__")
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        import atexit

        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
