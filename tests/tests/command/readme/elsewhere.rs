//! The commands of README that are not typed here: why not, and how it is known all the same that they work.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// How a command is checked.
#[derive(Clone, Copy)]
pub(super) enum How {
    /// make says that it would run this after all that it needs, and a test runs just that.
    MakeEndsIn(&'static str),
    /// make says that it would run this.
    MakeRuns(&'static str),
    /// Cargo says that the package in this folder has the command.
    CargoKnows(&'static str),
    /// checks/test_readme.py compares its words with what SAM takes, with template.yaml and with the files that there are.
    PythonReads,
    /// The tests with this text run it.
    TestsRun(&'static str),
}
use How::{CargoKnows, MakeEndsIn, MakeRuns, PythonReads, TestsRun};

/// Each command, how it is checked, and why it is not run.
pub(super) const ELSEWHERE: [(&str, How, &str); 22] = [
    ("make demo", MakeEndsIn("target/debug/slacktrail demo"), "it builds first; `demo` runs the rest"),
    ("make proof", MakeEndsIn("--bin proof -- search"), "it takes minutes; `make test` runs it"),
    ("make stand-in", MakeEndsIn("target/debug/stand-in"), "it installs and builds first; `stand_in` runs the rest"),
    ("rustup target add aarch64-unknown-linux-gnu", PythonReads, "it needs a network"),
    (
        "make dist ARCHITECTURES=arm64",
        MakeRuns("release/dist.py --output dist --architectures arm64"),
        "it makes a release build; `make deployed` builds an archive without optimizations",
    ),
    ("tar -xzf dist/slacktrail-0.1.0-command-linux-x86_64.tar.gz", PythonReads, "it needs that archive"),
    (
        "install -D slacktrail-0.1.0-command-linux-x86_64/slacktrail ~/.local/bin/slacktrail",
        PythonReads,
        "it would write to the home directory",
    ),
    ("tar -xzf dist/slacktrail-0.1.0-arm64.tar.gz", PythonReads, "it needs that archive"),
    ("cd slacktrail-0.1.0-arm64", PythonReads, "it needs that archive"),
    (
        "sam deploy --guided --template-file template.yaml",
        PythonReads,
        "it needs an AWS account; `make deployed` types it, with an archive and an emulated account",
    ),
    (
        "python3 -m venv ~/slacktrail-tools",
        PythonReads,
        "it would write to the home directory; the Makefile makes such an environment",
    ),
    ("source ~/slacktrail-tools/bin/activate", PythonReads, "it would need that environment"),
    (
        "pip install aws-sam-cli==1.170.0 cargo-lambda==1.9.2 ziglang==0.17.1",
        PythonReads,
        "it needs a network; requirements.txt has the same versions",
    ),
    ("cp samconfig.toml deploy.toml", PythonReads, "it would write to the repository"),
    (
        "sam build --config-file deploy.toml",
        PythonReads,
        "it makes a release build; `make deployed` types it in a copy of the source, without optimizations",
    ),
    (
        "sam deploy --config-file deploy.toml",
        PythonReads,
        "it needs an AWS account; `make deployed` types it in a copy of the source, with an emulated account",
    ),
    ("cargo install --locked --path cli", CargoKnows("cli"), "it makes a release build; the test workflow types it"),
    ("slacktrail doctor", TestsRun(include_str!("../doctor/mod.rs")), "it needs a whole stack; `doctor` deploys one"),
    ("make test", MakeRuns("cargo test --workspace --locked"), "it would run this test"),
    (
        "sam local invoke Poller --event events/rule.json --env-vars events/env.json",
        PythonReads,
        "it needs a container engine; `poller`'s `collects` and others invoke the compiled function",
    ),
    (
        "sam local invoke OAuth --event events/oauth-start.json --env-vars events/env.json",
        PythonReads,
        "it needs a container engine; `oauth`'s `events` gives the sample to the function",
    ),
    (
        "sam local start-api --env-vars events/env.json",
        PythonReads,
        "it needs a container engine; `oauth` and others invoke the compiled function",
    ),
];

#[test]
fn what_readme_shows_and_nobody_types_here_is_known_to_make_to_cargo_and_to_the_checks() {
    for (command, how, _) in ELSEWHERE {
        match how {
            MakeEndsIn(last) => assert!(dry_run(command).trim_end().ends_with(last), "{command}: {}", dry_run(command)),
            MakeRuns(part) => assert!(dry_run(command).contains(part), "{command}: {}", dry_run(command)),
            CargoKnows(folder) => assert!(command.ends_with(folder) && has_the_command(folder), "{command}"),
            PythonReads => {
                let program = command.split(' ').next().unwrap();
                assert!(
                    ["cd", "cp", "install", "pip", "python3", "rustup", "sam", "source", "tar"].contains(&program),
                    "no check reads `{command}`"
                );
            }
            TestsRun(tests) => {
                let argument = command.strip_prefix("slacktrail ").unwrap();
                assert!(tests.contains(&format!(r#".run(&["{argument}"])"#)), "no test runs `{command}`");
            }
        }
    }
}

/// What make says that it would do.
fn dry_run(command: &str) -> String {
    let words = command.strip_prefix("make ").unwrap().split(' ');
    let mut make = Command::new("make");
    // Without its own variables: this test may run below another make, which says where to build.
    make.arg("--dry-run").args(words).current_dir(root()).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    let said = make.output().expect("make can be run");
    assert!(said.status.success(), "{command}: {}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8(said.stdout).unwrap()
}

/// Whether the package in this folder has a binary of the command's name.
fn has_the_command(folder: &str) -> bool {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(root().join(folder));
    let metadata: Value = serde_json::from_slice(&cargo.output().expect("Cargo can be run").stdout).unwrap();
    let manifest = root().join(folder).join("Cargo.toml").canonicalize().unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["manifest_path"] == *manifest.to_str().unwrap()).unwrap();
    let mut targets = package["targets"].as_array().unwrap().iter();
    targets.any(|target| target["kind"][0] == "bin" && target["name"] == "slacktrail")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
