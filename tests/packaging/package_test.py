"""The Debian package and the tarball as scripts/package.sh makes them: what is in them, that it runs from where it lies,
and what the scripts of the package and the units do. Programs that are not here are left out; nothing outside of a
temporary folder is changed."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "system"))
from support import BINARY, Client, Node, event, patience  # noqa: E402

BUILD = os.environ.get("SKEIN_BUILD", os.path.join(ROOT, "build", "release"))
PACKAGING = os.path.join(ROOT, "packaging")
# Of glibc and GCC, which every Debian has.
SYSTEM_LIBRARIES = ("ld-linux", "linux-vdso", "libc.so", "libm.so", "libdl.so", "librt.so", "libpthread.so",
                    "libresolv.so", "libgcc_s.so", "libstdc++.so")
NEEDED = ("dpkg-deb", "dpkg-shlibdeps", "file", "gzip", "strip")


def run(*command, within=120, **how):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=patience(within), **how)
    assert done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def unit(text):
    """The settings of a unit; one that is given twice has both values."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found[name] = (found.get(name, "") + " " + value).strip()
    return found


def need(test, *programs):
    for program in programs:
        if not shutil.which(program):
            test.skipTest(f"there is no {program} here")


class Made:
    """The packages, made once for all tests, and what is in the Debian one."""

    def __init__(self, folder):
        self.folder = folder
        made = os.path.join(folder, "made")
        run(os.path.join(ROOT, "scripts", "package.sh"), "--build", BUILD, made, within=600)
        names = sorted(os.listdir(made))
        assert len(names) == 2, names
        self.tarball, self.deb = (os.path.join(made, name) for name in names)
        self.installed = os.path.join(folder, "installed")
        run("dpkg-deb", "-x", self.deb, self.installed)
        self.control = os.path.join(folder, "control")
        run("dpkg-deb", "-e", self.deb, self.control)


def setUpModule():
    global made
    missing = [name for name in NEEDED if not shutil.which(name)]
    if missing:
        print(f"SKIPPED: not here: {', '.join(missing)}")
        sys.exit(77)
    folder = tempfile.mkdtemp(prefix="skein-packages-")
    unittest.addModuleCleanup(shutil.rmtree, folder, ignore_errors=True)
    made = Made(folder)


class Packages(unittest.TestCase):
    def setUp(self):
        self.folder, self.deb, self.tarball = made.folder, made.deb, made.tarball
        self.control = made.control

    def inside(self, *path):
        return os.path.join(made.installed, *path)

    def program(self, *arguments):
        return run(self.inside("usr/bin/skein"), *arguments)


