//! Opens a link in the browser of this machine, if the user can see it.
//!
//! Other users of the machine can list the arguments of a browser, and the programs that it starts inherit its environment. The browser
//! therefore gets a file that redirects to the link and that only the owner can read. It does not get slacktrail's variables.

use std::env::consts::OS;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::NamedTempFile;

/// Prefixes of the variables that the browser does not get: tokens, client secrets, AWS keys.
const HIDDEN_PREFIXES: [&str; 4] = ["AWS_", "SECRET_PREFIX", "SLACKTRAIL_", "SLACK_"];

/// Returns `true` if the user can see a browser that is started here.
pub(super) fn is_here() -> bool {
    appears(OS, |name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Returns `true` if the user can see a browser on this operating system with these environment variables.
fn appears(os: &str, is_set: impl Fn(&str) -> bool) -> bool {
    // Over SSH, the browser would open on the remote machine, unless its windows are forwarded.
    let remote = is_set("SSH_CONNECTION") || is_set("SSH_TTY");
    let windows = is_set("DISPLAY") || is_set("WAYLAND_DISPLAY");
    match os {
        "macos" | "windows" => !remote,
        _ => windows || (!remote && is_set("WSL_DISTRO_NAME")),
    }
}

/// A link that was opened in a browser. The browser can read the link until this value is dropped.
#[derive(Debug)]
pub(super) struct Opened(#[expect(dead_code, reason = "dropping it deletes the file")] Option<NamedTempFile>);

/// Opens a link. Returns `None` if no browser could be started.
pub(super) fn open(link: &str) -> Option<Opened> {
    let home = std::env::home_dir().filter(|home| home.is_dir()).unwrap_or_else(std::env::temp_dir);
    let start = |target: &OsStr| open::commands(target).into_iter().any(|command| start(command).is_ok());
    open_with(link, shows_arguments(OS, is_wsl()), &home, start)
}

/// Opens a link with `start`. Never passes the link itself if `shows_arguments`, even if the file cannot be written.
fn open_with(link: &str, shows_arguments: bool, home: &Path, start: impl Fn(&OsStr) -> bool) -> Option<Opened> {
    let file = if shows_arguments { Some(page_to(link, home).ok()?) } else { None };
    let target = file.as_ref().map_or(OsStr::new(link), |file| file.path().as_os_str());
    start(target).then_some(Opened(file))
}

/// Returns `true` if users of the operating system can list the arguments of each other's programs, and its browser can read local files.
/// Under WSL, the browser is a Windows program, and Windows hides its arguments from other users.
fn shows_arguments(os: &str, is_wsl: bool) -> bool {
    os != "windows" && !is_wsl
}

fn is_wsl() -> bool {
    std::env::var_os("WSL_DISTRO_NAME").is_some()
}

/// Starts a command without its output. It continues after this process ends, also after Ctrl-C.
fn start(mut command: Command) -> io::Result<()> {
    for name in std::env::vars_os().map(|(name, _)| name).filter(is_hidden) {
        command.env_remove(name);
    }
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().map(drop)
}

fn is_hidden(name: &OsString) -> bool {
    let name = name.to_string_lossy().to_uppercase();
    HIDDEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Creates a page that redirects to the link, in a file that only the owner can read. A sandboxed browser can read only the home directory,
/// without its hidden files.
fn page_to(link: &str, home: &Path) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix("slacktrail-connect-").suffix(".html").tempfile_in(home)?;
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
            assert!(is_hidden(&name.into()), "{name}");
        }
        for name in ["PATH", "HOME", "DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "LAWS_"] {
            assert!(!is_hidden(&name.into()), "{name}");
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
    fn browser_gets_no_link_if_file_cannot_be_written() {
        let is_missing = Path::new("/no/such/home");
        assert!(open_with("https://a.example", true, is_missing, |target| panic!("{target:?}")).is_none());
        assert!(open_with("https://a.example", false, is_missing, |target| target == "https://a.example").is_some());
        let home = tempfile::tempdir().unwrap();
        assert!(open_with("https://a.example", true, home.path(), |target| Path::new(target).is_file()).is_some());
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
