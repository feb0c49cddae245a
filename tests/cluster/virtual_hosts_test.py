"""launch/run-mpirun.sh over virtual hosts (network namespaces): a link that is cut for good, and one that comes back."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from cluster import HERE, PLAIN, PROGRAM, SOURCE, ClusterCase, arguments, logged_steps, long_form, require, skip, wait_for

RUN_MPIRUN = SOURCE / "launch/run-mpirun.sh"
TIMEOUT = 5  # runtime.collective_timeout where a link is cut, seconds


class VirtualHosts(ClusterCase):
    """Two hosts of two slots, two ranks each."""

    @classmethod
    def setUpClass(cls):
        require(("ip", "tc", "unshare", "mpirun"), "iproute2 util-linux openmpi-bin")
        super().setUpClass()
        prefix = f"o{os.getpid() % 100000}"  # several sets may live side by side; names of interfaces are short
        cls.hosts = [f"{prefix}h1", f"{prefix}h2"]
        cls.environment = {**PLAIN, "VNET_PREFIX": prefix, "VNET_DIR": str(cls.folder / "vnet")}
        cls.addClassCleanup(cls.vnet, "down")
        done = cls.vnet("up", "2", "2")
        if done.returncode != 0:
            skip(f"vnet.sh: {done.stderr.strip()}")

    @classmethod
    def vnet(cls, *command):
        return subprocess.run([HERE / "vnet.sh", *command], env=cls.environment, capture_output=True, text=True)

    def setUp(self):
        self.addCleanup(self.vnet, "sweep")

    def start(self, name, *operands):
        """run-mpirun.sh on the first host; its process and output."""
        log = open(self.folder / f"{name}.log", "w")
        self.addCleanup(log.close)
        line = f". {self.folder}/vnet/env && exec {RUN_MPIRUN} -n 4 -x OMP_NUM_THREADS=1 " + " ".join(f"'{o}'" for o in operands)
        process = subprocess.Popen([HERE / "nsrun", self.hosts[0], line], env=self.environment, cwd=self.folder,
                                   stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process, lambda: pathlib.Path(log.name).read_text(errors="replace")

    def start_training(self, name, **values):
        out = self.folder / name
        process, log = self.start(name, PROGRAM, "train", *arguments(out, **values))
        self.assertTrue(wait_for(lambda: logged_steps(out), 120), log())
        return process, log, out

    def left_on(self, host):
        return subprocess.run(["ip", "netns", "pids", host], capture_output=True, text=True).stdout.split()

    def test_a_link_cut_for_good_ends_the_reachable_side_which_goes_on_elsewhere(self):
        process, log, out = self.start_training("cut",
                                                **{"training.steps": 100000, "checkpoint.every": 5,
                                                   "runtime.collective_timeout": TIMEOUT})
        self.vnet("cut", self.hosts[1])
        start = time.monotonic()
        self.assertEqual(process.wait(timeout=TIMEOUT + 15 + 10 + 10 + 15), 86, log())
        self.assertTrue(wait_for(lambda: not self.left_on(self.hosts[0]), 5), log())
        self.assertIn("a host cannot be reached", log())
        self.assertIn(self.hosts[1], log())  # the verdict names the host
        self.assertTrue(list(out.glob("flight/rank_*.json")), log())
        print(f"gone {time.monotonic() - start:.0f} s after the cut", flush=True)
        self.vnet("sweep")
        self.vnet("mend", self.hosts[1])

    @long_form
    def test_a_link_that_comes_back_in_time_costs_nothing(self):
        process, log, out = self.start_training("mended")
        self.vnet("cut", self.hosts[1])
        time.sleep(4)
        self.vnet("mend", self.hosts[1])
        self.assertEqual(process.wait(timeout=240), 0, log())
        self.assert_as_undisturbed(out, log())

    @long_form
    def test_the_first_signal_saves(self):
        for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            name = f"stopped_{number}"
            process, log, out = self.start_training(name)
            process.send_signal(number)
            self.assertEqual(process.wait(timeout=120), 75, log())
            process, log = self.start(name, PROGRAM, "train", *arguments(out), "--resume")
            self.assertEqual(process.wait(timeout=240), 0, log())
            self.assert_as_undisturbed(out, log())


class OneHost(unittest.TestCase):
    """With stand-ins for mpirun and the ranks; needs no namespaces."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ornstein_mpirun_"))
        self.addCleanup(shutil.rmtree, self.folder)

    def start(self, body, *operands):
        (self.folder / "mpirun").write_text(f"#!/bin/bash\n{body}\n")
        (self.folder / "mpirun").chmod(0o755)
        return subprocess.Popen([RUN_MPIRUN, *operands], env={**PLAIN, "PATH": f"{self.folder}:{PLAIN['PATH']}"}, cwd=self.folder,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def test_codes_and_arguments_pass_through(self):
        process = self.start('echo "given: $*"; exit 3', "-n", "2", "a b")
        self.assertEqual(process.communicate(timeout=20)[0], "given: -n 2 a b\n")
        self.assertEqual(process.returncode, 3)

    def test_without_arguments_it_says_what_it_wants(self):
        process = self.start("exit 0")
        self.assertIn("no arguments", process.communicate(timeout=20)[0])
        self.assertEqual(process.returncode, 2)

    @long_form  # VirtualHosts has the true case
    def test_an_mpirun_that_waits_for_ever_is_ended_with_its_agents(self):
        body = """trap '' TERM
OMPI_COMM_WORLD_RANK=0 sleep 2 &
sleep 300 & echo $! > agent; touch ready
while :; do wait; sleep 0.2; done"""
        process = self.start(body, "ornstein")
        output = process.communicate(timeout=60)[0]
        self.assertEqual(process.returncode, 86, output)
        self.assertIn("gone for 10 s", output)
        agent = (self.folder / "agent").read_text().strip()
        self.assertTrue(wait_for(lambda: not os.path.exists(f"/proc/{agent}/fd/0"), 5), output)

    def test_a_second_term_is_term(self):
        body = """trap 'echo got USR1' USR1; trap 'echo got TERM; kill $!; exit 9' TERM
touch ready; sleep 60 & while :; do wait; done"""
        process = self.start(body, "ornstein")
        self.assertTrue(wait_for((self.folder / "ready").exists, 20))
        process.terminate()
        time.sleep(2.5)
        process.terminate()
        output = process.communicate(timeout=20)[0]
        self.assertEqual([line for line in output.splitlines() if line.startswith("got")], ["got USR1", "got TERM"])
        self.assertEqual(process.returncode, 9)


if __name__ == "__main__":
    unittest.main()
