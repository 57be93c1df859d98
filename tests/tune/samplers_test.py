"""apps/tune/samplers.py: what Optuna's samplers and pruners do as they are made here."""

import random
import statistics

from support import TuneTest, bowl, optuna, unittest

from tune.samplers import PRUNERS, SAMPLERS, make_pruner, make_sampler, read_kind

RANGES = {"x": optuna.distributions.FloatDistribution(0, 1), "y": optuna.distributions.FloatDistribution(0, 1),
          "n": optuna.distributions.IntDistribution(1, 12)}


def best_found(sampler: str, seed: int, trials: int) -> float:
    """How good the best point really is, of a search that sees scores with noise."""
    table = read_kind({"type": sampler, "seed": seed}, SAMPLERS, "sampler")
    noise = random.Random(seed)
    study = optuna.create_study(direction="maximize")
    for number in range(trials):
        study.sampler = make_sampler(table, number)
        trial = study.ask(RANGES)
        study.tell(trial, bowl(**trial.params) + noise.gauss(0, 0.01))
    return bowl(**study.best_params)


class SamplersTest(TuneTest):
    def test_bayesian_search_beats_random_in_the_median_of_20_seeds(self) -> None:
        tpe, chance = ([best_found(kind, seed, 30) for seed in range(20)] for kind in ("tpe", "random"))
        self.assertGreater(statistics.median(tpe), statistics.median(chance))

    def test_every_sampler_and_pruner_can_be_made_and_asked(self) -> None:
        for name in SAMPLERS:
            table = read_kind(name, SAMPLERS, "sampler")
            study = optuna.create_study()
            for number in range(3):
                study.sampler = make_sampler(table, number)
                study.tell(study.ask(RANGES), float(number))
            self.assertEqual(len({tuple(trial.params.values()) for trial in study.trials}), 3, name)
        for name in PRUNERS:
            self.assertIsInstance(make_pruner(read_kind(name, PRUNERS, "pruner")), optuna.pruners.BasePruner)

    def test_a_trial_is_drawn_by_its_number_whoever_draws_it(self) -> None:
        def draw(number: int) -> dict:
            study = optuna.create_study(sampler=make_sampler({"type": "random", "seed": 3}, number))
            return study.ask(RANGES).params

        self.assertEqual(draw(7), draw(7))
        self.assertNotEqual(draw(7), draw(8))

    def test_pruning_saves_epochs_and_never_prunes_the_best_of_curves_that_do_not_cross(self) -> None:
        for name in ("median", "percentile", "successive_halving"):
            pruner = make_pruner(read_kind(name, PRUNERS, "pruner"))
            for seed in range(20):
                order = random.Random(seed).sample(range(16), 16)
                study = optuna.create_study(direction="maximize", pruner=pruner)
                epochs = 0
                for rank in order:
                    trial = study.ask()
                    for epoch in range(1, 17):
                        epochs += 1
                        trial.report(rank + 1 - 0.5**epoch, epoch)
                        if trial.should_prune():
                            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                            break
                    else:
                        study.tell(trial, rank)
                self.assertEqual(study.best_value, 15, (name, seed))
                self.assertLess(epochs, 16 * 16 * 0.9, (name, seed))


if __name__ == "__main__":
    unittest.main(warnings="ignore")  # of what Optuna calls experimental
