"""A PostgreSQL server of a test's own: in a folder of its own, on a socket in it, ended by its pid.

    with Postgres(folder) as server: server.url
"""
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile

from node_process import until


def programs():
    """The folder of the newest server's programs; None if there is none."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    return os.path.dirname(found[-1]) if found else None


def owner():
    """Whose the server is, as it does not run as root; None if that is us."""
    return pwd.getpwnam("postgres") if os.geteuid() == 0 else None


class Postgres:
    def __init__(self, settings=()):
        # In memory if it can be: the disk is not what is tested. A socket's path must be short.
        below = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = tempfile.mkdtemp(prefix="skein-pg-", dir=below)
        self.settings = settings
        self.process = None
        who = owner()
        if who:
            os.chown(self.folder, who.pw_uid, who.pw_gid)
        self.run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self.start()

    @property
    def data(self):
        return os.path.join(self.folder, "data")

    @property
    def url(self):
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def how(self):
        who = owner()
        return {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if who else {}

    def run(self, program, *arguments):
        subprocess.run([os.path.join(programs(), program), *arguments], check=True, cwd="/", stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, timeout=120, **self.how())

    def start(self):
        command = [os.path.join(programs(), "postgres"), "-D", self.data, "-k", self.folder]
        for each in ("listen_addresses=", "track_commit_timestamp=on", "max_connections=60", "shared_buffers=64MB",
                     "log_min_messages=fatal", *self.settings):
            command += ["-c", each]
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(command, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            **self.how())
        until(self.is_ready, 60, "PostgreSQL is ready")

    def is_ready(self):
        done = subprocess.run([os.path.join(programs(), "pg_isready"), "-q", "-h", self.folder], timeout=30, check=False)
        return done.returncode == 0

    def sql(self, text):
        """What a question to it comes to, as text."""
        done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-U", "postgres",
                               "-c", text], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise AssertionError(f"psql: {done.stderr}")
        return done.stdout.strip()

    def crash(self):
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(30)
        self.process = None

    def close(self):
        if self.process:
            self.crash()
        shutil.rmtree(self.folder, ignore_errors=True)
