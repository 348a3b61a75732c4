//! A browser for tests: Debian's Chromium without a window, driven by Debian's chromedriver.
//!
//! Where one of them is missing the tests that need it say so and pass: `cargo test` needs nothing but Rust. It reaches nothing
//! but loopback, and it leaves nothing behind: all that it writes is in one folder, which goes with it.
#![expect(clippy::print_stdout, reason = "a test that was skipped says so")]

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use fantoccini::elements::Element;
use fantoccini::error::{CmdError, NewSessionError};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::Url;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

pub use fantoccini::cookies::Cookie;

const CHROMIUM: &str = "/usr/bin/chromium";
const CHROMEDRIVER: &str = "/usr/bin/chromedriver";

/// Time for chromedriver to listen, and again for Chromium to start. Usually half a second; a machine that is busy with other
/// tests needs more.
const START_MAX: Duration = Duration::from_secs(60);
/// How often a browser is started until it is taken for one that does not start.
const STARTS_MAX: usize = 3;
/// Time for a page to load and for an element to be there; a test that waits longer has found a fault.
const PAGE_MAX: Duration = Duration::from_secs(30);
/// What was killed may still be writing a file for a moment: so many attempts to remove its folder.
const REMOVALS_MAX: usize = 50;
/// The pause between two of them.
const REMOVE_AGAIN: Duration = Duration::from_millis(20);

const FLAGS: [&str; 12] = [
    "--headless",
    "--no-sandbox", // a sandbox cannot be had as root, as which containers run
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost", // a page that loads from elsewhere shows it
    "--ignore-certificate-errors", // for the certificate that an emulated API Gateway makes itself
    "--no-first-run",
    "--no-proxy-server",
    "--window-size=900,1100",
];

/// What a page sees as `prefers-color-scheme`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scheme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// A running browser with one empty tab and an empty profile. It ends with this value, however a test ends.
///
/// Its methods panic when the browser refuses: the message names what was asked.
pub struct Browser {
    client: Client,
    session_url: String,
    /// Ended before the folder is removed.
    driver: Driver,
}

/// A chromedriver in a process group of its own, and what that group writes.
struct Driver {
    _process: Child,
    group: Pid,
    port: u16,
    /// Kept open: whoever writes to a closed pipe is killed.
    _printed: Lines<BufReader<ChildStdout>>,
    folder: Option<TempDir>,
}

impl Browser {
    /// Starts a browser; `None`, and a printed line, where Chromium or chromedriver is not installed.
    ///
    /// # Panics
    /// When they are there but do not start: what they said is in the message.
    pub async fn start(scheme: Scheme) -> Option<Browser> {
        if let Some(missing) = [CHROMIUM, CHROMEDRIVER].iter().find(|file| !Path::new(file).is_file()) {
            println!("skipped: there is no `{missing}` (apt-get install chromium chromium-driver)");
            return None;
        }
        let mut failures = Vec::new();
        while failures.len() < STARTS_MAX {
            match Browser::try_start(scheme).await {
                Ok(browser) => return Some(browser),
                Err(failure) => failures.push(failure),
            }
        }
        panic!("Chromium did not start: {failures:#?}")
    }

    /// Starts a browser, unless Chromium exits at once: it does so now and then if several start at the same time on a busy machine.
    async fn try_start(scheme: Scheme) -> Result<Browser, NewSessionError> {
        let driver = Driver::start().await;
        let url = format!("http://127.0.0.1:{}", driver.port);
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let Value::Object(capabilities) = capabilities(scheme, driver.folder()) else {
            unreachable!("it is an object")
        };
        let connected = timeout(START_MAX, builder.capabilities(capabilities).connect(&url)).await;
        let client = connected.expect("Chromium starts within a minute")?;
        let id = client.session_id().await.expect("a session has an id").expect("a session has an id");
        Ok(Browser { client, session_url: format!("{url}/session/{id}"), driver })
    }

    /// Opens a page and waits until it has loaded, wherever redirects led.
    pub async fn goto(&self, url: &str) {
        done(self.client.goto(url).await, "open", url);
    }

    /// Clicks on the element, once it is there; what is asked next waits until a page that this opens has loaded.
    pub async fn click(&self, css: &str) {
        done(self.element(css).await.click().await, "click on", css);
    }

    /// Chooses the option of this value in a `<select>`, once it is there.
    pub async fn select(&self, css: &str, value: &str) {
        done(self.element(css).await.select_by_value(value).await, "choose in", css);
    }

    /// The text of an element, once it is there, as a person sees it.
    pub async fn text(&self, css: &str) -> String {
        loop {
            // A page that gives way to the next one takes its elements along: then the next one's is meant.
            match self.element(css).await.text().await {
                Err(error) if error.is_stale_element_reference() => {}
                read => return done(read, "read", css),
            }
        }
    }

    /// The text of the page as a person sees it.
    pub async fn page_text(&self) -> String {
        self.text("body").await
    }

    /// The value that a CSS property of an element has come to, such as `rgb(0, 0, 0)`.
    pub async fn style(&self, css: &str, property: &str) -> String {
        done(self.element(css).await.css_value(property).await, "read the style of", css)
    }

    /// The address of the page.
    pub async fn current_url(&self) -> Url {
        done(self.client.current_url().await, "read the address of", "the page")
    }

