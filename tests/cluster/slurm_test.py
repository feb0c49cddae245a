"""The batch templates under a throw-away Slurm, two nodes x two ranks: whatever ends a start, the next one goes on by
itself and the run ends with the same bytes as one that nothing disturbed."""
import filecmp
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from cluster import (MPIRUN, PLAIN, SMALL, SOURCE, STEPS, ClusterCase, Slurm, arguments, last_checkpoint, logged_steps, long_form,
                     require, settings, wait_for)

TEMPLATES = SOURCE / "launch/slurm"
LONGER = 360  # steps, where Slurm takes seconds to act
LONGEST = 1200  # where it looks every half minute


class SlurmCase(ClusterCase):
    extra = ""  # of slurm.conf

    @classmethod
    def setUpClass(cls):
        require(("slurmctld", "slurmd", "sbatch", "munged", "unshare", "ss"), "slurm-wlm slurm-wlm-basic-plugins munge iproute2")
        super().setUpClass()
        home = tempfile.mkdtemp(prefix="oslurm_", dir="/tmp")  # a socket's path must be short
        cls.slurm = Slurm(home, cls.extra)
        cls.addClassCleanup(shutil.rmtree, home, ignore_errors=True)
        cls.addClassCleanup(cls.slurm.stop)

    def submit(self, template, out, *options, nodes=("-N", "2", "--ntasks-per-node=2"), operands=None, **values):
        operands = arguments(out, **values) if operands is None else operands
        return self.slurm.ask("sbatch", "--parsable", *nodes, "-t", "30", "--signal=B:USR1@60", "-o", f"{out}.log", *options,
                              TEMPLATES / template, *operands, cwd=self.folder)

    def log(self, out):
        path = pathlib.Path(f"{out}.log")
        return path.read_text(errors="replace") if path.exists() else "(no output)"

    def train_and(self, template, disturb, name, steps=STEPS):
        """Disturbs a run as soon as it has logged a step. Returns its output."""
        out = self.folder / name
        job = self.submit(template, out, **{"training.steps": steps})
        self.assertTrue(wait_for(lambda: logged_steps(out), 120), self.log(out))
        disturb(job)
        self.assertEqual(self.slurm.ends(job), "COMPLETED", self.log(out))
        self.assertEqual(int(self.slurm.job(job)["Restarts"]), 1, self.log(out))
        self.assert_as_undisturbed(out, self.log(out), steps)
        return self.log(out)

    def signals_while_starting(self, template):
        """The last of these starts is left alone, and ends the run, wherever the signals fell."""
        for delay in (0, 0.3, 0.6, 1, 1.5, 2.5):
            out = self.folder / f"starting_{delay}"
            job = self.submit(template, out)
            self.assertTrue(wait_for(lambda: "start 1 on" in self.log(out), 120), self.log(out))
            time.sleep(delay)
            self.signal_batch(job)
            self.assertEqual(self.slurm.ends(job), "COMPLETED", self.log(out))
            self.assert_as_undisturbed(out, self.log(out))

    def signal_batch(self, job):
        self.slurm.ask("scancel", "--batch", "-s", "USR1", job)

    def requeue(self, job):
        self.slurm.ask("scontrol", "requeue", job)

    def preempt(self, job):
        self.slurm.ask("sbatch", "-p", "high", "-N2", "--ntasks-per-node=2", "-o", "/dev/null", "--wrap", "sleep 2")

    def near_limit(self, job):
        """An operator moves the limit, and Slurm finds the job within --signal's 60 s of it; then moves it back."""
        self.slurm.ask("scontrol", "update", f"jobid={job}", "TimeLimit=1")
        self.assertTrue(wait_for(lambda: self.slurm.job(job)["Restarts"] == "1", 120))
        self.slurm.ask("scontrol", "update", f"jobid={job}", "TimeLimit=30")

    def stop_rank_3(self, job):
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if os.path.realpath(process / "exe") != os.path.realpath(PLAIN["ORNSTEIN"]):
                    continue
                variables = (process / "environ").read_text(errors="replace").split("\0")
            except OSError:
                continue
            if f"SLURM_JOB_ID={job}" in variables and f"SLURM_CONF={self.slurm.environment['SLURM_CONF']}" in variables:
                if "PMIX_RANK=3" in variables:
                    os.kill(int(process.name), signal.SIGSTOP)
                    return
        self.fail("no rank 3")

    def set_down(self, job):
        self.slurm.ask("scontrol", "update", "nodename=n2", "state=down", "reason=test")
        self.assertTrue(wait_for(lambda: self.slurm.job(job)["JobState"] == "PENDING", 120))
        # Its slurmd lives and has registered again by now, or will be asked to.
        subprocess.run(["scontrol", "update", "nodename=n2", "state=resume"], env=self.slurm.environment, capture_output=True)

    def kill_node(self, job, slurm_knows=True):
        self.slurm.node("kill", "n2")
        if slurm_knows:  # else after SlurmdTimeout
            self.slurm.ask("scontrol", "update", "nodename=n2", "state=down", "reason=test")
        self.assertTrue(wait_for(lambda: self.slurm.job(job)["JobState"] == "PENDING", 120))
        self.slurm.node("revive", "n2")


