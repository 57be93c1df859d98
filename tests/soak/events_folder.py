"""Events that befall the files: the run directory and what lies in it, other runs beside it."""

import os
import shutil
import signal
from pathlib import Path

from bench import Bench, Deviation, changes, snapshot
from event import event


def while_running(bench: Bench):
    """Starts the run, and waits until it has its folder and has got on for a while."""
    process = bench.train()
    bench.wait_until((bench.run / "state.safetensors").exists, process)
    bench.ends_within(process, bench.rng.uniform(0, bench.seconds * 0.7))
    return process


@event
def renamed(bench: Bench) -> None:
    """the run directory is renamed: the run stops, and can be resumed under either name"""
    process = while_running(bench)
    moved = bench.run.with_name("moved")
    bench.run.rename(moved)
    bench.expect(process, 1, *((0,) if (moved / "result.json").exists() else ()))
    if bench.run.exists():
        raise Deviation("it has made a new run directory at the old place")
    moved.rename(bench.run)
    bench.verify()
    bench.finish()


@event
def removed(bench: Bench) -> None:
    """the run directory is removed: the run stops, and makes nothing anew"""
    process = while_running(bench)
    while bench.run.exists():  # the run adds files meanwhile
        shutil.rmtree(bench.run, ignore_errors=True)
    ended = process.poll() is not None
    bench.expect(process, 1, *((0,) if ended else ()))
    if bench.run.exists() and any(bench.run.iterdir()):
        raise Deviation(f"it wrote where its directory was removed: {sorted(os.listdir(bench.run))}")
    shutil.rmtree(bench.run, ignore_errors=True)
    bench.finish()


@event
def replaced(bench: Bench) -> None:
    """another run's directory takes the place of the run directory: nothing in it changes"""
    process = while_running(bench)
    moved, other = bench.run.with_name("moved"), bench.folder / "other"
    shutil.copytree(bench.neighbour, other, symlinks=True)
    before = snapshot(other)
    bench.run.rename(moved)
    other.rename(bench.run)
    bench.expect(process, 1, *((0,) if (moved / "result.json").exists() else ()))
    bench.run.rename(other)
    differing = changes(before, snapshot(other))
    if differing:
        raise Deviation("it wrote into another run: " + ", ".join(differing))
    shutil.rmtree(other)
    moved.rename(bench.run)
    bench.verify()
    bench.finish()


@event
def lost_metrics(bench: Bench) -> None:
    """metrics.jsonl is lost, emptied or shortened while the run is stopped"""
    if bench.interrupted():
        file = bench.run / "metrics.jsonl"
        shorten(bench, file)
        bench.finish(lost=("metrics.jsonl",))
    else:
        bench.finish()


@event
def shortened_table(bench: Bench) -> None:
    """table.csv is lost, emptied, or cut off in the middle of a row, while the run is stopped"""
    if bench.interrupted():
        shorten(bench, bench.run / "table.csv")
        bench.finish(lost=("table.csv",))
    else:
        bench.finish()


def shorten(bench: Bench, file: Path) -> None:
    size = file.stat().st_size
    kept = bench.rng.choice((-1, 0, bench.rng.randrange(size + 1)))
    bench.story.append(f"{file.name} is lost" if kept < 0 else f"{file.name} has {kept} of {size} bytes")
    if kept < 0:
        file.unlink()
    else:
        os.truncate(file, kept)


@event
def damaged_state(bench: Bench) -> None:
    """the newest state is lost, shortened, or has a wrong byte, while the run is stopped"""
    if bench.interrupted() and (bench.run / "state.previous.safetensors").exists():
        file = bench.run / "state.safetensors"
        if bench.rng.random() < 0.5:
            shorten(bench, file)
        else:
            with file.open("r+b") as bytes_of:
                at = bench.rng.randrange(file.stat().st_size)
                bytes_of.seek(at)
                byte = bytes_of.read(1)[0]
                bytes_of.seek(at)
                bytes_of.write(bytes([byte ^ 1 << bench.rng.randrange(8)]))
            bench.story.append(f"byte {at} of {file.stat().st_size}")
    bench.finish()


@event
def planted_links(bench: Bench) -> None:
    """links lie where the run makes its temporary files: nothing is written through them"""
    bench.interrupted()
    target = bench.neighbour / "state.safetensors"
    names = ("state.next.safetensors.tmp", "state.next.safetensors", "result.json.tmp", "best.safetensors.tmp", "graph.toml.tmp",
             "seen.png.tmp", "last.safetensors.tmp")
    planted = [bench.run / name for name in bench.rng.sample(names, 3) if not os.path.lexists(bench.run / name)]
    for link in planted:
        link.symlink_to(os.path.relpath(target, bench.run))
    bench.story += [link.name for link in planted]
    bench.resume()
    for link in planted:
        if link.is_symlink() and link.resolve() == target:  # this name was not used
            link.unlink()
    bench.verify()
    bench.compare()


@event
def started_twice(bench: Bench) -> None:
    """the run is started again while it runs: the second process is refused"""
    process = while_running(bench)
    if process.poll() is None:
        how = bench.rng.choice((("--resume", bench.run), (bench.graph, "--resume", bench.run), (bench.graph, "--output", bench.run)))
        second = bench.start(*how)
        code = bench.wait(second)
        if process.poll() is None and code not in (1, 2):
            raise Deviation(f"the second process ends with {code}: {bench.said(second)}")
    bench.expect(process, 0)
    bench.finish()


@event
def two_runs(bench: Bench) -> None:
    """two runs at the same time in neighbouring folders, one of which is stopped or killed: the other goes on"""
    other = bench.folder / "runs" / "other"
    first, second = bench.train(), bench.start(bench.graph, "--output", other, "--threads", bench.rng.randint(1, 2))
    bench.wait_moment(first)
    first.send_signal(bench.rng.choice((signal.SIGKILL, signal.SIGTERM, signal.SIGINT)))
    bench.expect(first, 0, 3, *(-one for one in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)))
    bench.expect(second, 0)
    bench.finish()
    bench.verify(other)
    bench.compare(run=other)
    shutil.rmtree(other)
