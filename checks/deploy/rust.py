"""Reads the values from the Rust code that the template must repeat."""

import re
from datetime import UTC, datetime

from template import ROOT


def logs() -> list[str]:
    """Returns the names of the log types, which are the prefixes of the object keys."""
    code = (ROOT / "shared/core/src/source/log_type.rs").read_text()
    names = dict(re.findall(r'LogType::(\w+) => "([a-z]+)",', code))
    (all_of_them,) = re.findall(r"ALL: \[LogType; \d+\] = \[([^\]]*)\]", code)
    return [names[log] for log in re.findall(r"LogType::(\w+)", all_of_them)]


def metrics() -> tuple[str, str, set[str]]:
    """Returns the namespace, the dimension and the names of the poller's metrics."""
    code = (ROOT / "functions/poller/src/metrics.rs").read_text()
    (namespace,) = re.findall(r'NAMESPACE: &str = "(\w+)";', code)
    (dimension,) = re.findall(r'"Dimensions": \[\["(\w+)"\]\]', code)
    return namespace, dimension, set(re.findall(r'"Name": "(\w+)"', code))


def ttl_attribute() -> str:
    """Returns the table's TTL attribute."""
    code = (ROOT / "shared/adapters/src/aws/dynamodb.rs").read_text()
    (found,) = re.findall(r'\.item\("(\w+)", AttributeValue::N\(delete_at\)\)', code)
    return found


def years() -> range:
    """Returns the years of valid times, which name the day logs."""
    code = (ROOT / "shared/core/src/record.rs").read_text()
    ((first, end),) = re.findall(r"TIMES: Range<i64> = ([\d_]+)\.\.([\d_]+);", code)
    return range(*(datetime.fromtimestamp(int(seconds), UTC).year for seconds in (first, end)))


def version() -> str:
    """Returns the version of the workspace."""
    (found,) = re.findall(r'(?m)^version = "([\d.]+)"$', (ROOT / "Cargo.toml").read_text())
    return found
