"""report.html: history, importances, slices, parallel coordinates and the table, in one file that needs no network."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState

from . import chart
from .files import write
from .outcome import STATES, best_text, candidates, count, seconds, tally
from .space import Parameter
from .study import Study
from .values import clock, shown

STYLE = """body{font:14px sans-serif;margin:2em auto;max-width:1000px;color:#222}svg{font:11px sans-serif;margin:4px}
.frame{fill:none;stroke:#bbb}.name{font-weight:bold}.complete{fill:#2266bb;opacity:.7}.pruned{fill:#bb8822;opacity:.6}
.best{fill:none;stroke:#cc3333;stroke-width:1.5}.bar{fill:#2266bb}.line{fill:none}.axis{stroke:#444}
table{border-collapse:collapse}td,th{padding:2px 8px;text-align:right;border-bottom:1px solid #ddd}.scroll{overflow-x:auto}"""
ENOUGH_FOR_IMPORTANCES = 8  # complete trials


def importances(study: Study) -> list[tuple[str, float]]:
    """Which share of the score's variance each parameter explains (fANOVA, Hutter 2014): of complete trials. Empty:
    they are too few, or all alike."""
    complete = study.main.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < ENOUGH_FOR_IMPORTANCES or len({one.value for one in complete}) == 1:
        return []
    evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=32, seed=0)
    return list(optuna.importance.get_param_importances(study.main, evaluator=evaluator).items())


def write_report(study: Study, file: Path) -> None:
    search = study.search
    trials = [one for one in study.main.get_trials(deepcopy=False) if one.state != TrialState.WAITING]
    known = [one for one in trials if one.state in (TrialState.COMPLETE, TrialState.PRUNED) and one.value is not None]
    counts = count(study)
    name, better = html.escape(search.file.name), "higher" if search.maximize else "lower"
    parts = [f"<!doctype html><html lang=en><meta charset=utf-8><title>{name}</title><style>{STYLE}</style>",
             f"<h1>{name}</h1>",
             f"<p>{html.escape(search.metric)} ({better} is better), {search.sampler['type']}: {counts['all']} trials, "
             f"{tally(counts)}; {clock(study.seconds())} of trials.</p>"]
    ranked = candidates(study)
    if ranked:
        parts.append("<h2>Best</h2><p>By the mean over seeds that were not searched with: the best of many noisy scores is "
                     "too good.</p><table><tr><th>trial<th>score<th>again</tr>")
        parts += [f"<tr><td>{one.number}<td>{shown(one.score, search.metric)}<td>{best_text(one)}</tr>"
                  for one in ranked]
        parts.append("</table>")
    if known:
        parts += ["<h2>History</h2>", _history(study, known)]
        parts.append("<h2>Importance</h2><p>The share of the score's variance that each parameter explains, by fANOVA over "
                     "complete trials.</p>")
        shares = importances(study)
        parts.append(chart.bars(shares) if shares else "<p>Too few complete trials to tell, or all are alike.</p>")
        parts.append("<h2>Slices</h2>")
        up = chart.number_axis(search.metric, [one.value for one in known])
        for parameter in search.space:
            across = _axis(parameter, known)
            parts.append(chart.scatter(across, up, [
                (one.params[parameter.path], one.value, STATES[one.state], _says(one, search.metric)) for one in known]))
        parts += ["<h2>Parallel coordinates</h2><div class=scroll>", _parallel(study, known), "</div>"]
    parts += ["<h2>Trials</h2><div class=scroll>", _table(study, trials), "</div></html>"]
    write(file, "\n".join(parts))


def _says(trial: FrozenTrial, metric: str) -> str:
    return f"trial {trial.number}: {shown(trial.value, metric)}, {STATES[trial.state]}"


def _axis(parameter: Parameter, trials: Sequence[FrozenTrial]) -> chart.Axis:
    if parameter.choices:
        return chart.label_axis(parameter.path, parameter.labels)
    return chart.number_axis(parameter.path, [one.params[parameter.path] for one in trials], parameter.log)


def _history(study: Study, trials: Sequence[FrozenTrial]) -> str:
    search = study.search
    steps: list[tuple[float, float]] = []
    for one in trials:
        if one.state == TrialState.COMPLETE:
            best = one.value if not steps else (max if search.maximize else min)(steps[-1][1], one.value)
            steps.append((one.number, best))
    across = chart.number_axis("trial", [one.number for one in trials])
    up = chart.number_axis(search.metric, [one.value for one in trials])
    points = [(one.number, one.value, STATES[one.state], _says(one, search.metric)) for one in trials]
    return chart.scatter(across, up, points, steps)


def _parallel(study: Study, trials: Sequence[FrozenTrial]) -> str:
    search = study.search
    complete = [one for one in trials if one.state == TrialState.COMPLETE]
    if not complete:
        return "<p>No trial is complete.</p>"
    score = chart.number_axis(search.metric, [one.value for one in complete])
    axes = [*(_axis(one, complete) for one in search.space), score]
    lines = []
    for one in complete:
        good = score.place(one.value)
        lines.append(([*(one.params[parameter.path] for parameter in search.space), one.value],
                      good if search.maximize else 1 - good, _says(one, search.metric)))
    return chart.parallel(axes, lines)


def _table(study: Study, trials: Sequence[FrozenTrial]) -> str:
    space = study.search.space
    columns = ["trial", "state", "score", *(one.path for one in space), "epochs", "time", "reason"]
    head = "".join(f"<th>{html.escape(name)}" for name in columns)
    rows = []
    for one in trials:
        cells = [str(one.number), STATES[one.state], shown(one.value, study.search.metric),
                 *(_cell(one.params.get(parameter.path, "")) for parameter in space), str(len(one.intermediate_values)),
                 clock(seconds(one)), one.user_attrs.get("reason", "")]
        rows.append("<tr>" + "".join(f"<td>{html.escape(cell)}" for cell in cells) + "</tr>")
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"


def _cell(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
