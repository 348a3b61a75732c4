"""Records a terminal session with the `slacktrail` command, and renders it as docs/demo.svg, the picture in README.

picture.py SLACKTRAIL   records the session with this binary, which takes half a minute
"""

import html
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs/demo.svg"
# The session: the demo with its errors in a file, then the faults that the collector met.
SESSION = ["slacktrail demo 2> errors.txt", "grep ^warning errors.txt | cut -c -80"]

# The size of a terminal window, in characters and pixels. 8.4 by 20 pixels fit a character of 14 pixels in every usual font.
COLUMNS, WIDTH, HEIGHT, MARGIN = 80, 8.4, 20, 20
# The colors of a dark terminal, which is readable on a light and on a dark page. Its parts are painted as in a real terminal.
GROUND, BORDER, TEXT = "#14171b", "#383f48", "#eceff3"
PAINTED = {r"^\$ .*": "#a9b2be", r"^warning": "#f2c14e", r"^Exact": "#5fd694", r"\bok$": "#5fd694"}
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace"


def record(slacktrail: Path) -> list[str]:
    """Runs the session in a new directory, and returns the lines on its screen."""
    lines = []
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "bin").mkdir()
        (Path(directory) / "bin/slacktrail").symlink_to(slacktrail.resolve())
        environment = {"PATH": f"{directory}/bin:/usr/bin:/bin", "HOME": directory, "LANG": "C.UTF-8", "COLUMNS": str(COLUMNS)}
        for command in SESSION:
            run = ["sh", "-c", command]
            done = subprocess.run(run, cwd=directory, env=environment, capture_output=True, text=True, check=True)
            lines += [f"$ {command}", *done.stdout.splitlines(), ""]
    return lines[:-1]


def wrapped(line: str) -> list[str]:
    """Breaks a line at the width of the terminal."""
    return textwrap.wrap(line, COLUMNS, drop_whitespace=False, replace_whitespace=False, break_on_hyphens=False) or [""]


def painted(line: str) -> str:
    """Returns a line as SVG text."""
    for pattern, color in PAINTED.items():
        if found := re.search(pattern, line):
            before, after = html.escape(line[: found.start()]), html.escape(line[found.end() :])
            return f'{before}<tspan fill="{color}">{html.escape(found[0])}</tspan>{after}'
    return html.escape(line)


def render(lines: list[str]) -> str:
    """Returns a picture of these lines. Its text can be selected."""
    lines = [part for line in lines for part in wrapped(line)]
    width, height = round(2 * MARGIN + COLUMNS * WIDTH), 2 * MARGIN + len(lines) * HEIGHT
    texts = [
        f'<text x="{MARGIN}" y="{MARGIN + number * HEIGHT + 15}" textLength="{len(line) * WIDTH:.1f}">{painted(line)}</text>'
        for number, line in enumerate(lines)
        if line
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
            "<!-- Made by `make picture`. -->",
            "<style>text { white-space: pre }</style>",
            "<title>Recorded terminal session of slacktrail demo</title>",
            f'<rect width="{width}" height="{height}" rx="10" fill="{GROUND}" stroke="{BORDER}"/>',
            f'<g fill="{TEXT}" font-family="{FONT}" font-size="14">',
            *texts,
            "</g>",
            "</svg>",
            "",
        ]
    )


def main() -> None:
    if len(sys.argv) != 2 or not shutil.which(sys.argv[1]):
        sys.exit(f"error: no binary to record\n{__doc__}")
    PICTURE.write_text(render(record(Path(sys.argv[1]))))
    print(f"recorded {PICTURE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