class DebianPackage(Packages):
    def test_it_says_what_it_is_and_what_it_needs(self):
        version = run(BINARY, "version").split()[1]
        fields = dict(line.split(": ", 1) for line in run("dpkg-deb", "-f", self.deb).splitlines() if ": " in line)
        architecture = run("dpkg", "--print-architecture").strip()
        self.assertEqual(os.path.basename(self.deb), f"skein_{version}-1_{architecture}.deb")
        self.assertEqual((fields["Package"], fields["Version"], fields["Section"]), ("skein", f"{version}-1", "net"))
        self.assertTrue(fields["Maintainer"].startswith("Skein developers <"))
        for package in ("libc6", "libstdc++6", "libzmq5", "libsqlite3-0", "libpq5", "libssl3", "tzdata"):
            self.assertIn(package, fields["Depends"])

    def test_its_program_runs_and_its_configuration_is_one(self):
        self.assertTrue(self.program("version").startswith("skein "))
        self.program("config", "check", self.inside("etc/skein/cluster.toml"))
        self.assertEqual(read(self.control, "conffiles").split(), ["/etc/skein/cluster.toml"])

    def test_files_lie_where_the_system_looks_for_them_and_belong_to_root(self):
        listed = run("dpkg-deb", "-c", self.deb).splitlines()
        for line in listed:
            mode, owner, *_, path = line.split(maxsplit=5)
            self.assertEqual(owner, "root/root", line)
            wanted = "drwxr-xr-x" if mode[0] == "d" else "-rwxr-xr-x" if path == "./usr/bin/skein" else "-rw-r--r--"
            self.assertEqual(mode, wanted, line)
        for page in self.program("man").split():
            self.assertTrue(os.path.exists(self.inside(f"usr/share/man/man{page[-1]}/{page}.gz")), page)
        for shell, path in (("bash", "bash-completion/completions/skein"), ("zsh", "zsh/vendor-completions/_skein"),
                            ("fish", "fish/vendor_completions.d/skein.fish")):
            self.assertEqual(read(self.inside("usr/share", path)), self.program("completion", shell))
        for document in ("copyright", "changelog.Debian.gz", "README.md", "docs/installing.md",
                         "examples/cluster.toml"):
            self.assertTrue(os.path.exists(self.inside("usr/share/doc/skein", document)), document)

    def test_its_program_has_no_search_path_and_no_symbols(self):
        headers = run("readelf", "-d", self.inside("usr/bin/skein"))
        self.assertNotRegex(headers, r"\((RPATH|RUNPATH)\)")
        self.assertIn("stripped", run("file", self.inside("usr/bin/skein")))

    def called_by(self, script, *arguments):
        """What a script of the package calls, by stand-ins; there is no systemd that runs."""
        with tempfile.TemporaryDirectory(dir=self.folder) as tools:
            calls = os.path.join(tools, "calls")
            for name in ("systemd-sysusers", "chown", "chmod", "systemctl", "useradd", "getent", "rmdir"):
                with open(os.path.join(tools, name), "w", encoding="ascii") as file:
                    file.write(f'#!/bin/sh\necho "{name} $*" >>"{calls}"\n')
                os.chmod(file.name, 0o755)
            run("/bin/sh", os.path.join(self.control, script), *arguments, env={"PATH": tools})
            if not os.path.exists(calls):
                return []
            return [line for line in read(calls).splitlines() if not line.startswith("systemctl")]

    def test_its_scripts_make_the_user_once_and_start_nothing(self):
        self.assertEqual(self.called_by("postinst", "configure", ""),
                         ["systemd-sysusers skein.conf", "chown root:skein /etc/skein/cluster.toml",
                          "chmod 0640 /etc/skein/cluster.toml"])
        self.assertEqual(self.called_by("postinst", "configure", "0.0.9-1"), ["systemd-sysusers skein.conf"])
        self.assertEqual(self.called_by("prerm", "remove"), [])
        self.assertEqual(self.called_by("postrm", "purge"), ["rmdir --ignore-fail-on-non-empty /etc/skein"])
        for script in ("postinst", "prerm", "postrm"):
            text = read(self.control, script)
            self.assertNotRegex(text, r"systemctl (start|enable|restart)")
            self.assertNotRegex(text, r"rm -r|deluser|userdel")

    def test_the_user_is_made_by_the_system(self):
        need(self, "systemd-sysusers")
        root = os.path.join(self.folder, "users")
        os.makedirs(os.path.join(root, "etc"))
        run("systemd-sysusers", f"--root={root}", self.inside("usr/lib/sysusers.d/skein.conf"))
        self.assertRegex(read(root, "etc/passwd"), r"(?m)^skein:x:\d+:\d+:Skein nodes:/var/lib/skein:.*nologin$")

    def test_lintian_finds_no_error(self):
        need(self, "lintian")
        run("lintian", "--fail-on", "error", "--suppress-tags", "bogus-mail-host-in-debian-changelog", self.deb)


class Units(Packages):
    def units(self):
        return {name: unit(read(self.inside("usr/lib/systemd/system", name)))
                for name in ("skein.service", "skein@.service")}

    def test_they_start_what_is_there(self):
        config = self.inside("etc/skein/cluster.toml")
        for name, found in self.units().items():
            command = found["ExecStart"].replace("%i", "n1").split()
            self.assertEqual(command[0], "/usr/bin/skein")
            arguments = [config if each == "/etc/skein/cluster.toml" else each for each in command[1:]]
            self.assertIn("node n1 would serve", self.program(*arguments, "--dry-run"), name)
            folder = f"/var/lib/{found['StateDirectory']}".replace("%i", "n1")
            self.assertEqual(command[command.index("--data") + 1], folder)

    def test_they_give_the_node_the_time_that_it_needs(self):
        keys = run(BINARY, "config", "show", "--no-headers")
        deadline = int(re.search(r'drain_deadline\t"(\d+)s"', keys)[1])
        for name, found in self.units().items():
            self.assertEqual(int(found["TimeoutStopSec"]), deadline + 10, name)
            self.assertEqual((found["Type"], found["KillMode"], found["KillSignal"]), ("notify", "mixed", "SIGTERM"))
            self.assertGreater(int(found["WatchdogSec"]), 10)
            self.assertEqual((found["User"], found["StateDirectoryMode"]), ("skein", "0700"))

    def test_systemd_takes_them(self):
        need(self, "systemd-analyze")
        folder = os.path.join(self.folder, "units")
        os.makedirs(folder)
        for name in self.units():
            text = read(self.inside("usr/lib/systemd/system", name))
            text = text.replace("/usr/bin/skein", self.inside("usr/bin/skein"))
            with open(os.path.join(folder, name.replace("@", "@n1")), "w", encoding="utf-8") as file:
                file.write(text)
        for name in os.listdir(folder):
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", os.path.join(folder, name)],
                                  capture_output=True, text=True, timeout=60)
            ours = [line for line in done.stderr.splitlines() if "skein" in line]
            self.assertEqual(ours, [], name)
            if "--offline" not in run("systemd-analyze", "--help"):
                continue
            run("systemd-analyze", "security", "--offline=true", "--threshold=25", os.path.join(folder, name))


