//! The commands that README shows: the lines of its indented blocks, but for the blocks in which nothing is typed.

const README: &str = include_str!("../../../../README.md");

/// What a line begins with that is typed.
const PROGRAMS: [&str; 16] = [
    "make",
    "slacktrail",
    "sam",
    "cargo",
    "cd",
    "cp",
    "export",
    "git",
    "mkdir",
    "pip",
    "python3",
    "read",
    "rustup",
    "sha256sum",
    "source",
    "tar",
];
/// What the blocks begin with in which nothing is typed: the picture, what `make demo` prints, and SQL.
const UNTYPED: [&str; 3] = ["Slack  <-- ", "stream  ", "select "];

/// Every command in README's order, without its comment. A line with `&&` holds two.
///
/// # Panics
/// At an indented line that is neither a command that is known here nor in a block that begins as is known.
pub(super) fn shown() -> Vec<&'static str> {
    assert!(!README.contains("```") && !README.contains('\t'), "a fence or a tab would hide commands from this");
    let typed = blocks().into_iter().flat_map(|block| {
        let is_untyped = UNTYPED.iter().any(|beginning| block[0].starts_with(beginning));
        for line in &block {
            let is_typed = PROGRAMS.iter().any(|program| line.split(' ').next() == Some(program));
            assert_ne!(is_typed, is_untyped, "README: is `{line}` typed? Name its program, or how its block begins");
        }
        if is_untyped { Vec::new() } else { block }
    });
    typed.flat_map(|line| line.split(" #").next().unwrap().split("&&")).map(str::trim).collect()
}

/// The indented lines with no other than empty ones between them, without their indentation.
fn blocks() -> Vec<Vec<&'static str>> {
    let mut blocks: Vec<Vec<&str>> = vec![Vec::new()];
    for line in README.lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix("    ") {
            Some(line) => blocks.last_mut().unwrap().push(line),
            None => blocks.push(Vec::new()),
        }
    }
    blocks.retain(|block| !block.is_empty());
    blocks
}
