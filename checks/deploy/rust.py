"""What the Rust code says once and the template has to say again."""

import re

from template import ROOT


def logs() -> list[str]:
    """The names of the logs, which their objects' keys begin with."""
    code = (ROOT / "shared/src/source.rs").read_text()
    names = dict(re.findall(r'LogType::(\w+) => "([a-z]+)",', code))
    (all_of_them,) = re.findall(r"ALL: \[LogType; \d+\] = \[([^\]]*)\]", code)
    return [names[log] for log in re.findall(r"LogType::(\w+)", all_of_them)]


def metrics() -> tuple[str, str, set[str]]:
    """The namespace of the poller's metrics, their dimension, and their names."""
    code = (ROOT / "functions/poller/src/metrics.rs").read_text()
    (namespace,) = re.findall(r'NAMESPACE: &str = "(\w+)";', code)
    (dimension,) = re.findall(r'"Dimensions": \[\["(\w+)"\]\]', code)
    return namespace, dimension, set(re.findall(r'"Name": "(\w+)"', code))


def attribute_of_the_end() -> str:
    """The attribute of an item in the table that says when DynamoDB may delete it."""
    code = (ROOT / "shared/src/aws/dynamodb.rs").read_text()
    (found,) = re.findall(r'\.item\("(\w+)", AttributeValue::N\(delete_at\)\)', code)
    return found


def version() -> str:
    """The version of everything here."""
    (found,) = re.findall(r'(?m)^version = "([\d.]+)"$', (ROOT / "Cargo.toml").read_text())
    return found
