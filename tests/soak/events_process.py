"""Events that befall the process: signals, limits, its terminal, its clock."""

import fcntl
import os
import pty
import resource
import signal
from pathlib import Path

from bench import Bench, Skipped
from event import event

HANDLED = ("INT", "TERM", "HUP", "USR1")
F_SETPIPE_SZ = 1031
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


def send(bench: Bench, process, name: str) -> None:
    bench.story.append(name)
    process.send_signal(getattr(signal, f"SIG{name}"))


def stop_by(bench: Bench, name: str) -> None:
    process = bench.train()
    running = bench.wait_moment(process)
    begun = bench.run.exists()
    send(bench, process, name)
    # Before main() has begun nothing can handle a signal.
    codes = (3,) if running and begun else (0, 3, -getattr(signal, f"SIG{name}"))
    bench.expect(process, *codes, *((0,) if bench.has_finished() else ()))
    if bench.has_state():
        bench.verify()
    bench.finish()


@event
def stop_signal(bench: Bench) -> None:
    """a signal that asks for an end: INT, TERM, HUP or USR1"""
    stop_by(bench, bench.rng.choice(("INT", "TERM", "HUP", "USR1")))


@event
def batch_signal(bench: Bench) -> None:
    """a signal that batch systems send: USR2 or XCPU"""
    stop_by(bench, bench.rng.choice(("USR2", "XCPU")))


@event
def pipe_signal(bench: Bench) -> None:
    """PIPE, sent by another process, which changes nothing"""
    process = bench.train()
    running = bench.wait_moment(process)
    begun = bench.run.exists()
    send(bench, process, "PIPE")
    bench.expect(process, 0, *(() if running and begun else (-signal.SIGPIPE,)))
    bench.finish()


@event
def several_signals(bench: Bench) -> None:
    """several signals in a row"""
    process = bench.train()
    bench.wait_moment(process)
    begun = bench.run.exists()
    for _ in range(bench.rng.randint(2, 5)):
        send(bench, process, bench.rng.choice((*HANDLED, "CONT", "WINCH")))
        bench.ends_within(process, bench.rng.uniform(0, 0.02))
    # A second INT may end it at once; before main() has begun any signal does.
    bench.expect(process, 0, 3, 130, -signal.SIGINT, *(() if begun else (-getattr(signal, f"SIG{name}") for name in HANDLED)))
    if bench.has_state():
        bench.verify()
    bench.finish()


@event
def kill(bench: Bench) -> None:
    """KILL, at any moment"""
    for _ in range(bench.rng.randint(1, 4)):
        process = bench.train()
        bench.wait_moment(process)
        process.kill()
        bench.expect(process, 0, -signal.SIGKILL)
        if bench.has_state():
            bench.verify()
        if bench.has_finished():
            break
    bench.finish()


@event
def pause(bench: Bench) -> None:
    """TSTP, or STOP, and CONT a while later"""
    process = bench.train()
    if bench.wait_moment(process):
        send(bench, process, bench.rng.choice(("TSTP", "STOP")))
        bench.ends_within(process, bench.rng.uniform(0, 1.5))
        send(bench, process, "CONT")
    bench.expect(process, 0)
    bench.finish()


def trains_on(bench: Bench, process) -> None:
    """The process reaches its end by itself, or ends when it is asked to."""
    if bench.rng.random() < 0.5:
        bench.expect(process, 0)
    else:
        bench.wait_moment(process)
        send(bench, process, bench.rng.choice(("INT", "TERM", "HUP")))
        bench.expect(process, 0, 3, *(-getattr(signal, f"SIG{name}") for name in ("INT", "TERM", "HUP") if not bench.has_state()))
    bench.finish()


def fill(descriptor: int) -> None:
    """Writes until nothing more fits in."""
    os.set_blocking(descriptor, False)
    try:
        while True:
            os.write(descriptor, b"." * 512)
    except BlockingIOError:
        pass
    os.set_blocking(descriptor, True)


@event
def unread_pipe(bench: Bench) -> None:
    """standard output or standard error is a small pipe that nobody reads"""
    read, write = os.pipe()
    bench.ends.append(lambda: os.close(read))
    fcntl.fcntl(write, F_SETPIPE_SZ, 4096)
    stream = bench.rng.choice(("stdout", "stderr"))
    fill(write)
    bench.story.append(stream)
    process = bench.train(**{stream: write})
    os.close(write)
    trains_on(bench, process)


@event
def closed_pipe(bench: Bench) -> None:
    """who reads standard output goes away, which changes nothing"""
    read, write = os.pipe()
    process = bench.train(stdout=write)
    os.close(write)
    bench.wait_moment(process)
    os.close(read)
    bench.expect(process, 0)
    bench.finish()


