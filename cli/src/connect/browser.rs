//! The browser of this machine, if the person at the terminal can see one.

use std::env::consts::OS;

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

/// Opens a link. Returns whether there was something to open it with.
pub(super) fn open(link: &str) -> bool {
    open::that_detached(link).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_opened_only_where_somebody_sees_it() {
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
