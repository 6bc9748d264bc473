"""A node as a process of its own, for tests that use nothing but the built program.

    with Node(folder) as node:            # skein dev --data FOLDER/data --port 0
        node.url, node.port, node.pid
        node.kill()                       # SIGKILL; node.start() goes on with the same data
        node.terminate(); node.wait(10)   # SIGTERM, then its exit status

Every wait is bounded, and only processes that were started here are ended, by their own pid. A node that
is killed leaves its programs without input; they end by themselves.
"""
import fcntl
import os
import re
import signal
import subprocess
import termios
import time

BINARY = os.environ.get("SKEIN_BINARY", "build/release/skein")
START_WITHIN = 30.0  # seconds; tests of the start measure it and have a bound of their own


class TimeUp(AssertionError):
    """Something that had to happen did not, in the time it had."""


def patience(seconds):
    """A bound for a machine with nothing else to do, stretched by the load that this one has."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def until(check, within, what):
    """Asks `check` until its answer is true; the answer. TimeUp if that takes longer than `within` seconds of a
    machine with nothing else to do."""
    began = time.monotonic()
    pause = 0.001
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() - began > patience(within):
            raise TimeUp(f"not within {within} s: {what}")
        time.sleep(pause)  # between two looks
        pause = min(pause * 1.5, 0.05)


class Node:
    def __init__(self, folder, config=None, arguments=(), binary=None, working_folder=None, environment=None):
        """`config` is the text of a configuration; without one it is the echo agent of `skein dev`. `environment`
        is put on top of this process's own."""
        self.folder = str(folder)
        self.data = os.path.join(self.folder, "data")
        self.binary = binary or BINARY
        self.working_folder = working_folder or self.folder
        self.environment = {**os.environ, **(environment or {})}
        self.config = None
        self.arguments = list(arguments)
        self.verb = "dev"  # or "start": with links to other nodes
        self.terminal = None  # the descriptor of one that is to be its own
        self.process = None
        self.starts = 0
        self.url = None
        self.port = None
        if config is not None:
            self.configure(config)

    def configure(self, text):
        self.config = os.path.join(self.folder, "cluster.toml")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)

    def command(self):
        command = [self.binary, self.verb, "--port", "0"]
        if "--ephemeral" not in self.arguments:
            command += ["--data", self.data]
        if self.config:
            command += ["--config", self.config]
        return command + self.arguments

    def launch(self):
        """Starts the process and does not wait for anything."""
        assert self.process is None, "it runs already"
        self.starts += 1
        self.url = self.port = None
        with open(self.output_path(), "wb") as output, open(self.log_path(), "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=output, stderr=log,
                                            cwd=self.working_folder, env=self.environment,
                                            preexec_fn=None if self.terminal is None else self._take_terminal)

    def _take_terminal(self):
        os.setsid()
        fcntl.ioctl(self.terminal, termios.TIOCSCTTY, 0)

    def start(self, within=START_WITHIN):
        """Starts it and waits until it has printed its URL; the seconds that took."""
        began = time.monotonic()
        self.launch()
        until(self._read_url, within, f"a URL from {' '.join(self.command())}\n{self.log()[-2000:]}")
        return time.monotonic() - began

    def _read_url(self):
        found = re.search(r"url +http://127\.0\.0\.1:(\d+)", self.output())
        if not found and self.process.poll() is not None:
            raise AssertionError(f"the node ended with {self.process.returncode}: {self.log()[-2000:]}")
        if found:
            self.port = int(found[1])
            self.url = f"http://127.0.0.1:{self.port}"
        return found

    def output_path(self):
        return os.path.join(self.folder, f"output-{self.starts}.txt")

    def log_path(self):
        return os.path.join(self.folder, "log.txt")

    def output(self):
        with open(self.output_path(), encoding="utf-8", errors="replace") as file:
            return file.read()

    def log(self):
        """Standard error of all starts."""
        with open(self.log_path(), encoding="utf-8", errors="replace") as file:
            return file.read()

    @property
    def pid(self):
        return self.process.pid

    def signal(self, number):
        self.process.send_signal(number)

    def terminate(self):
        self.signal(signal.SIGTERM)

    def kill(self):
        """SIGKILL. The node can be started again."""
        self.process.kill()
        self.wait(10)

    def wait(self, within):
        """The exit status; the node can then be started again."""
        try:
            status = self.process.wait(patience(within))
        except subprocess.TimeoutExpired:
            raise TimeUp(f"the node did not end within {within} s\n{self.log()[-2000:]}") from None
        self.process = None
        return status

    def running(self):
        return self.process is not None and self.process.poll() is None

    def resident_mib(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+) kB", file.read())[1]) / 1024

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None
