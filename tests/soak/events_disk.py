"""Events that befall the disk: full, slow, limited."""

import os
import resource
import shutil
import signal
import subprocess
import threading
from pathlib import Path

from bench import Bench, Skipped
from event import event


def mount(bench: Bench, *command: str) -> Path:
    """Mounts something in the event's folder, with the run directory on it."""
    if os.geteuid() != 0:
        raise Skipped("mounts need root")
    place = bench.folder / "output" / "disk"
    place.mkdir()
    made = subprocess.run(["mount", *command, place], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise Skipped(f"no {command[1]} can be mounted: {made.stderr.strip()}")
    bench.ends.append(lambda: subprocess.run(["umount", "--lazy", place], check=True))
    bench.run = place / "run"
    return place


def fill(place: Path, left: int) -> Path:
    """Fills a file system but for so many bytes."""
    file = place / "filler"
    with file.open("wb", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(1 << 16))
        except OSError:
            pass
        filler.truncate(max(0, filler.tell() - left))
    return file


def stop_if_slow(bench: Bench, process, seconds: float) -> None:
    """Waits for the end of a run that tries again and again to save its state; after a while it is asked to end."""
    if not bench.ends_within(process, seconds):
        process.send_signal(signal.SIGTERM)
        bench.story.append("TERM")
    bench.expect(process, 0, 1, 3, *(() if bench.run.exists() else (-signal.SIGTERM,)))


@event
def full_disk(bench: Bench) -> None:
    """the disk is full, for a while or until the run has ended: then it is resumed on one that has room"""
    place = mount(bench, "-t", "tmpfs", "-o", "size=16m", "tmpfs")
    process = bench.train()
    bench.wait_moment(process)
    filler = fill(place, bench.rng.choice((0, bench.rng.randrange(200_000))))
    if bench.rng.random() < 0.5:
        bench.ends_within(process, bench.rng.uniform(0, 2))
        filler.unlink()
        bench.story.append("freed")
        stop_if_slow(bench, process, 8)
    else:
        stop_if_slow(bench, process, bench.rng.choice((bench.rng.uniform(0, 2), 8)))
    filler.unlink(missing_ok=True)
    bench.finish()


@event
def file_size_limit(bench: Bench) -> None:
    """no file may be larger than so many bytes (RLIMIT_FSIZE)"""
    most = bench.rng.choice((0, bench.rng.randrange(4096), bench.rng.randrange(100_000), bench.rng.randrange(1_000_000)))
    bench.story.append(f"{most} bytes")
    read, write = os.pipe()  # what it prints is not limited

    def drain() -> None:
        with os.fdopen(read, "rb") as output, (bench.folder / "output" / "drained.txt").open("wb") as copy:
            shutil.copyfileobj(output, copy)

    reader = threading.Thread(target=drain)
    reader.start()
    process = bench.train(stdout=write, stderr=write,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))
    os.close(write)
    stop_if_slow(bench, process, 8)
    reader.join()
    bench.finish()


@event
def frozen_disk(bench: Bench) -> None:
    """every write waits for a while, as on a disk that hangs: a signal that comes then ends the run once the disk is back"""
    image = bench.folder / "output" / "image"
    with image.open("wb") as file:
        file.truncate(64 << 20)
    for tool in ("mkfs.ext4", "fsfreeze"):
        if shutil.which(tool) is None:
            raise Skipped(f"there is no {tool}")
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    place = mount(bench, "-o", "loop", str(image))
    process = bench.train()
    bench.wait_moment(process)
    frozen = subprocess.run(["fsfreeze", "--freeze", place], capture_output=True, text=True, check=False)
    if frozen.returncode != 0:
        process.kill()
        raise Skipped(f"the disk cannot be frozen: {frozen.stderr.strip()}")
    try:
        bench.ends_within(process, bench.rng.uniform(0, 1))
        if bench.rng.random() < 0.5:
            process.send_signal(signal.SIGTERM)
            bench.story.append("TERM")
        bench.ends_within(process, bench.rng.uniform(0, 2))
    finally:
        subprocess.run(["fsfreeze", "--unfreeze", place], check=True)
    bench.expect(process, 0, 3, *(() if bench.run.exists() else (-signal.SIGTERM,)))
    bench.finish()


@event
def fifo(bench: Bench) -> None:
    """a FIFO that nobody reads lies in place of a file: a signal ends the run within --grace"""
    if not bench.interrupted():
        bench.finish()
        return
    name = bench.rng.choice(("metrics.jsonl", "log.txt", "table.csv", "seen.png", "result.json", "graph.toml"))
    file, kept = bench.run / name, bench.folder / "output" / name
    bench.story.append(name)
    if file.exists():
        file.rename(kept)
    os.mkfifo(file)
    process = bench.train("--grace", "5")
    bench.ends_within(process, bench.rng.uniform(0, 2))
    process.send_signal(signal.SIGTERM)
    bench.expect(process, 0, 1, 2, 3, -signal.SIGTERM, what="a signal ends it, 5 s of grace being over", seconds=60)
    if file.is_fifo():
        file.unlink()
        if kept.exists():
            kept.rename(file)
    if name == "table.csv" and bench.has_finished():  # nowhere to write it, which ends no run
        bench.finish(without=(name,))
    else:
        bench.finish(lost=(name,) if name in ("metrics.jsonl", "table.csv") else ())
