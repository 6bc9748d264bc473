"""The pages of the manual, formatted by the programs that show them: none of them warns. Those that are not here are
left out."""
import os
import shutil
import subprocess

import support
from support import skein

FORMATTERS = {"groff": ["groff", "-man", "-ww", "-Tutf8", "-z"],
              "man": ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8"],
              "mandoc": ["mandoc", "-T", "lint", "-W", "warning"]}


class Man(support.SystemTest):
    def setUp(self):
        super().setUp()
        done = skein("man", "--out", self.folder)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.pages = sorted(os.listdir(self.folder))
        self.assertEqual(sorted(skein("man").stdout.split()), self.pages)

    def formatted_by(self, name):
        if not shutil.which(name):
            self.skipTest(f"there is no {name} here")
        for page in self.pages:
            done = subprocess.run([*FORMATTERS[name], page], capture_output=True, text=True, timeout=60,
                                  cwd=self.folder, env={**os.environ, "MANROFFSEQ": "", "MANWIDTH": "80"})
            self.assertEqual((page, done.returncode, done.stderr), (page, 0, ""))
            if name == "man":
                self.assertIn("Skein 0.", done.stdout)
            if name == "mandoc":
                self.assertEqual(done.stdout, "")

    def test_groff_formats_each_page_without_a_warning(self):
        self.formatted_by("groff")

    def test_man_formats_each_page_without_a_warning(self):
        self.formatted_by("man")

    def test_mandoc_finds_nothing_wrong(self):
        self.formatted_by("mandoc")


if __name__ == "__main__":
    support.main()
