"""Two hosts on one machine: network namespaces with host names of their own, joined by a virtual cable, so that what one says to the
other crosses a network. For Open MPI's mpirun. Needs root, and ip and tc (iproute2)."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

NETWORK = "10.213.7"
# A program in a namespace, with its name as the host's.
ENTER = ["unshare", "--uts", "bash", "-c", 'hostname "$1"; shift; exec "$@"', "enter"]


def why_not() -> str:
    if os.geteuid() != 0:
        return "network namespaces need root"
    for tool in ("ip", "tc", "unshare"):
        if shutil.which(tool) is None:
            return f"there is no {tool} (iproute2, util-linux)"
    try:
        with TwoHosts():
            return ""
    except subprocess.CalledProcessError as error:
        return f"network namespaces cannot be made here: {' '.join(error.cmd)}: {error.stderr.strip()}"


class TwoHosts:
    """Named `first` and `second`; gone when the block ends. `rate`: of the cable, as tc writes it ("1gbit"); None: as fast as it is."""

    def __init__(self, rate: str | None = None) -> None:
        self.first, self.second, self.rate = f"tf{os.getpid()}a", f"tf{os.getpid()}b", rate

    def __enter__(self) -> "TwoHosts":
        self.folder = tempfile.TemporaryDirectory(prefix="twinflow-hosts-")
        # What mpirun starts the other host's part with, in place of ssh: AGENT HOST COMMAND...
        self.agent = Path(self.folder.name) / "agent"
        self.agent.write_text(f"""#!/bin/bash
shift
exec ip netns exec {self.second} unshare --uts bash -c 'hostname {self.second}; exec bash -c "$1"' enter "$*"
""")
        self.agent.chmod(0o755)
        try:
            self.set_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def set_up(self) -> None:
        for name in (self.first, self.second):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", self.first, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", self.second)
        for number, name in enumerate((self.first, self.second), 1):
            ip("-n", name, "address", "add", f"{NETWORK}.{number}/24", "dev", "cable")
            ip("-n", name, "link", "set", "cable", "up")
            if self.rate:  # buffers as large as a switch's
                subprocess.run(["tc", "-n", name, "qdisc", "add", "dev", "cable", "root", "tbf", "rate", self.rate, "burst", "256kb",
                                "latency", "20ms"], check=True)

    def end_all(self) -> None:
        """That runs there."""
        for name in (self.first, self.second):
            for _ in range(100):
                found = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True).stdout.split()
                if not found:
                    break
                subprocess.run(["kill", "-KILL", *found], stderr=subprocess.DEVNULL)
                time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        self.end_all()
        for name in (self.first, self.second):
            subprocess.run(["ip", "netns", "delete", name], stderr=subprocess.DEVNULL)
        self.folder.cleanup()

    def mpirun(self, each: int, *command: str) -> list[str]:
        """Starts so many processes on each of them."""
        return ["ip", "netns", "exec", self.first, *ENTER, self.first, "mpirun", "--allow-run-as-root", "--oversubscribe",
                "--bind-to", "none", "--mca", "plm_rsh_agent", str(self.agent),
                "--mca", "pml", "ob1", "--mca", "btl", "tcp,self", "--mca", "btl_tcp_if_include",
                f"{NETWORK}.0/24", "--mca", "oob_tcp_if_include", f"{NETWORK}.0/24", "-H",
                f"{NETWORK}.1:{each},{NETWORK}.2:{each}", "-n", str(2 * each), *command]

    def bytes_sent(self) -> int:
        """By the first host, over the cable, with all that Ethernet, IP and TCP add."""
        file = "/sys/class/net/cable/statistics/tx_bytes"
        return int(subprocess.run(["ip", "netns", "exec", self.first, "cat", file], check=True, capture_output=True).stdout)

    def pull(self) -> None:
        """The cable; what was under way is lost."""
        ip("-n", self.first, "link", "set", "cable", "down")

    def plug_in(self) -> None:
        ip("-n", self.first, "link", "set", "cable", "up")


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