    /// The page as HTML, with what scripts made of it.
    pub async fn source(&self) -> String {
        done(self.client.source().await, "read the source of", "the page")
    }

    /// The cookies that the page's address would be sent, those that scripts do not see among them.
    pub async fn cookies(&self) -> Vec<Cookie<'static>> {
        done(self.client.get_all_cookies().await, "read the cookies of", "the page")
    }

    /// Writes what the window shows into a file, as PNG.
    pub async fn screenshot(&self, file: &Path) {
        let begun = Instant::now();
        let png = loop {
            match self.client.screenshot().await {
                // A window that changes its process for a new page has none to show for a moment.
                Err(error) if error.to_string().contains("aborted by navigation") && begun.elapsed() < PAGE_MAX => {}
                taken => break done(taken, "picture", "the page"),
            }
        };
        std::fs::write(file, png).unwrap_or_else(|error| panic!("cannot write `{}`: {error}", file.display()));
    }

    /// The errors in the console since the last time that this was called: of scripts, of a content security policy, and
    /// what could not be loaded, also `/favicon.ico` of a page that names no icon.
    pub async fn console_errors(&self) -> Vec<String> {
        let url = format!("{}/se/log", self.session_url);
        let client = reqwest::Client::builder().no_proxy().build().expect("a client for loopback can be made");
        let sent = client.post(url).body(json!({ "type": "browser" }).to_string()).send().await;
        let response = sent.expect("chromedriver answers").bytes().await.expect("chromedriver answers");
        let mut response: Value = serde_json::from_slice(&response).expect("chromedriver answers JSON");
        let Value::Array(entries) = response["value"].take() else { panic!("the console cannot be read: {response}") };
        let errors = entries.iter().filter(|entry| entry["level"] == "SEVERE");
        errors.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The folder that holds all that it writes.
    pub fn folder(&self) -> &Path {
        self.driver.folder()
    }

    /// Ends it, and waits until it has.
    pub async fn stop(self) {
        done(self.client.clone().close().await, "close", "the browser");
        drop(self.driver);
    }

    async fn element(&self, css: &str) -> Element {
        let found = self.client.wait().at_most(PAGE_MAX).for_element(Locator::Css(css)).await;
        done(found, "find", css)
    }
}

impl Driver {
    async fn start() -> Driver {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let complaints = folder.path().join("stderr");
        let mut process = Command::new(CHROMEDRIVER)
            .arg("--port=0") // any free one, which it then names
            .env_clear()
            .env("HOME", folder.path())
            .env("LANG", "C.UTF-8")
            .env("PATH", "/usr/bin:/bin")
            .env("TMPDIR", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&complaints).expect("a new folder can be written to"))
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start `{CHROMEDRIVER}`: {error}"));
        let group = process.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)).expect("a new child has an id");
        let mut printed = BufReader::new(process.stdout.take().expect("standard output is piped")).lines();
        let port = timeout(START_MAX, port(&mut printed)).await.ok().flatten();
        let port = port.unwrap_or_else(|| {
            panic!("`{CHROMEDRIVER}` did not start:\n{}", std::fs::read_to_string(&complaints).unwrap_or_default())
        });
        Driver { _process: process, group, port, _printed: printed, folder: Some(folder) }
    }

    fn folder(&self) -> &Path {
        self.folder.as_ref().expect("the folder is taken only at the end").path()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Chromium's processes are in chromedriver's group, but for the crash handlers, which end when it has. All of them may
        // have ended by themselves.
        let _ = kill_process_group(self.group, Signal::KILL);
        let Some(folder) = self.folder.take().map(TempDir::keep) else { return };
        for _ in 0..REMOVALS_MAX {
            if std::fs::remove_dir_all(&folder).is_ok() {
                return;
            }
            thread::sleep(REMOVE_AGAIN);
        }
    }
}

/// The port on which chromedriver says that it listens.
async fn port(printed: &mut Lines<BufReader<ChildStdout>>) -> Option<u16> {
    while let Ok(Some(line)) = printed.next_line().await {
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            return port.trim_end_matches('.').parse().ok();
        }
    }
    None
}

fn capabilities(scheme: Scheme, folder: &Path) -> Value {
    let scheme = match scheme {
        Scheme::Dark => 0, // the numbers of Blink's `PreferredColorScheme`
        Scheme::Light => 1,
    };
    let mut flags: Vec<String> = FLAGS.map(str::to_owned).to_vec();
    flags.push(format!("--blink-settings=preferredColorScheme={scheme}"));
    flags.push(format!("--user-data-dir={}", folder.join("profile").display()));
    let page_ms = u64::try_from(PAGE_MAX.as_millis()).expect("half a minute");
    json!({
        "goog:chromeOptions": {
            "binary": CHROMIUM,
            "args": flags,
            // Otherwise it begins with its own page of shortcuts, which loads for a while.
            "prefs": { "session": { "restore_on_startup": 4, "startup_urls": ["about:blank"] } },
        },
        "goog:loggingPrefs": { "browser": "ALL" },
        "timeouts": { "pageLoad": page_ms, "script": page_ms },
    })
}

fn done<T>(result: Result<T, CmdError>, what: &str, which: &str) -> T {
    result.unwrap_or_else(|error| panic!("the browser cannot {what} `{which}`: {error}"))
}