class Srun(SlurmCase):
    @long_form
    def test_signals_while_starting(self):
        self.signals_while_starting("train.sbatch")

    @long_form
    def test_a_stopped_rank(self):
        output = self.train_and("train.sbatch", self.stop_rank_3, "hangs", LONGER)
        self.assertRegex(output, "a rank did not answer|ended by signal 9")  # srun tells the highest code
        self.assertIn("rank 3 on n2: no sign of life", output)

    def test_a_signal_to_the_batch_shell(self):
        self.assertIn("stopped on request", self.train_and("train.sbatch", self.signal_batch, "signal"))

    def test_a_requeue_saves_first(self):
        self.assertIn("stopped on request", self.train_and("train.sbatch", self.requeue, "requeue"))

    @long_form
    def test_the_time_limit(self):
        self.assertIn("stopped on request", self.train_and("train.sbatch", self.near_limit, "limit", LONGEST))

    @long_form
    def test_a_preempting_job(self):
        self.assertIn("stopped on request", self.train_and("train.sbatch", self.preempt, "preempted", LONGER))

    @long_form
    def test_a_node_set_down(self):
        self.train_and("train.sbatch", self.set_down, "down", LONGER)

    @long_form
    def test_a_node_that_dies(self):
        self.train_and("train.sbatch", self.kill_node, "dead", LONGER)


class Mpirun(SlurmCase):
    @long_form
    def test_signals_while_starting(self):
        self.signals_while_starting("train-mpirun.sbatch")

    @long_form
    def test_a_stopped_rank(self):
        output = self.train_and("train-mpirun.sbatch", self.stop_rank_3, "hangs", LONGER)
        self.assertRegex(output, "a rank did not answer|ended by signal 9")  # srun tells the highest code
        self.assertIn("rank 3 on n2: no sign of life", output)

    def test_a_signal_to_the_batch_shell(self):
        self.assertIn("stopped on request", self.train_and("train-mpirun.sbatch", self.signal_batch, "signal"))

    @long_form
    def test_the_time_limit(self):
        self.assertIn("stopped on request", self.train_and("train-mpirun.sbatch", self.near_limit, "limit", LONGEST))

    # Slurm's TERM reaches mpirun and its daemons: mostly nothing can be saved, and the last checkpoint is what counts.
    @long_form
    def test_a_requeue(self):
        self.train_and("train-mpirun.sbatch", self.requeue, "requeue", LONGER)

    @long_form
    def test_a_preempting_job(self):
        self.train_and("train-mpirun.sbatch", self.preempt, "preempted", LONGER)

    @long_form
    def test_a_node_set_down(self):
        self.train_and("train-mpirun.sbatch", self.set_down, "down", LONGER)

    @long_form
    def test_a_node_that_dies(self):
        self.train_and("train-mpirun.sbatch", self.kill_node, "dead", LONGER)

    @long_form
    def test_a_node_that_dies_and_mpirun_notices_first(self):
        output = self.train_and("train-mpirun.sbatch", lambda job: self.kill_node(job, slurm_knows=False), "lost", LONGER)
        self.assertIn("mpirun lost a node", output)


