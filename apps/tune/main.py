"""The command line, and the loop that keeps trials running."""

from __future__ import annotations

import argparse
import dataclasses
import os
import signal
import sys
import time
import tomllib
from pathlib import Path

from . import outcome
from .display import Display
from .engine import FAILED, FINISHED, INTERRUPTED, INVALID, Engine, cores, find_flowrun
from .problems import Refused
from .report import write_report
from .samplers import PRUNERS, SAMPLERS
from .search_file import KEYS, Search, check_with_engine, read_search
from .study import Study
from .text import shown_lines
from .trial import Run
from .values import seconds_of, to_toml

POLL = 0.1  # seconds
LOOK_FOR_WORK = 1.0  # seconds: for trials whose process has died, and for what others leave to do


def reference() -> str:
    """What a search file may hold, from the very tables that it is checked by."""
    lines = ["SEARCH.toml:"]
    for name, key in KEYS.items():
        default = "" if key.default is None else f" (default: {key.default})"
        lines.append(f"  {name:<20}{key.takes}: {key.doc}{default}")
    for title, kinds in (("samplers", SAMPLERS), ("pruners", PRUNERS)):
        lines += ["", f"{title}, by name or as {{ type = \"...\", option = ... }}:"]
        for name, kind in kinds.items():
            lines.append(f"  {name:<20}{kind.doc}")
            lines += [f"    {key:<18}{one.doc}; default {str(one.default).lower()}"
                      + ("" if isinstance(one.default, bool) else f", {one.range()}") for key, one in kind.options.items()]
    lines += ["", "Exit codes: 0 finished, 1 failed, 2 invalid search or usage, 3 stopped by a signal (130 at once, by a",
              "second Ctrl-C); started again, it goes on. Several processes, on several machines that share the folder, work",
              "on one search. Values that were tried before are not run again: such a trial is given the first one's score.",
              "Paths in values are taken as those of flowrun --set, from the working folder.",
              "Example: flowtune graphs/search/optimizer.toml --jobs 2"]
    return "\n".join(lines)


def parse(arguments: list[str]) -> argparse.Namespace:
    def count(text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= 4096:
            raise argparse.ArgumentTypeError(f"'{text}' is no integer, 1 to 4096")
        return int(text)

    def path(text: str) -> Path:
        if not text:  # as a shell makes of an unset variable; it is not the working folder
            raise argparse.ArgumentTypeError("an empty text is not a path")
        return Path(text)

    def trials(text: str) -> int:
        if not text.isdecimal() or int(text) < 1:
            raise argparse.ArgumentTypeError(f"'{text}' is no integer, at least 1")
        return int(text)

    def duration(text: str) -> float:
        if (seconds := seconds_of(text)) is None:
            raise argparse.ArgumentTypeError(f"'{text}' is no time, such as 90s, 15m or 1h30m")
        return seconds

    def setting(text: str) -> tuple[str, object]:
        path, equals, written = text.partition("=")
        if not equals or "." not in path:
            raise argparse.ArgumentTypeError(f"'{text}' is not node.parameter=value or run.parameter=value")
        try:
            value = tomllib.loads(f"value = {written}")["value"]
            to_toml(value)
            return path, value
        except tomllib.TOMLDecodeError:  # a bare word is a text: the shell has eaten the quotes
            return path, written
        except TypeError as error:
            raise argparse.ArgumentTypeError(f"'{text}': {error}") from None

    parser = argparse.ArgumentParser(
        "flowtune", formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, epilog=reference(),
        description="Searches for the best values in a TwinFlow graph: each trial is a flowrun, the engine is Optuna.")
    parser.add_argument("search", metavar="SEARCH.toml", type=path, help="what is searched (below)")
    parser.add_argument("--set", type=setting, action="append", default=[], metavar="PATH=VALUE", help="a value for all "
                        "trials, over the file's (repeatable)")
    parser.add_argument("--output", type=path, metavar="DIR", help="the study's folder; one that is there is gone on "
                        "with, or joined (default: runs/search/<name of the file>)")
    parser.add_argument("--check", action="store_true", help="only check the search; exit 2 when it is invalid")
    parser.add_argument("--jobs", type=count, metavar="N", help="trials at a time, 1 to 4096, in place of the file's; "
                        "they divide the cores")
    parser.add_argument("--threads", type=count, metavar="N", help="threads of each flowrun, 1 to 4096 (default: cores / "
                        "jobs; with one job, as flowrun decides)")
    parser.add_argument("--trials", type=trials, metavar="N", help="budget in trials, in place of the file's")
    parser.add_argument("--max-time", type=duration, metavar="TIME", help="budget in time, as 1h30m, in place of the file's")
    parser.add_argument("--quiet", action="store_true", help="nothing on standard output")
    return parser.parse_args(arguments)


class Signals:
    """The first asks for the end, a second Ctrl-C ends at once."""

    def __init__(self) -> None:
        self.got: int | None = None
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU):
            signal.signal(one, self._come)

    def _come(self, number: int, _frame: object) -> None:
        if self.got is not None and number == signal.SIGINT:
            os._exit(130)  # the system then sends the trials SIGTERM
        self.got = self.got or number


