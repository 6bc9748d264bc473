"""A log whose reader stops: a pipe on standard error that nobody empties must not stop the node."""
import fcntl
import os
import subprocess

import support
from support import event
from node_process import Node

EVENTS = 100
FILLING = b"." * 65536  # what a pipe holds


class Unheard(Node):
    """Its standard error is a pipe that is full from the beginning and is read only by drain()."""

    def launch(self):
        self.starts += 1
        self.reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, len(FILLING))
        os.write(writer, FILLING)
        with open(self.output_path(), "wb") as output:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=output, stderr=writer)
        os.close(writer)

    def log(self):
        return "(not read)"

    def drain(self):
        """What the node has logged. Reads to the end, which comes when the node has ended."""
        with os.fdopen(self.reader, encoding="utf-8") as log:
            return log.read()[len(FILLING):]


class LogPipe(support.SystemTest):
    def unheard(self):
        node = Unheard(self.folder)
        self.addCleanup(node.__exit__)
        node.start()
        client = self.client(node)
        client.accept([event(n, f"k{n % 50}") for n in range(EVENTS)])
        self.assertEqual(client.idle()["ledger"]["done"], EVENTS)
        return node

    def test_a_node_whose_log_nobody_reads_works_and_stops(self):
        node = self.unheard()
        node.terminate()
        self.assertEqual(node.wait(20), 0)
        os.close(node.reader)

    def test_a_reader_that_comes_back_finds_the_lines_that_waited(self):
        node = self.unheard()
        node.terminate()
        log = node.drain()
        self.assertEqual(node.wait(20), 0)
        self.assertIn("http-listening", log)
        self.assertIn("node stopped", log)
        self.assertNotIn("lines-lost", log)


if __name__ == "__main__":
    support.main()