@long_form
class PreemptionWithAUserSignal(SlurmCase):
    """What makes preemption save under mpirun too: preempt_send_user_signal, GraceTime and --signal=B:USR1@N."""
    extra = "SlurmctldParameters=preempt_send_user_signal"

    def test_saves_first(self):
        self.slurm.ask("scontrol", "update", "PartitionName=main", "GraceTime=30")
        for template in ("train.sbatch", "train-mpirun.sbatch"):
            self.assertIn("stopped on request", self.train_and(template, self.preempt, template, LONGER))


class Outcomes(SlurmCase):
    """What is started again, and what is not. The program is a stand-in here."""

    def outcome(self, script, template="train.sbatch", operands=("c.json", "--out", "stand_in"), **environment):
        """(state, exit code, restarts, output) of one job on one node."""
        program = self.folder / "stand_in_program"
        program.write_text(f"#!/bin/bash\n{script}\n")
        program.chmod(0o755)
        shutil.rmtree(self.folder / "stand_in", ignore_errors=True)
        out = self.folder / "outcome"
        pathlib.Path(f"{out}.log").unlink(missing_ok=True)
        self.slurm.environment.update({"ORNSTEIN": str(program), **environment})
        job = self.submit(template, out, nodes=("-N", "1", "-n", "1"), operands=operands)
        self.slurm.ends(job)
        now = self.slurm.job(job)
        return now["JobState"], now["ExitCode"], int(now["Restarts"]), self.log(out)

    def test_codes_of_failed_ranks_pass_through_and_mistakes_are_not_repeated(self):
        for code in (2, 3):
            state, exit_code, restarts, log = self.outcome(f"exit {code}")
            self.assertEqual((state, exit_code, restarts), ("FAILED", f"{code}:0", 0), log)

    def test_a_missing_program_is_one_clear_line(self):
        for missing in ({"ORNSTEIN": "/nowhere/ornstein"}, {"ORNSTEIN": ""}):
            state, exit_code, restarts, log = self.outcome("exit 0", **missing)
            self.assertEqual((state, exit_code, restarts), ("FAILED", "2:0", 0), log)
            self.assertIn("no such program", log)
            self.assertEqual(len(log.splitlines()), 1, log)

    def test_resume_is_added_once(self):
        for given in ((), ("--resume",)):
            _, _, _, log = self.outcome('echo "given: $*"', operands=("c.json", "--set", "a.b=x y", *given))
            self.assertIn("given: train c.json --set a.b=x y --resume\n", log)

    @long_form
    def test_hanging_ranks_are_started_again_but_not_for_ever(self):
        state, exit_code, restarts, log = self.outcome("exit 86")
        self.assertEqual((state, exit_code, restarts), ("FAILED", "86:0", 2), log)
        self.assertIn("3 starts in a row without a newer checkpoint", log)

    @long_form
    def test_progress_clears_the_count(self):
        script = """mkdir -p stand_in/checkpoints
n=$(ls stand_in/checkpoints | wc -l); [ $n = 4 ] && exit 0
touch stand_in/checkpoints/step_0000000$n.h5; exit 86"""
        state, _, restarts, log = self.outcome(script)
        self.assertEqual((state, restarts), ("COMPLETED", 4), log)

    @long_form
    def test_a_killed_rank_is_started_again(self):
        script = '[ "${SLURM_RESTART_COUNT:-0}" = 1 ] && exit 0; kill -9 $$'
        state, _, restarts, log = self.outcome(script)
        self.assertEqual((state, restarts), ("COMPLETED", 1), log)
        self.assertIn("a rank was ended by signal 9 (KILL)", log)

    @long_form
    def test_a_cancelled_job_stays_cancelled(self):
        out = self.folder / "cancelled"
        self.slurm.environment["ORNSTEIN"] = PLAIN["ORNSTEIN"]
        job = self.submit("train.sbatch", out)
        self.assertTrue(wait_for(lambda: logged_steps(out), 120), self.log(out))
        self.slurm.ask("scancel", job)
        self.assertEqual(self.slurm.ends(job), "CANCELLED", self.log(out))
        self.assertEqual(self.slurm.job(job)["Restarts"], "0", self.log(out))
        self.assertTrue(wait_for(lambda: "Slurm decides what follows" in self.log(out), 30), self.log(out))


