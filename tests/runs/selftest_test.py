"""`ornstein selftest --chaos`: it holds here, it covers every promise, and it notices a broken one."""
import os
import pathlib
import re
import signal
import subprocess
import unittest

from program import ENVIRONMENT, PROGRAM, Case, run, wait_for

PROMISES = [
    "stops on request: checkpoint, exit 75",
    "a second request ends it at once",
    "survives death at any moment",
    "a failed write spares earlier checkpoints",
    "never loads a damaged checkpoint",
    "never begins again over damaged ones",
    "names the rank that holds up the others",
    "an error on one rank ends all",
    "all ranks skip a non-finite step alike",
    "gives up after many of them in a row",
]


LONG = os.environ.get("ORNSTEIN_LONG") == "1"


def chaos(*arguments, folder, timeout=120):
    return run("selftest", "--chaos", "--out", folder / "selftest", *arguments, folder=folder, timeout=timeout)


def outcomes(text):
    """[(promise, outcome)] of the table."""
    rows = [re.split(r"\s{2,}", line) for line in text.splitlines()]
    return [(row[0], row[-1]) for row in rows if row[0] in PROMISES]


class Chaos(Case):
    def test_every_promise_holds_here(self):
        code, text, error = chaos(*([] if LONG else ["--minutes", 1]), folder=self.folder, timeout=900)
        self.assertEqual(code, 0, text + error)
        rows = outcomes(text)
        self.assertEqual({promise for promise, _ in rows}, set(PROMISES))
        for promise, outcome in rows:
            self.assertTrue(outcome.startswith("passed "), f"{promise}: {outcome}")
        self.assertEqual(list((self.folder / "selftest").iterdir()), [])


class ChaosNotices(Case):
    def launcher(self, script):
        """Stands between the launcher and the program."""
        path = self.folder / "wrap.sh"
        path.write_text("#!/bin/sh\n" + script)
        path.chmod(0o755)
        return f"mpirun -n 2 --oversubscribe --bind-to none {path}"

    def test_a_launcher_that_fails(self):
        code, text, error = chaos("--launcher", "false", folder=self.folder)
        self.assertEqual(code, 1, text + error)
        self.assertIn("FAILED: the undisturbed run", text)

    def test_other_bytes_after_a_resume(self):
        # Allowed on resume, but noted in the checkpoint: nothing but the comparison of bytes can tell.
        wrap = self.launcher('case "$*" in */run\\ --resume) set -- "$@" --set checkpoint.keep_last=4;; esac\n'
                             'exec "$@"\n')
        code, text, error = chaos("--only", "the newest empty", "--minutes", 0, "--launcher", wrap, folder=self.folder)
        self.assertEqual(code, 1, text + error)
        self.assertIn("FAILED 1 of 1 times: after --resume step_00000600.h5 differs", text)
        self.assertTrue(list((self.folder / "selftest").glob("*/*/run/checkpoints/step_00000600.h5")))

    @unittest.skipUnless(LONG, "ORNSTEIN_LONG")
    def test_a_stop_that_looks_like_an_end(self):
        wrap = self.launcher('"$@"\ncode=$?\n[ $code = 75 ] && exit 0\nexit $code\n')
        code, text, error = chaos("--only", "TERM to one rank", "--minutes", 0, "--launcher", wrap, folder=self.folder)
        self.assertEqual(code, 1, text + error)
        self.assertIn("ended as if nothing had happened", text)


class ChaosTalk(Case):
    def test_wants_to_be_started_plainly(self):
        code, _, error = run("selftest", "--chaos", ranks=2)
        self.assertEqual(code, 2, error)
        self.assertIn("start it plainly", error)

    def test_wants_a_test_and_known_words(self):
        self.assertEqual(run("selftest")[0], 2)
        code, _, error = chaos("--only", "no such fault", folder=self.folder)
        self.assertEqual(code, 2, error)
        self.assertEqual(error.count("\n"), 1)

    def test_leaves_nothing_behind_when_it_is_stopped(self):
        process = subprocess.Popen([PROGRAM, "selftest", "--chaos", "--out", self.folder / "stopped"], cwd=self.folder,
                                   env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertTrue(wait_for(lambda: list(self.folder.glob("stopped/*/undisturbed/metrics.jsonl"))))
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=30), 1)
        left = [pid for pid in filter(str.isdigit, os.listdir("/proc")) if str(self.folder) in command_line(pid)]
        self.assertEqual(left, [])


def command_line(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    except OSError:
        return ""


if __name__ == "__main__":
    unittest.main()
