"""What the Rust code says once and the template has to say again."""

import re

from template import ROOT


def logs() -> list[str]:
    """The names of the logs, which their objects' keys begin with."""
    code = (ROOT / "shared/src/source.rs").read_text()
    names = dict(re.findall(r'LogType::(\w+) => "([a-z]+)",', code))
    (all_of_them,) = re.findall(r"ALL: \[LogType; \d+\] = \[([^\]]*)\]", code)
    return [names[log] for log in re.findall(r"LogType::(\w+)", all_of_them)]


def metrics() -> tuple[str, set[str]]:
    """The namespace of the poller's metrics, and their names."""
    code = (ROOT / "functions/poller/src/metrics.rs").read_text()
    (namespace,) = re.findall(r'NAMESPACE: &str = "(\w+)";', code)
    return namespace, set(re.findall(r'"Name": "(\w+)"', code))


def version() -> str:
    """The version of everything here."""
    (found,) = re.findall(r'(?m)^version = "([\d.]+)"$', (ROOT / "Cargo.toml").read_text())
    return found
