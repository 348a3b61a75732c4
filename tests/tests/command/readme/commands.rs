//! The commands that README shows: the lines of its indented blocks that begin with a program's name.

const README: &str = include_str!("../../../../README.md");

/// What a line begins with that is typed; other indented lines are pictures, output and SQL.
const PROGRAMS: [&str; 5] = ["make", "slacktrail", "sam", "cargo", "export"];

/// Every command in README's order, without its comment. A line with `&&` holds two.
pub(super) fn shown() -> Vec<&'static str> {
    assert!(!README.contains("```"), "a fenced block would hide commands from this");
    let lines = README.lines().filter_map(|line| line.strip_prefix("    "));
    let typed = lines.filter(|line| PROGRAMS.iter().any(|program| line.split(' ').next() == Some(program)));
    typed.flat_map(|line| line.split(" #").next().unwrap().split("&&")).map(str::trim).collect()
}
