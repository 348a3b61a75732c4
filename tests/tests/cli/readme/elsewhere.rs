//! README's commands that are not typed here, with the reason and the check that covers them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The check that covers a command.
#[derive(Clone, Copy)]
pub(super) enum How {
    /// `make --dry-run` prints this command.
    MakeRuns(&'static str),
    /// `cargo metadata` lists the binary in this folder's package.
    CargoKnows(&'static str),
    /// A Python test with this name runs the command or checks its words.
    Test(&'static str),
    /// The tests with this source text run the command.
    TestsRun(&'static str),
}
use How::{CargoKnows, MakeRuns, Test, TestsRun};

/// The Python tests of documents, and those that `make test-deployed` runs.
const PYTHON_TESTS: [&str; 2] =
    [include_str!("../../../../checks/test_readme.py"), include_str!("../../../../checks/deploy/test_deployment.py")];

/// Checks that cover several commands.
const ARCHIVES_ARE_USED: How = Test("test_installed_command_runs");
const SAM_TAKES_IT: How = Test("test_sam_commands_and_options_in_documents_exist");
const TAG_IS_THE_VERSIONS: How = Test("test_tag_of_fork_starts_release_of_this_version");
const TOOLS_ARE_ACTIVATED: How = Test("test_tools_are_installed_into_active_environment");

/// Each command, its check, and the reason why it is not typed here.
pub(super) const ELSEWHERE: [(&str, How, &str); 27] = [
    ("make demo", MakeRuns("target/debug/slacktrail demo"), "builds first; `demo` runs the rest"),
    ("make simulate", MakeRuns("--bin simulate -- search"), "takes minutes; `make test` runs it"),
    ("make local", MakeRuns("target/debug/local-deployment"), "installs and builds first; `local` runs the rest"),
    ("git tag v0.1.0", TAG_IS_THE_VERSIONS, "writes to the repository"),
    ("git push origin v0.1.0", TAG_IS_THE_VERSIONS, "needs a fork"),
    ("rustup target add aarch64-unknown-linux-gnu", Test("test_rust_target_matches_archive"), "needs a network"),
    (
        "make dist ARCHITECTURES=arm64",
        MakeRuns("release/dist.py --output dist --architectures arm64"),
        "creates a release build; `make test-deployed` builds an archive without optimizations",
    ),
    ("cd dist", Test("test_archives_are_in_folder_that_readme_enters"), "needs that folder"),
    ("sha256sum --check --ignore-missing SHA256SUMS", ARCHIVES_ARE_USED, "needs the archives"),
    ("tar -xzf slacktrail-0.1.0-command-linux-x86_64.tar.gz", ARCHIVES_ARE_USED, "needs that archive"),
    ("mkdir -p ~/.local/bin", ARCHIVES_ARE_USED, "writes to the home directory"),
    ("cp slacktrail-0.1.0-command-linux-x86_64/slacktrail ~/.local/bin/", ARCHIVES_ARE_USED, "needs that archive"),
    ("tar -xzf slacktrail-0.1.0-arm64.tar.gz", ARCHIVES_ARE_USED, "needs that archive"),
    ("cd slacktrail-0.1.0-arm64", ARCHIVES_ARE_USED, "needs that archive"),
    (
        "sam deploy --guided --template-file template.yaml",
        Test("test_guided_deployment_creates_every_resource"),
        "needs an archive and an AWS account, which `make test-deployed` emulates",
    ),
    ("python3 -m venv ~/slacktrail-tools", TOOLS_ARE_ACTIVATED, "writes to the home directory"),
    ("source ~/slacktrail-tools/bin/activate", TOOLS_ARE_ACTIVATED, "needs that environment"),
    (
        "pip install aws-sam-cli==1.170.0 cargo-lambda==1.9.2 ziglang==0.17.1",
        Test("test_readme_installs_tools_that_checks_use"),
        "needs a network; requirements.txt has the same versions",
    ),
    ("cp samconfig.toml deploy.toml", Test("test_user_settings_are_copy_that_git_ignores"), "writes to the repository"),
    (
        "sam build --config-file deploy.toml",
        SAM_TAKES_IT,
        "creates a release build; `make test-deployed` runs it in a copy of the source, without optimizations",
    ),
    (
        "sam deploy --config-file deploy.toml",
        Test("test_deployment_creates_every_resource"),
        "needs an AWS account, which `make test-deployed` emulates",
    ),
    ("cargo install --locked --path cli", CargoKnows("cli"), "creates a release build; the test workflow runs it"),
    ("slacktrail doctor", TestsRun(include_str!("../doctor/mod.rs")), "needs a whole stack; `doctor` deploys one"),
    ("make test", MakeRuns("cargo test --workspace --locked"), "would run this test"),
    (
        "sam local invoke Poller --event events/rule.json --env-vars events/env.json",
        SAM_TAKES_IT,
        "needs a container engine; `poller`'s `collects` and others invoke the compiled function",
    ),
    (
        "sam local invoke OAuth --event events/oauth-start.json --env-vars events/env.json",
        SAM_TAKES_IT,
        "needs a container engine; `oauth`'s `events` sends the sample to the function",
    ),
    (
        "sam local start-api --env-vars events/env.json",
        SAM_TAKES_IT,
        "needs a container engine; `oauth` and others invoke the compiled function",
    ),
];

#[test]
fn readme_commands_not_typed_here_are_known_to_make_cargo_or_checks() {
    for (command, how, _) in ELSEWHERE {
        match how {
            MakeRuns(part) => assert!(dry_run(command).contains(part), "{command}: {}", dry_run(command)),
            CargoKnows(folder) => assert!(command.ends_with(folder) && has_command(folder), "{command}"),
            Test(name) => {
                let test = format!("def {name}(");
                assert!(PYTHON_TESTS.iter().any(|tests| tests.contains(&test)), "no test covers `{command}`");
            }
            TestsRun(tests) => {
                let argument = command.strip_prefix("slacktrail ").unwrap();
                assert!(tests.contains(&format!(r#".run(&["{argument}"])"#)), "no test runs `{command}`");
            }
        }
    }
}

/// Returns the output of `make --dry-run`.
fn dry_run(command: &str) -> String {
    let words = command.strip_prefix("make ").unwrap().split(' ');
    let mut make = Command::new("make");
    // Without make's own variables, because this test may run below another make that sets the target directory.
    make.arg("--dry-run").args(words).current_dir(root()).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    let output = make.output().expect("make runs");
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Returns `true` if the package in this folder has a binary named `slacktrail`.
fn has_command(folder: &str) -> bool {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(root().join(folder));
    let metadata: Value = serde_json::from_slice(&cargo.output().expect("Cargo runs").stdout).unwrap();
    let manifest = root().join(folder).join("Cargo.toml").canonicalize().unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["manifest_path"] == *manifest.to_str().unwrap()).unwrap();
    let mut targets = package["targets"].as_array().unwrap().iter();
    targets.any(|target| target["kind"][0] == "bin" && target["name"] == "slacktrail")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
