"""Creates the template of a release archive: template.yaml with built code instead of source, for one architecture."""

import re

FUNCTIONS = {"Poller": "poller", "OAuth": "oauth"}


def packaged(template: str, architecture: str) -> str:
    """Returns template.yaml as text, which keeps its comments.

    The code of each function is the zip file next to the template. The parameter `Architecture` accepts only the architecture of the code.
    """
    template = replaced(template, r"    CodeUri: \.\n", "")
    for name, binary in FUNCTIONS.items():
        build = rf"(?<=\n  {name}:\n    Type: AWS::Serverless::Function\n)    Metadata:\n(?:      .*\n)+    Properties:\n"
        template = replaced(template, build, f"    Properties:\n      CodeUri: {binary}.zip\n")
    values = r"    Default: arm64\n    AllowedValues: \[arm64, x86_64\]\n"
    template = replaced(template, values, f"    Default: {architecture}\n    AllowedValues: [{architecture}]\n")
    description = r"(?<=\n  Architecture:\n)    Description: >-\n(?:      .*\n)+"
    return replaced(template, description, "    Description: The processor that the functions in this archive are built for.\n")


def replaced(text: str, pattern: str, new: str) -> str:
    """Returns the text with the only match of a pattern replaced.

    # Errors
    Raises `ValueError` if the pattern does not match exactly once.
    """
    result, count = re.subn(pattern, lambda _: new, text)
    if count != 1:
        raise ValueError(f"template.yaml has {count} places that match {pattern!r} instead of 1\nhint: update release/package.py")
    return result
