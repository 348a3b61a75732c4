//! Extracts README's commands: the lines of its indented blocks, except for blocks without commands.

const README: &str = include_str!("../../../../README.md");

/// The first words of commands.
const PROGRAMS: &str = "make slacktrail sam cargo cd cp export git mkdir pip python3 read rustup sha256sum source tar";
/// The starts of blocks without commands: the diagram, and SQL.
const UNTYPED: [&str; 2] = ["Slack  <-- ", "select "];

/// Returns every command in README's order, without its comment. A line with `&&` contains two commands.
///
/// Every indented line must be a command from [`PROGRAMS`], or in a block from [`UNTYPED`].
pub(super) fn shown() -> Vec<&'static str> {
    assert!(
        !README.contains("```") && !README.contains('\t'),
        "this test does not find commands in fenced blocks or after tabs"
    );
    let typed = blocks().into_iter().flat_map(|block| {
        let is_untyped = UNTYPED.iter().any(|beginning| block[0].starts_with(beginning));
        for line in &block {
            let is_typed = PROGRAMS.split(' ').any(|program| line.split(' ').next() == Some(program));
            assert_ne!(
                is_typed, is_untyped,
                "README: `{line}` is unknown; hint: add its program to `PROGRAMS`, or the start of its block to `UNTYPED`"
            );
        }
        if is_untyped { Vec::new() } else { block }
    });
    typed.flat_map(|line| line.split(" #").next().unwrap().split("&&")).map(str::trim).collect()
}

/// Returns README's indented blocks without their indentation. Empty lines do not end a block.
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