def search_on(study: Study, search: Search, engine: Engine, display: Display, signals: Signals) -> bool:
    """Runs trials until there are none left; False: until a signal."""
    runs: list[Run] = []
    stopping, look_at = False, 0.0
    best, told_again = study.best_score(), False
    while True:
        if signals.got and not stopping:  # before trials are looked at: they may have had the same signal
            stopping = True
            for run in runs:
                run.stop()
        for run in list(runs):
            how = run.poll()
            if how is None:
                continue
            runs.remove(run)
            look_at = 0.0
            score = run.follower.score()
            is_best = how == "complete" and not run.work.again and (
                best is None or (score > best if search.maximize else score < best))
            best = score if is_best else best
            display.ended(run, how, is_best)
        if stopping and not runs:
            return False
        if not stopping and len(runs) < search.jobs and time.monotonic() >= look_at:
            work = study.next()
            if work:
                if work.same_as is not None:
                    display.say(f"{work.name:<10} the same values as trial {work.same_as}, and so the same score")
                    continue
                if work.taken_over:
                    display.say(f"{work.name}: was left by a process that has ended, and is gone on with")
                if work.again and not told_again:
                    told_again = True
                    display.say(f"the best {search.top} are evaluated again, with {search.seeds} fresh seeds each: the best "
                                "of many noisy scores is too good")
                runs.append(Run(study, search, engine, work))
                continue
            look_at = time.monotonic() + LOOK_FOR_WORK
            if not runs and study.over():
                return True
        display.running(study, runs)
        time.sleep(POLL)


def _said(error: OSError) -> str:
    return f"'{error.filename}': {error.strerror}" if error.filename else error.strerror or str(error)


def main(arguments: list[str]) -> int:
    try:
        options = parse(arguments)
    except SystemExit as end:
        return INVALID if end.code else FINISHED
    try:
        search = read_search(options.search, dict(options.set))
        for key in ("jobs", "trials", "max_time"):
            if getattr(options, key) is not None:
                search = dataclasses.replace(search, **{key: getattr(options, key)})
        flowrun = find_flowrun()
        threads = options.threads or (max(cores(flowrun) // search.jobs, 1) if search.jobs > 1 else None)
        engine = Engine(flowrun, search.graph, threads)
        check_with_engine(search, engine)
        what = (f"{options.search}: {len(search.space)} parameter{'' if len(search.space) == 1 else 's'}, "
                f"{search.sampler['type']}, {search.budget() or 'any number of'} trials of {search.graph}, "
                f"{search.metric} ({'higher' if search.maximize else 'lower'} is better)")
        if options.check:
            print(shown_lines(f"{what}: good"))
            return FINISHED
        folder = options.output or Path("runs/search") / options.search.stem
        study = Study(search, folder)
    except Refused as refused:
        print(shown_lines(str(refused)), file=sys.stderr)
        return INVALID
    except OSError as error:
        print(shown_lines(f"error: {_said(error)}"), file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return 130
    signals, display = Signals(), Display(search, options.quiet)
    try:
        display.say(f"{what}; {folder}")
        over = search_on(study, search, engine, display, signals)
        best = outcome.write_best(study, folder / "best.toml")
        outcome.write_table(study, folder / "trials.csv")
        write_report(study, folder / "report.html")
    except BrokenPipeError:  # nobody reads what we say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INTERRUPTED
    except OSError as error:
        print(shown_lines(f"error: {_said(error)}"), file=sys.stderr)
        return FAILED
    counts = outcome.count(study)
    tally = outcome.tally(counts)
    if best:
        display.say(f"best: trial {best.number}, {outcome.best_text(best)}: {folder / 'best.toml'}")
    if not over:
        display.say(f"stopped by {signal.strsignal(signals.got)}: {tally}; goes on with the same command")
        return INTERRUPTED
    if given_up := study.given_up():
        print(shown_lines(f"error: {given_up}"),
              "A larger max_failed_share goes on here; after changes, name another folder with --output.", sep="\n",
              file=sys.stderr)
        return FAILED
    display.say(f"finished: {tally}; {folder / 'trials.csv'}, {folder / 'report.html'}")
    if best is None:
        print("error: no trial was completed", file=sys.stderr)
        return FAILED
    return FINISHED
