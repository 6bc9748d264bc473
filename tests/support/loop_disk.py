"""Disks of our own, for tests that treat them badly: ext4 in a file, mounted by way of a loop device.

`in_a_world_of_its_own()` runs the calling script again in namespaces of its own, for processes and for mounts. With
its first process all others die and all mounts go, however it ends: nothing of a test is left on the machine. It ends
the script with status 77 (skipped) where it is not root or something that it needs is missing.
"""
import ctypes
import os
import shutil
import subprocess
import sys

INSIDE = "SKEIN_DISK_WORLD"
CLONE_NEWNS, CLONE_NEWPID = 0x00020000, 0x20000000


def skip(why):
    print(f"SKIPPED: {why}")
    sys.exit(77)


def in_a_world_of_its_own(*programs):
    """`programs` are those that the test needs besides mount and ext4's."""
    if os.environ.get(INSIDE):
        return
    if os.geteuid() != 0:
        skip("disks of one's own need root")
    needed = ("unshare", "mount", "umount", "losetup", "mkfs.ext4", *programs)
    missing = [each for each in needed if shutil.which(each, path=search_path()) is None]
    if missing:
        skip(f"not installed: {', '.join(missing)}")
    os.environ[INSIDE] = "1"
    os.environ["PATH"] = search_path()
    if not os.path.exists("/dev/loop-control"):
        skip("this kernel has no loop devices")
    if subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True).returncode != 0:
        skip("this machine lets nobody make namespaces")
    sys.stdout.flush()
    os.execvp("unshare", ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable,
                          *sys.argv])


def search_path():
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def memory_folder(path, mib):
    """A folder in memory for the files behind the disks; gone with the world."""
    os.makedirs(path, exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", f"size={mib}m", "skein-disks", path)
    return path


def make_image(path, mib):
    """A file with an empty ext4 file system in it, sparse."""
    with open(path, "wb") as file:
        file.truncate(mib << 20)
    run("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard", path)
    return path


libc = ctypes.CDLL(None, use_errno=True)
MNT_DETACH = 2


def detach(folder):
    if libc.umount2(folder.encode(), MNT_DETACH) != 0:
        raise OSError(ctypes.get_errno(), f"umount {folder}")


def detach_all_below(folder):
    """So that the folder can be removed."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        mounted = [line.split()[4] for line in file]
    for each in sorted(mounted, reverse=True):  # what lies in another one before that one
        if each.startswith(folder + "/"):
            detach(each)


class Disk:
    """An image that is mounted at a folder."""

    def __init__(self, image, folder, options="commit=600"):
        self.image = image
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.mount(options)

    def mount(self, options="commit=600"):
        run("mount", "-o", f"loop,{options}", self.image, self.folder)

    def remount(self, options):
        run("mount", "-o", f"remount,{options}", self.folder)

    def unmount(self):
        run("umount", self.folder)

    def detach(self):
        """Takes it out of sight, whoever uses it."""
        detach(self.folder)

    def grow(self, mib):
        self.unmount()
        run("truncate", "-s", f"{mib}M", self.image)
        run("e2fsck", "-fy", self.image)
        run("resize2fs", self.image)
        self.mount()

    def free(self):
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def fill(self, name="filler", leave=0):
        """Takes all of the space but `leave` bytes."""
        with open(os.path.join(self.folder, name), "ab") as file:
            size = file.tell()
            while True:
                room = self.free() - leave
                step = min(room, 64 << 20)
                if step < 4096:
                    break
                try:
                    os.posix_fallocate(file.fileno(), size, step)
                except OSError:  # what is left is too little for so much at once
                    leave += 4096
                    continue
                size += step
            os.fsync(file.fileno())

    def free_up(self, name="filler"):
        os.remove(os.path.join(self.folder, name))
