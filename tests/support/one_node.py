"""A real Slurm on this machine: one node, two pretended GPUs, everything in a folder of its own."""

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo")

# More cores and memory than there may be: what is shown is who runs beside whom, not how fast.
# Without cgroups a job's processes are tracked by their parents; without slurmdbd squeue knows the ended jobs.
CONF = """\
ClusterName=kd
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
MinJobAge=7200
OverTimeLimit=0
KillWait=5
GresTypes=gpu
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=64000 Gres=gpu:2
PartitionName=all Nodes=n1 Default=YES MaxTime=INFINITE State=UP
"""
# Slurm tells a job which GPU is its own where they are devices; these do as well as any.
GRES = "NodeName=n1 Name=gpu File=/dev/null,/dev/zero\n"


def missing() -> list[str]:
    """The programs of Slurm that are not installed here."""
    return [name for name in NEEDED if _program(name) is None]


def _program(name: str) -> str | None:
    """Where it is; daemons lie in folders that are not on everyone's PATH."""
    return shutil.which(name, path=os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"]))


class OneNodeSlurm:
    """Starts in the constructor; `stop` ends its jobs and its three daemons, and nothing else."""

    def __init__(self) -> None:
        # Short, because the path of a socket may have 108 characters; munged wants it open to all.
        self.folder = Path(tempfile.mkdtemp(prefix="kd-slurm-"))
        self.folder.chmod(0o755)
        self._daemons: dict[str, subprocess.Popen] = {}
        self._write_files()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def environment(self) -> dict[str, str]:
        """What its users need: its own configuration, and nothing of a Slurm that the tests may run in."""
        mine = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "SBATCH"))}
        path = os.pathsep.join([str(self.folder / "bin"), mine["PATH"]])
        return {**mine, "SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": path}

    def ask(self, *command: str) -> str:
        """What a command of Slurm, such as squeue, answers."""
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout

    def jobs(self) -> list[dict[str, str]]:
        """Every job that it has had, oldest first, by the fields of `scontrol show job`."""
        text = self.ask("scontrol", "--oneliner", "show", "job")
        lines = [line for line in text.splitlines() if line.startswith("JobId=")]
        jobs = [dict(part.split("=", 1) for part in line.split() if "=" in part) for line in lines]
        return sorted(jobs, key=lambda job: int(job["JobId"]))

    def active(self) -> list[str]:
        """The numbers of the jobs that wait, run or end at the moment."""
        return self.ask("squeue", "--noheader", "--format=%A").split()

    def stop(self) -> None:
        """End its jobs, then its daemons, by their process numbers; it is gone when this returns."""
        if "slurmd" in self._daemons and self._daemons["slurmd"].poll() is None:
            if jobs := self.active():
                self.ask("scancel", *jobs)
            _wait_until(lambda: not self.active(), 30)
        for name in reversed(self._daemons):
            daemon = self._daemons[name]
            if daemon.poll() is None and Path(f"/proc/{daemon.pid}/comm").read_text().strip() == name:
                daemon.send_signal(signal.SIGTERM)
                try:
                    daemon.wait(20)
                except subprocess.TimeoutExpired:
                    daemon.kill()
                    daemon.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write_files(self) -> None:
        for name in ("state", "spool", "bin"):
            (self.folder / name).mkdir(mode=0o755)
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        host, user = socket.gethostname().split(".")[0], getpass.getuser()
        conf = CONF.format(host=host, user=user, folder=self.folder, ports=_free_ports(2))
        (self.folder / "slurm.conf").write_text(conf)
        (self.folder / "gres.conf").write_text(GRES)
        # The plugin takes all of Slurm's variables from a job before the srun in it, SLURM_CONF among them.
        srun = self.folder / "bin" / "srun"
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={self.folder}/slurm.conf exec {_program("srun")} "$@"\n')
        srun.chmod(0o755)

    def _start(self) -> None:
        own = ("key-file", "socket", "pid-file", "seed-file", "log-file")
        options = [f"--{name}={self.folder}/munge.{name.removesuffix('-file')}" for name in own]
        self._launch("munged", "--foreground", *options)
        _wait_until((self.folder / "munge.socket").exists, 10, self._logs)
        conf = str(self.folder / "slurm.conf")
        self._launch("slurmctld", "-D", "-f", conf)
        self._launch("slurmd", "-D", "-N", "n1", "-f", conf)
        _wait_until(self._is_idle, 60, self._logs)

    def _launch(self, name: str, *options: str) -> None:
        out = open(self.folder / f"{name}.out", "w")  # noqa: SIM115 (the daemon's)
        # Of a session of its own: Ctrl-C in the terminal is for the tests, which then end the daemons.
        self._daemons[name] = subprocess.Popen(
            [_program(name), *options],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=self.environment(),
            start_new_session=True,
        )

    def _is_idle(self) -> bool:
        for name, daemon in self._daemons.items():
            assert daemon.poll() is None, f"{name} ended\n{self._said()}"
        command = ["sinfo", "--noheader", "--format=%T"]
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True, timeout=60)
        return done.stdout.strip() == "idle"

    def _logs(self) -> str:
        files = sorted([*self.folder.glob("*.out"), *self.folder.glob("*.log")])
        return "\n".join(f"--- {file.name}\n{file.read_text()[-2000:]}" for file in files)


def _free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _wait_until(holds, seconds: float, log=lambda: "") -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not so after {seconds} s\n{log()}"
        time.sleep(0.1)
