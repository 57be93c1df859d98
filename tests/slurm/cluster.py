"""A Slurm of one node: munged, slurmctld and slurmd on the loopback device, in a temporary folder of their own. Nothing
below /etc, /run or /var is read or written."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable

DAEMONS, CLIENTS = ("munged", "slurmctld", "slurmd"), ("sbatch", "scancel", "scontrol")
PATIENCE = 300.0  # seconds, on a machine that has other things to do
# cred_expire is the least that Slurm takes: a job that is requeued waits for so long. A job may use more processors than
# there are (config_overrides), for here they mostly sleep. Jobs in `spare` give way to those in `usual`.
CONF = """ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=10
SchedulerParameters=bf_interval=1,sched_interval=1,sched_min_interval=0,batch_sched_delay=0
SlurmdParameters=config_overrides
NodeName=node NodeHostname={host} NodeAddr=127.0.0.1 CPUs=32 State=UNKNOWN
PartitionName=usual Nodes=node Default=YES PriorityTier=2 PreemptMode=OFF
PartitionName=spare Nodes=node PriorityTier=1
"""


def why_not() -> str:
    """Why there can be no such Slurm here; empty: there can."""
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    missing = [name for name in DAEMONS + CLIENTS if not shutil.which(name, path=path)]
    if missing:
        return f"without {', '.join(missing)} (apt-get install munge slurm-client slurmctld slurmd)"
    return "not root" if os.getuid() != 0 else ""


def wait_until(true: Callable[[], object], what: str, more: Callable[[], str] = str, every: float = 0.02) -> None:
    until = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > until:
            raise AssertionError(f"waited for {PATIENCE} s in vain until {what}\n{more()}")
        time.sleep(every)


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


class Cluster:
    """Ends when it is closed, or when this process does, however that is: a guard then kills every process that has the
    cluster's slurm.conf in its environment, as the daemons and all of a job's have, and removes the folder."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="twinflow-slurm-"))
        # No child of ours: whoever kills this process may kill its children, too.
        self._guard = subprocess.Popen(["setsid", "--fork", sys.executable, __file__, self.folder], stdin=subprocess.PIPE)
        self.environment = {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf"),
                            "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
        self._daemons: list[subprocess.Popen] = []
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        self.folder.chmod(0o711)  # munged wants its socket to be within reach of all
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        key = self.folder / "munge.key"
        key.touch(0o600)
        key.write_bytes(secrets.token_bytes(1024))
        host = socket.gethostname().partition(".")[0]
        (self.folder / "slurm.conf").write_text(CONF.format(folder=self.folder, host=host, ports=free_ports(2)))
        if not self.ask("slurmd", "-V").startswith("slurm-wlm 22."):  # Debian 12's; later ones need a cgroup, or to be told
            (self.folder / "cgroup.conf").write_text("CgroupPlugin=disabled\n")
        munge = {"socket": "munge.socket", "key-file": "munge.key", "pid-file": "munged.pid", "seed-file": "munged.seed"}
        self._daemon("munged", "--foreground", *(f"--{name}={self.folder / file}" for name, file in munge.items()))
        wait_until((self.folder / "munge.socket").exists, "munged is there", self.logs)
        self._daemon("slurmctld", "-D")
        self._daemon("slurmd", "-D")
        wait_until(lambda: "State=IDLE" in self.ask("scontrol", "show", "node", "node"), "the node is there", self.logs, every=0.3)

    def _daemon(self, *command: str) -> None:
        with open(self.folder / f"{command[0]}.log", "wb") as log:
            self._daemons.append(subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log,
                                                  stderr=log, cwd=self.folder))

    def logs(self) -> str:
        return "\n".join(f"{file.name}:\n{file.read_text(errors='replace')}" for file in sorted(self.folder.glob("*.log")))

    def ask(self, *command: str) -> str:
        """What a client prints; nothing where it fails."""
        return subprocess.run(command, env=self.environment, capture_output=True, text=True).stdout

    def accepts(self, *command: str) -> bool:
        return subprocess.run(command, env=self.environment, capture_output=True).returncode == 0

    def do(self, *command: str, **environment: str) -> str:
        done = subprocess.run(command, env=self.environment | environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: {done.stderr}")
        return done.stdout

    def job(self, job: str) -> dict[str, str]:
        return dict(re.findall(r"(\w+)=(\S*)", self.do("scontrol", "show", "job", "--oneliner", job)))

    def close(self) -> None:
        self._guard.stdin.close()
        for one in (self._guard, *self._daemons):
            one.wait()
        wait_until(lambda: not self.folder.exists(), "the guard has cleaned up")


def processes_with(**environment: str) -> list[int]:
    """Those that were started with these variables."""
    wanted = {f"{name}={value}".encode() for name, value in environment.items()}
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and wanted <= set((process / "environ").read_bytes().split(b"\0")):
                found.append(int(process.name))
        except OSError:
            pass  # it has ended meanwhile
    return found


def guard(folder: Path) -> None:
    sys.stdin.buffer.read()  # until whoever started us closes it, or ends
    while processes := processes_with(SLURM_CONF=f"{folder}/slurm.conf"):
        for one in processes:
            try:
                os.kill(one, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.05)
    shutil.rmtree(folder)


if __name__ == "__main__":
    guard(Path(sys.argv[1]))
