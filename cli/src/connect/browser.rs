//! The browser of this machine, if the person at the terminal can see one.
//!
//! Other users of a machine may list what its programs were started with, and whatever a browser starts inherits its environment. So
//! it is started with a file that leads to the link, where only its owner may read that, and without the variables of slacktrail.

use std::env::consts::OS;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::process::{Command, Stdio};

use tempfile::NamedTempFile;

/// What the names of variables begin with that a browser is not given: tokens, client secrets, keys of AWS.
const OURS: [&str; 4] = ["AWS_", "SECRET_PREFIX", "SLACKTRAIL_", "SLACK_"];

/// Whether a browser that is started here appears before the person at the terminal.
pub(super) fn is_here() -> bool {
    appears(OS, |name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// The same on an operating system, with what is set in the environment.
fn appears(os: &str, is_set: impl Fn(&str) -> bool) -> bool {
    // Over SSH the browser would open where nobody sits, unless windows come along.
    let remote = is_set("SSH_CONNECTION") || is_set("SSH_TTY");
    let windows = is_set("DISPLAY") || is_set("WAYLAND_DISPLAY");
    match os {
        "macos" | "windows" => !remote,
        _ => windows || (!remote && is_set("WSL_DISTRO_NAME")),
    }
}

/// A link that a browser was started with. The browser may read it until this is dropped.
#[derive(Debug)]
pub(super) struct Opened(#[expect(dead_code, reason = "it is there until this is dropped")] Option<NamedTempFile>);

/// Opens a link; `None` if there is nothing to open it with.
pub(super) fn open(link: &str) -> Option<Opened> {
    let file = if shows_arguments(OS, is_wsl()) { page_to(link).ok() } else { None };
    let target = file.as_ref().map_or(OsStr::new(link), |file| file.path().as_os_str());
    let started = open::commands(target).into_iter().any(|command| start(command).is_ok());
    started.then_some(Opened(file))
}

/// Returns `true` if users of an operating system may list the arguments of each other's programs, and a browser of it reads its files.
/// Under WSL the browser is one of Windows, which shows them to nobody else.
fn shows_arguments(os: &str, is_wsl: bool) -> bool {
    os != "windows" && !is_wsl
}

fn is_wsl() -> bool {
    std::env::var_os("WSL_DISTRO_NAME").is_some()
}

/// Starts a command that outlives this one, also at a Ctrl-C, and that says nothing here.
fn start(mut command: Command) -> io::Result<()> {
    for name in std::env::vars_os().map(|(name, _)| name).filter(is_ours) {
        command.env_remove(name);
    }
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().map(drop)
}

fn is_ours(name: &OsString) -> bool {
    let name = name.to_string_lossy().to_uppercase();
    OURS.iter().any(|prefix| name.starts_with(prefix))
}

/// A page that leads to the link, in a file that its owner alone may read. A browser in a sandbox sees the home directory at most, and no
/// hidden file in it.
fn page_to(link: &str) -> io::Result<NamedTempFile> {
    let home = std::env::home_dir().filter(|home| home.is_dir());
    let mut file = tempfile::Builder::new()
        .prefix("slacktrail-connect-")
        .suffix(".html")
        .tempfile_in(home.unwrap_or_else(std::env::temp_dir))?;
    file.write_all(page(link).as_bytes())?;
    Ok(file)
}

fn page(link: &str) -> String {
    let link = link.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    format!(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<title>slacktrail</title>\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta http-equiv=\"refresh\" content=\"0; url={link}\">\n<a href=\"{link}\">Continue to connect Slack</a>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browser_inherits_no_slacktrail_or_aws_variables() {
        for name in [
            "SLACK_CLIENT_SECRET",
            "SLACK_TOKEN",
            "SLACK_CLIENT_ID",
            "SLACKTRAIL_STACK",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "aws_session_token",
        ] {
            assert!(is_ours(&name.into()), "{name}");
        }
        for name in ["PATH", "HOME", "DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "LAWS_"] {
            assert!(!is_ours(&name.into()), "{name}");
        }
    }

    #[test]
    fn page_redirects_to_link_and_escapes_it() {
        let page = page("https://a.example/\"><script>?a=1&b=2");
        assert!(page.contains("url=https://a.example/&quot;>&lt;script>?a=1&amp;b=2\">"), "{page}");
        assert!(!page.contains("<script"), "{page}");
    }

    #[test]
    fn link_is_argument_only_where_other_users_cannot_see_it() {
        assert!(
            shows_arguments("linux", false) && shows_arguments("macos", false) && shows_arguments("freebsd", false)
        );
        assert!(!shows_arguments("windows", false) && !shows_arguments("linux", true));
    }

    #[test]
    fn browser_opens_only_with_display() {
        for (os, set, expected) in [
            ("linux", &["DISPLAY"][..], true),
            ("linux", &["WAYLAND_DISPLAY"], true),
            ("linux", &["WSL_DISTRO_NAME"], true),
            ("linux", &[], false),
            ("linux", &["SSH_CONNECTION"], false),
            ("linux", &["SSH_CONNECTION", "DISPLAY"], true),
            ("macos", &[], true),
            ("macos", &["SSH_TTY"], false),
            ("windows", &[], true),
            ("freebsd", &[], false),
        ] {
            assert_eq!(appears(os, |name| set.contains(&name)), expected, "{os} {set:?}");
        }
    }
}
