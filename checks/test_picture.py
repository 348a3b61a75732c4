"""Checks that docs/demo.svg is the unchanged output of picture.py. The test of `slacktrail demo` compares its words with the command's."""

import html
import re
import unittest

import picture


def lines_of(svg: str) -> list[str]:
    """Returns the lines of the terminal in a picture."""
    found = re.findall(r'(?m)^<text x="\d+" y="(\d+)"[^>]*>(.*)</text>$', svg)
    texts = {int(y): html.unescape(re.sub(r"<[^>]*>", "", text)) for y, text in found}
    return [texts.get(y, "") for y in range(min(texts), max(texts) + 1, picture.HEIGHT)]


class Picture(unittest.TestCase):
    def test_picture_has_session_and_is_not_edited_by_hand(self):
        svg = picture.PICTURE.read_text()
        lines = lines_of(svg)
        self.assertEqual(picture.render(lines), svg)
        self.assertEqual([line for line in lines if line.startswith("$ ")], [f"$ {command}" for command in picture.SESSION])

    def test_long_line_is_wrapped_and_keeps_its_spaces(self):
        self.assertEqual(picture.wrapped("  a  " + "b" * 80), ["  a  ", "b" * 80])
        self.assertEqual(picture.wrapped(""), [""])

    def test_text_is_escaped_and_painted(self):
        self.assertEqual(picture.painted("warning: <a&b>"), '<tspan fill="#f2c14e">warning</tspan>: &lt;a&amp;b&gt;')


if __name__ == "__main__":
    unittest.main()
