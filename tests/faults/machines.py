"""Machines to be cut off from each other: network namespaces on a bridge, each with an address, `lo` and one cable.

`in_a_world_of_its_own()` runs the calling script again in namespaces of its own, for processes, mounts and the network.
With its first process all others die, and with them all that was made here: nothing of a run is left on the machine,
however it ends. It ends the script with status 77 (skipped) where that is not to be had.

A cut is an address that nobody answers to: a machine that is to reach another no more gets a wrong hardware address for
it, so that what it sends goes nowhere, without a word, as over a cable that was pulled. One way, if only one of two does.
"""
import ctypes
import os
import shutil
import socket
import subprocess
import sys

INSIDE = "SKEIN_FAULT_WORLD"
CLONE_NEWNET = 0x40000000
NAMES = "/run/netns"
NETWORK = "10.77.0."


def skip(why):
    print(f"SKIPPED: {why}")
    sys.exit(77)


def in_a_world_of_its_own():
    if os.environ.get(INSIDE):
        return
    if os.geteuid() != 0:
        skip("machines of one's own need root")
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = [each for each in ("unshare", "nsenter", "setpriv", "ip", "mount") if shutil.which(each, path=path) is None]
    if missing:
        skip(f"not installed: {', '.join(missing)}")
    os.environ[INSIDE], os.environ["PATH"] = "1", path
    world = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    trial = "mount -t tmpfs none /run && ip link add trial type veth peer name other && ip link add wire type bridge"
    if subprocess.run([*world, "sh", "-c", trial], capture_output=True, check=False).returncode != 0:
        skip("this machine lets nobody make namespaces and networks")
    sys.stdout.flush()
    os.execvp("unshare", [*world, sys.executable, *sys.argv])


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


libc = ctypes.CDLL(None, use_errno=True)


def enter(network):
    """With this thread alone; `network` is an open file."""
    if libc.setns(network, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Machines:
    """`names` are given addresses in their order, from 10.77.0.1 on."""

    def __init__(self, names):
        self.numbers = {name: number for number, name in enumerate(names, 1)}
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.networks = {}
        run("mount", "-t", "tmpfs", "none", "/run")
        os.mkdir(NAMES)
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "wire", "type", "bridge")
        run("ip", "link", "set", "wire", "up")
        for name in names:
            run("ip", "netns", "add", name)
            run("ip", "link", "add", f"to-{name}", "type", "veth", "peer", "name", "cable", "netns", name)
            run("ip", "link", "set", f"to-{name}", "master", "wire", "up")
            for words in (("addr", "add", f"{self.address(name)}/24", "dev", "cable"),
                          ("link", "set", "cable", "address", self.hardware(name)),
                          ("link", "set", "lo", "up"), ("link", "set", "cable", "up")):
                run("ip", "-n", name, *words)
            self.networks[name] = os.open(f"{NAMES}/{name}", os.O_RDONLY)
        self.heal()

    def address(self, name):
        return NETWORK + str(self.numbers[name])

    def hardware(self, name):
        return f"02:00:00:00:00:{self.numbers[name]:02x}"

    def at(self, name, *command):
        """What runs a command on that machine: the process is the command's own."""
        return ["nsenter", f"--net={NAMES}/{name}", *command]

    def point(self, sender, receiver, hardware):
        run("ip", "-n", sender, "neigh", "replace", self.address(receiver), "lladdr", hardware, "dev", "cable",
            "nud", "permanent")

    def cut(self, sender, receiver):
        """Nothing that one sends gets to the other; the other way is as it was."""
        self.point(sender, receiver, "02:00:00:00:ff:ff")

    def mend(self, sender, receiver):
        self.point(sender, receiver, self.hardware(receiver))

    def heal(self):
        """All reach all."""
        for sender in self.numbers:
            for receiver in self.numbers:
                if sender != receiver:
                    self.mend(sender, receiver)

    def connect(self, name, port, timeout):
        """A connection to a port of a machine's own 127.0.0.1: cuts do not touch it."""
        enter(self.networks[name])
        try:
            made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)  # a socket stays where it was made
        finally:
            enter(self.home)
        made.settimeout(timeout)
        try:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.connect(("127.0.0.1", port))
        except OSError:
            made.close()
            raise
        return made