class Readme(SlurmCase):
    """The command lines of launch/README.md, tried without training."""

    def test_its_commands_are_accepted(self):
        (self.folder / "bin").mkdir()
        (self.folder / "bin/ornstein").symlink_to(PLAIN["ORNSTEIN"])
        environment = {**self.slurm.environment, "PATH": f"{self.folder}/bin:{PLAIN['PATH']}", "array": "1",
                       "OMPI_MCA_rmaps_base_oversubscribe": "1"}
        blocks = (SOURCE / "launch/README.md").read_text().split("```")[1::2]
        tried = 0
        for line in "".join(blocks).splitlines():
            if "sbatch" in line:  # Slurm checks script, options and dependency
                line = line.replace("sbatch ", "sbatch --test-only ").replace("--dependency=afterok:$array", "")
            elif line.startswith(("ornstein", "mpirun", "launch/", "srun")):
                line += " --dry-run"
            else:
                continue
            done = subprocess.run(["bash", "-ec", line], cwd=SOURCE, env=environment, capture_output=True, text=True, timeout=120)
            self.assertEqual(done.returncode, 0, f"{line}\n{done.stdout}\n{done.stderr}")
            tried += 1
        self.assertEqual(tried, 8)


@long_form
class EveryKind(SlurmCase):
    """One configuration of each kind of data, and of each space, ends with the bytes of four ranks on one host."""

    CONFIGURATIONS = ("wavelet_fashion_mnist", "function_diffusion_temperature", "riemannian_earthquake", "riemannian_trp",
                      "first_hitting_ising", "point_cloud_shapes")

    def test_trains_on_two_nodes_of_two_ranks(self):
        for name in self.CONFIGURATIONS:
            with self.subTest(name):
                path = SOURCE / f"configs/{name}.json"
                data = json.loads(path.read_text())["dataset"]["path"]
                values = {"training.steps": 4, "training.global_batch": 16, "training.micro_batch": 4, "checkpoint.every": 4,
                          "output.sample_every": 0, **({} if ":" in data else {"dataset.path": str(SOURCE / data)})}
                slurm, plain = self.folder / f"{name}_slurm", self.folder / f"{name}_plain"
                job = self.submit("train-mpirun.sbatch", slurm, operands=[str(path), "--out", str(slurm), *settings(values)])
                done = subprocess.run([MPIRUN, "--oversubscribe", "-n", "4", PLAIN["ORNSTEIN"], "train", str(path), "--out",
                                       str(plain), *settings(values)], env=PLAIN, capture_output=True, text=True, timeout=600)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(self.slurm.ends(job), "COMPLETED", self.log(slurm))
                self.assertTrue(filecmp.cmp(last_checkpoint(slurm), last_checkpoint(plain), shallow=False), self.log(slurm))


@long_form
class StagesArray(SlurmCase):
    def test_are_trained_side_by_side_and_joined(self):
        """The two commands of stages.sbatch; one stage is signalled on its way."""
        values = {**SMALL["wavelet_fashion_mnist.json"], "training.steps": 12, "output.log_every": 1}
        stages = ("low", "detail_2", "detail_1")
        config = str(SOURCE / "configs/wavelet_fashion_mnist.json")
        array = self.submit("stages.sbatch", self.folder / "stages", "--array=0-2", "-o", "stages_%a.log", nodes=("-N", "1", "-n", "2"),
                            operands=[",".join(stages), config, "--out", "garments", *settings(values)])
        joining = self.slurm.ask(
            "sbatch", "--parsable", f"--dependency=afterok:{array}", "-n", "1", "-o", "join.log", "--wrap",
            f"{PLAIN['ORNSTEIN']} join garments.low garments.detail_2 garments.detail_1 --out garments", cwd=self.folder)
        self.assertTrue(wait_for(lambda: logged_steps(self.folder / "garments.low"), 180))
        self.slurm.ask("scancel", "--batch", "-s", "USR1", f"{array}_0")
        state = self.slurm.ends(joining, 400)
        logs = "\n".join(path.read_text() for path in sorted(self.folder.glob("*.log")))
        self.assertEqual(state, "COMPLETED", logs)
        self.assertIn("requeued", (self.folder / "stages_0.log").read_text())
        joined = self.tensors(last_checkpoint(self.folder / "garments"))
        for stage in stages:
            for name, tensor in self.tensors(last_checkpoint(self.folder / f"garments.{stage}")).items():
                if f"/{stage}/" in name:
                    self.assertTrue((tensor == joined[name]).all(), name)


if __name__ == "__main__":
    unittest.main()