class Tarball(Packages):
    def unpacked(self):
        """In a folder whose name has a blank, with nothing that would help to find a library."""
        folder = tempfile.mkdtemp(prefix="any where-", dir=self.folder)
        run("tar", "-xzf", self.tarball, "-C", folder)
        (name,) = os.listdir(folder)
        self.assertEqual(name + ".tar.gz", os.path.basename(self.tarball))
        return os.path.join(folder, name)

    def test_it_brings_every_library_but_the_systems(self):
        folder = self.unpacked()
        own = os.path.realpath(os.path.join(folder, "lib"))
        used = set()
        for line in run("ldd", os.path.join(folder, "bin", "skein")).splitlines():
            name, _, path = line.strip().partition(" => ")
            if os.path.basename(name.split()[0]).startswith(SYSTEM_LIBRARIES):
                continue
            path = os.path.realpath(path.split(" (")[0])
            self.assertEqual(os.path.dirname(path), own, line)
            used.add(os.path.basename(name))
        self.assertEqual(used, set(os.listdir(own)), "and none that nobody needs")
        listed = [line.split() for line in read(folder, "share/doc/skein/libraries/list.txt").splitlines()]
        self.assertEqual({library for library, _, _ in listed}, used)
        for _, package, _ in listed:
            self.assertTrue(read(folder, f"share/doc/skein/libraries/{package}.copyright"))

    def test_a_node_runs_from_it(self):
        folder = self.unpacked()
        binary = os.path.join(folder, "bin", "skein")
        data = os.path.join(self.folder, "node")
        os.makedirs(data)
        with Node(data, binary=binary, environment={"LD_LIBRARY_PATH": ""}) as node:
            self.assertEqual(run(binary, "send", "hello", "--wait", "--server", node.url), "hello\n")
            client = Client(node)
            self.assertEqual(client.ended(client.accept(event("one", "k")))["state"], "done")
            client.close()
            node.terminate()
            self.assertEqual(node.wait(20), 0)


class Image(unittest.TestCase):
    """The file that says how an image is built; no image is."""

    def setUp(self):
        text = read(ROOT, "Containerfile").replace("\\\n", " ")
        self.steps = [line.split(maxsplit=1) for line in text.splitlines() if line and line[0] not in "#"]

    def of(self, name):
        return [rest for step, rest in self.steps if step == name]

    def words(self, name):
        (line,) = self.of(name)
        return re.findall(r'"([^"]*)"', line)

    def test_it_runs_as_somebody_with_a_number_who_owns_the_folder(self):
        self.assertEqual(self.of("USER"), ["10001:10001"])
        ran = " ".join(self.of("RUN"))
        self.assertIn("useradd --system --uid 10001 --gid skein", ran)
        self.assertIn("install -d -o skein -g skein -m 0700 /var/lib/skein", ran)
        self.assertEqual(self.of("VOLUME"), ["/var/lib/skein"])
        self.assertEqual(self.of("STOPSIGNAL"), ["SIGTERM"])
        self.assertEqual([each.split(" AS")[0] for each in self.of("FROM")], ["debian:12-slim"] * 2)

    def test_it_starts_as_the_unit_does_and_its_commands_are_some(self):
        started = unit(read(PACKAGING, "systemd", "skein.service.in"))["ExecStart"]
        started = started.replace("@SKEIN_CONFIG@", "/etc/skein/cluster.toml").split()[1:]
        self.assertEqual(self.words("CMD"), started)
        self.assertEqual(self.words("ENTRYPOINT"), ["skein"])
        asked = self.words("HEALTHCHECK")
        self.assertEqual(asked[:2], ["skein", "status"])
        done = subprocess.run([BINARY, *asked[1:], "--server", "http://127.0.0.1:9"], capture_output=True, text=True,
                              timeout=60)
        self.assertEqual(done.returncode, 69, done.stderr)

    def test_what_it_copies_and_runs_is_there(self):
        ran = " ".join(self.of("RUN"))
        for script in ("scripts/setup.sh", "scripts/package.sh"):
            self.assertIn(script, ran)
            self.assertTrue(os.path.exists(os.path.join(ROOT, script)))
        self.assertIn("/build/", read(ROOT, ".dockerignore").split())


del Packages  # its tests are those of the classes above
if __name__ == "__main__":
    unittest.main(verbosity=2)
