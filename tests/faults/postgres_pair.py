"""Two PostgreSQL servers on two machines: a primary, and a standby that has each commit before it is acknowledged.

When the primary is lost the standby is promoted, and what was the primary is made anew as the standby of the new one, so
that it can be done again. Clients know both addresses and take the one that writes (`target_session_attrs`).
"""
import os
import pwd
import shutil
import signal
import subprocess
import tempfile

from postgres_process import programs

from node_process import until

PORT = 5432


class Server:
    """One of the two: its folder, its process, its machine."""

    def __init__(self, machines, name, folder):
        self.machines, self.name = machines, name
        self.folder = os.path.join(folder, name)
        self.data = os.path.join(self.folder, "data")
        self.process = None
        who = pwd.getpwnam("postgres")
        os.mkdir(self.folder)
        os.chown(self.folder, who.pw_uid, who.pw_gid)

    def command(self, program, *arguments):
        """As its user, on its machine."""
        return self.machines.at(self.name, "setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups",
                                os.path.join(programs(), program), *arguments)

    def run(self, program, *arguments, within=120):
        done = subprocess.run(self.command(program, *arguments), cwd="/", stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=within, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{program} at {self.name}: {done.stdout}{done.stderr}")
        return done.stdout

    def make(self):
        """An empty one."""
        self.run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        with open(os.path.join(self.data, "pg_hba.conf"), "a", encoding="ascii") as file:
            file.write("host all all 10.77.0.0/24 trust\nhost replication all 10.77.0.0/24 trust\n")

    def copy(self, primary):
        """As a standby of that one, from nothing."""
        shutil.rmtree(self.data, ignore_errors=True)
        self.run("pg_basebackup", "-D", self.data, "-R", "-X", "stream", "-c", "fast", "--no-sync", "-d",
                 f"host={primary.address} port={PORT} user=postgres application_name={self.name} connect_timeout=5 "
                 "keepalives_idle=2 keepalives_interval=1 keepalives_count=3")

    @property
    def address(self):
        return self.machines.address(self.name)

    def start(self, within=60):
        command = self.command("postgres", "-D", self.data, "-k", self.folder, "-p", str(PORT))
        for each in (f"listen_addresses={self.address}", "track_commit_timestamp=on", "max_connections=80",
                     "shared_buffers=128MB", "synchronous_standby_names=FIRST 1 (pg1, pg2)", "hot_standby=on",
                     "wal_sender_timeout=10s", "wal_receiver_timeout=10s", "wal_retrieve_retry_interval=200ms",
                     "max_wal_size=1GB", "wal_keep_size=256MB", "log_min_messages=warning"):
            command += ["-c", each]
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(command, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(self.is_ready, within, f"PostgreSQL at {self.name} is ready")

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"PostgreSQL at {self.name} ended with {self.process.returncode}")
        done = subprocess.run([os.path.join(programs(), "pg_isready"), "-q", "-h", self.folder, "-p", str(PORT)],
                              timeout=30, check=False)
        return done.returncode == 0

    def stop(self, how):
        """SIGQUIT is a crash: nothing is written any more. SIGINT is a stop in order."""
        if self.process:
            self.process.send_signal(how)
            self.process.wait(60)
            self.process = None

    def sql(self, text, within=60):
        """What a question to it comes to, as text; over a socket in its folder, which cuts do not touch."""
        done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-p",
                               str(PORT), "-U", "postgres", "-c", text], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=within, check=False)
        if done.returncode != 0:
            raise AssertionError(f"psql at {self.name}: {done.stderr}")
        return done.stdout.strip()


class PostgresPair:
    def __init__(self, machines):
        # In the memory of this world, and gone with it: no disk is what is tested. A socket's path must be short.
        self.folder = tempfile.mkdtemp(prefix="pair-", dir="/run")
        os.chmod(self.folder, 0o711)
        self.primary, self.standby = (Server(machines, name, self.folder) for name in ("pg1", "pg2"))
        self.primary.make()
        self.primary.start()
        self.attach()

    def url(self, addresses=None):
        hosts = addresses or [f"{each.address}:{PORT}" for each in (self.primary, self.standby)]
        return f"postgresql://postgres@{','.join(sorted(hosts))}/postgres?target_session_attrs=read-write"

    def attach(self):
        """The standby is made anew of the primary, and has all that it has."""
        self.standby.copy(self.primary)
        self.standby.start()
        until(self.is_in_step, 60, "the standby has what the primary has")

    def is_in_step(self):
        return self.primary.sql("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' "
                                "AND sync_state = 'sync'") == "1"

    def promote(self):
        """The standby takes over; the primary is gone, or cannot be reached."""
        self.standby.sql("SELECT pg_promote(true, 60)", within=90)
        self.primary, self.standby = self.standby, self.primary

    def close(self):
        for each in (self.standby, self.primary):
            each.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)
