"""apps/tune/locks.py: who holds a trial, and journals that were cut off."""

import json
import os
import subprocess
import sys
import time

from support import SOURCE, TuneTest, optuna, unittest, wait_until

from tune.locks import SILENCE, JournalLock, Owner  # after support, which finds them

HOLD = """
import sys, time, subprocess
sys.path.insert(0, {apps!r})
from pathlib import Path
from tune.locks import Owner
owner = Owner.take(Path({file!r}))
child = subprocess.Popen(["sleep", "1000"], pass_fds=(owner.descriptor,))
print(child.pid, flush=True)
time.sleep(1000)
"""


class LocksTest(TuneTest):
    def test_a_trial_is_free_once_its_holder_and_the_run_have_ended(self) -> None:
        file = self.folder / "trial" / "owner"
        code = HOLD.format(apps=str(SOURCE / "apps"), file=str(file))
        holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        run = int(holder.stdout.readline())
        self.assertIsNone(Owner.take(file))
        holder.kill()
        holder.wait()
        holder.stdout.close()
        self.assertIsNone(Owner.take(file))  # the run still writes there
        os.kill(run, 9)
        taken = []
        wait_until(lambda: taken.append(Owner.take(file)) or taken[-1], "the trial is free")
        self.assertLess(taken[-1].before[0], taken[-1].began)
        taken[-1].release()

    def test_where_no_locks_are_kept_between_machines_silence_counts(self) -> None:
        file = self.folder / "owner"
        other = {"token": "t", "boot": "another machine", "host": "h", "pid": 1, "began": 5.0}
        file.write_text(json.dumps(other))
        self.assertIsNone(Owner.take(file))
        long_ago = time.time() - SILENCE - 5
        os.utime(file, (long_ago, long_ago))
        owner = Owner.take(file)
        self.assertTrue(owner.beat())
        self.assertAlmostEqual(owner.before[1], long_ago, places=2)
        file.write_text(json.dumps(other))  # the other one comes back
        self.assertFalse(owner.beat())
        owner.release()

    def test_a_journal_line_that_was_cut_off_is_dropped(self) -> None:
        journal = self.folder / "journal.log"

        def study() -> optuna.Study:
            storage = optuna.storages.JournalStorage(optuna.storages.JournalFileStorage(str(journal), JournalLock(journal)))
            return optuna.create_study(storage=storage, study_name="s", load_if_exists=True)

        study().ask()
        whole = journal.read_bytes()
        with open(journal, "ab") as file:
            file.write(b'{"op_code": 4, "worker')
        study().ask()
        self.assertEqual(len(study().trials), 2)
        self.assertTrue(journal.read_bytes().startswith(whole))

    def test_a_lock_does_not_outlive_its_process(self) -> None:
        journal = self.folder / "journal.log"
        journal.touch()
        code = (f"import sys, os; sys.path.insert(0, {str(SOURCE / 'apps')!r})\nfrom pathlib import Path\n"
                f"from tune.locks import JournalLock\nJournalLock(Path({str(journal)!r})).acquire(); os.kill(os.getpid(), 9)")
        self.assertEqual(subprocess.run([sys.executable, "-c", code]).returncode, -9)
        lock = JournalLock(journal)
        self.assertTrue(lock.acquire())  # Optuna's own would wait for ever
        lock.release()


if __name__ == "__main__":
    unittest.main(warnings="ignore")  # of what Optuna calls experimental
