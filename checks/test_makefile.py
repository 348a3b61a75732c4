"""Tests the Makefile rules that install Python tools."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Runs the code after `-c` with the version number of an older Python.
OLD_PYTHON = f"""#!{sys.executable}
import sys

sys.version_info = (3, 9, 18)
exec(sys.argv[2])
"""


class Makefile(unittest.TestCase):
    def test_old_python_is_error_with_hint(self):
        rules = re.findall(r"(?m)^((?:\$\(VENV\)\S*stamp[ :])+)", (ROOT / "Makefile").read_text())
        stamps = [stamp for rule in rules for stamp in re.findall(r"\$\(VENV\)/(\S*stamp)", rule)]
        self.assertEqual((len(stamps), stamps[0]), (6, "stamp"))
        with tempfile.TemporaryDirectory() as name:
            python, venv = pathlib.Path(name, "python3"), pathlib.Path(name, "venv")
            python.write_text(OLD_PYTHON)
            python.chmod(0o755)
            for stamp in stamps:
                # Without the variables of an outer make, because `make` may run this test.
                command = ["make", f"VENV={venv}", f"PYTHON={python}", f"{venv}/{stamp}"]
                environment = {"PATH": os.environ["PATH"]}
                done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
                with self.subTest(stamp):
                    self.assertNotEqual(done.returncode, 0)
                    self.assertIn(f"error: `{python}` is Python 3.9, older than 3.11\n", done.stderr)
                    self.assertIn(f"hint: install Python 3.11 and run `PYTHON=python3.11 make {venv}/{stamp}`\n", done.stderr)
                # The next stamps need this one.
                venv.mkdir(exist_ok=True)
                (venv / "stamp").touch()


if __name__ == "__main__":
    unittest.main()
