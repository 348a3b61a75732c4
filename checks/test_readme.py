"""What the documents tell people to type is there: make's targets, SAM's functions, files and folders."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def text_of_all():
    """All documents in one text."""
    return "\n".join(path.read_text() for path in DOCUMENTS)


class Documents(unittest.TestCase):
    def test_every_make_target_is_one(self):
        targets = set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        asked = set(re.findall(r"(?:^    |`)make ([a-z][a-z0-9-]*)", text_of_all(), re.MULTILINE))
        self.assertIn("demo", asked)
        self.assertEqual(sorted(asked - targets), [])

    def test_every_function_that_sam_is_told_to_invoke_is_in_the_template(self):
        template = (ROOT / "template.yaml").read_text()
        for function, event in re.findall(r"sam local invoke (\w+) --event (\S+)", text_of_all()):
            self.assertIn(f"\n  {function}:\n    Type: AWS::Serverless::Function", template)
            self.assertTrue((ROOT / event).is_file(), event)

    def test_every_link_leads_somewhere(self):
        for path in DOCUMENTS:
            for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text()):
                self.assertTrue((path.parent / target).exists(), f"{path.name}: {target}")

    def test_every_row_of_the_folder_table_exists(self):
        for cell in re.findall(r"^\| (`[^|]+) \|", (ROOT / "README.md").read_text(), re.MULTILINE):
            for name in re.findall(r"`([a-z./]+/|template\.yaml)`", cell):
                self.assertTrue((ROOT / name).exists(), name)


if __name__ == "__main__":
    unittest.main()
