"""Compares the template with athena/, and tests the renderer."""

import json
import re
import unittest

import duck
import render
import sources


class Template(unittest.TestCase):
    maxDiff = None

    def test_template_matches_athena_files(self):
        template = (sources.ROOT / "template.yaml").read_text()
        self.assertEqual(render.compare(template, render.filled(template), "template.yaml"), "")

    def test_template_difference_is_shown_with_hint(self):
        right = render.filled(f"Resources:\n{render.BEGIN}{render.END}Outputs:\n")
        wrong = right.replace("{ Name: user_agent,", "{ Name: agent,")
        difference = render.compare(wrong, render.filled(wrong), "template.yaml")
        self.assertIn("-            - { Name: agent,", difference)
        self.assertIn("+            - { Name: user_agent,", difference)
        self.assertIn("hint: run `.venv/bin/python checks/athena/render.py --write`", difference)
        self.assertEqual(render.filled(wrong), right)

    def test_template_without_markers_is_error_that_names_marker(self):
        with self.assertRaisesRegex(ValueError, re.escape(render.BEGIN)):
            render.filled("Resources:\n")

    def test_cloudformation_substitutes_only_bucket_database_and_view(self):
        self.assertEqual(
            set(re.findall(r"\$\{([^}]*)\}", substituted(render.resources()))),
            {"LogBucket", "Database", "View", "!day"},
        )

    def test_stored_view_is_query_of_its_file(self):
        database = duck.database()
        for view, typed in zip(sources.views(), render.view_columns(), strict=True):
            with self.subTest(view.name):
                stored = json.loads(folded(render.view(view, typed)))
                self.assertEqual(stored["originalSql"].split(), view.query.split())
                self.assertNotIn("--", stored["originalSql"], "a comment would hide the rest of the line")
                names = [column["name"] for column in stored["columns"]]
                self.assertEqual(names, [row[0] for row in database.execute(f"DESCRIBE {view.name}").fetchall()])


def substituted(resources: str) -> str:
    """Returns the lines in which CloudFormation replaces `${}`. It does not do so in the queries."""
    return "\n".join(
        line for line in resources.split("\n") if "!Sub" in line or '"schema"' in line or "Presto View: " in line
    )


def folded(view: str) -> str:
    """Returns the lines after `>-` as YAML folds them."""
    return " ".join(line.strip() for line in view.split("Fn::Base64: !Sub >-\n")[1].strip().split("\n"))


if __name__ == "__main__":
    unittest.main()