@event
def stopped_terminal(bench: Bench) -> None:
    """Ctrl-S at a terminal, or a terminal that nobody reads"""
    main, terminal = pty.openpty()
    bench.ends.append(lambda: os.close(main))
    if bench.rng.random() < 0.5:
        os.write(main, b"\x13")
        bench.story.append("Ctrl-S")
    else:
        fill(terminal)
    process = bench.train(stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    trains_on(bench, process)


@event
def hung_up_terminal(bench: Bench) -> None:
    """the terminal goes away"""
    main, terminal = pty.openpty()
    process = bench.train(stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    bench.wait_moment(process)
    os.close(main)
    bench.expect(process, 0, 3)
    bench.finish()


@event
def closed_descriptors(bench: Bench) -> None:
    """standard input, output or error is closed from the beginning"""
    closed = [number for number in (0, 1, 2) if bench.rng.random() < 0.6] or [1]
    bench.story.append(f"closed: {closed}")
    process = bench.train(preexec_fn=lambda: [os.close(number) for number in closed])
    bench.expect(process, 0)
    bench.finish()


@event
def few_descriptors(bench: Bench) -> None:
    """a small limit on open files"""
    most = bench.rng.randint(8, 24)
    bench.story.append(f"{most} files")
    process = bench.train(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)))
    bench.expect(process, 0, 1, 127)  # 127: the loader cannot open its libraries
    bench.finish()


@event
def small_address_space(bench: Bench) -> None:
    """a limit on the address space (RLIMIT_AS) about what a run needs"""
    most = bench.rng.randint(200, 900) << 20
    bench.story.append(f"{most >> 20} MiB")
    process = bench.train(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (most, most)))
    bench.expect(process, 0, 1, 2, 127)
    bench.finish()


def new_group(bench: Bench, controller: str) -> Path:
    """A new cgroup of version 1 or 2 with this controller; it is removed when the event is over."""
    if os.geteuid() != 0:
        raise Skipped("a cgroup needs root")
    root = Path("/sys/fs/cgroup")
    version1, version2 = root / controller, root / "cgroup.subtree_control"
    if not version1.is_dir() and not (version2.exists() and controller in version2.read_text().split()):
        raise Skipped(f"there is no cgroup controller '{controller}'")
    group = (version1 if version1.is_dir() else root) / f"twinflow-soak-{os.getpid()}-{bench.folder.name}"
    try:
        group.mkdir()
    except OSError as error:
        raise Skipped(f"no cgroup can be made: {error}") from None
    bench.ends.append(group.rmdir)
    return group


def enter(group: Path):
    return lambda: (group / "cgroup.procs").write_text(str(os.getpid()))


@event
def few_threads(bench: Bench) -> None:
    """a cgroup with room for a few threads: it runs, or ends with a sentence"""
    group = new_group(bench, "pids")
    most = bench.rng.randint(1, 8)
    bench.story.append(f"{most} threads")
    (group / "pids.max").write_text(str(most))
    bench.expect(bench.train(preexec_fn=enter(group)), 0, 1)
    bench.finish()


@event
def small_memory(bench: Bench) -> None:
    """a memory cgroup that a larger run may or may not fit into: it runs, or is refused, or ends with a sentence"""
    group = new_group(bench, "memory")
    most = bench.rng.randint(100, 400) << 20
    bench.story.append(f"{most >> 20} MiB")
    limit = next(name for name in ("memory.max", "memory.limit_in_bytes") if (group / name).exists())
    (group / limit).write_text(str(most))
    wide = bench.folder / "output" / "wide"
    layers = "twin.layer=[{type='dense',units=40000},'relu',{type='dense',units=64}]"
    bench.expect(bench.start(bench.graph, "--output", wide, "--epochs", 2, "--set", layers, preexec_fn=enter(group)), 0, 1, 2)
    if (wide / "state.safetensors").exists():
        bench.verify(wide)
        bench.expect(bench.start("--resume", wide), 0)


@event
def clock_set_back(bench: Bench) -> None:
    """the clock is set back while it runs, and before it is resumed"""
    if not FAKETIME.exists():
        raise Skipped("there is no libfaketime")
    clock = bench.folder / "output" / "clock"
    clock.write_text("+0\n")
    faked = {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
             "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_RESET": "1"}
    process = bench.train(env=bench.environment | faked)
    bench.wait_until((bench.run / "metrics.jsonl").exists, process)
    bench.ends_within(process, bench.rng.uniform(0, bench.seconds * 0.4))
    clock.write_text("-2d\n")
    bench.ends_within(process, bench.rng.uniform(0, bench.seconds * 0.4))
    process.send_signal(signal.SIGTERM)
    bench.expect(process, 0, 3)
    bench.verify()
    if not bench.has_finished():
        clock.write_text("-400d\n")
        bench.expect(bench.train(env=bench.environment | faked), 0)
    bench.finish()
