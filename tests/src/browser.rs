//! A headless browser for tests: Debian's Chromium, driven by Debian's chromedriver.
//!
//! If either is not installed, the tests that need it print a message and pass, so that `cargo test` needs only Rust. The browser can
//! reach only loopback. It writes only to a temporary directory, which is removed when the browser stops.
#![expect(clippy::print_stdout, reason = "a skipped test prints why")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::function::build_directory;

const CHROMIUM: &str = "/usr/bin/chromium";
const CHROMEDRIVER: &str = "/usr/bin/chromedriver";

/// The time limit for chromedriver to listen, and for Chromium to start. Each usually takes half a second, but longer on a busy machine.
const START_MAX: Duration = Duration::from_secs(60);
/// The number of attempts to start a browser.
const STARTS_MAX: usize = 3;
/// The time limit for a page to load and for an element to appear.
const PAGE_MAX: Duration = Duration::from_secs(60);
/// The number of attempts to remove the directory, because a killed process may still be writing a file.
const REMOVALS_MAX: usize = 50;
/// The pause between two attempts to remove the directory.
const REMOVE_RETRY_DELAY: Duration = Duration::from_millis(20);

const FLAGS: [&str; 12] = [
    "--headless",
    "--no-sandbox", // the sandbox does not work as root, the usual user in containers
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost", // a request to any other host fails visibly
    "--ignore-certificate-errors", // the emulated API Gateway has a self-signed certificate
    "--no-first-run",
    "--no-proxy-server",
    "--window-size=900,1100",
];

/// The value of `prefers-color-scheme`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scheme {
    /// Dark text on a light background.
    Light,
    /// Light text on a dark background.
    Dark,
}

/// A running browser with one empty tab and an empty profile. Dropping this value stops the browser.
///
/// Its methods panic if the browser reports an error. The message names the action.
pub struct Browser {
    client: Client,
    session_url: String,
    driver: Driver,
}

/// A chromedriver process in its own process group, and the directory that the group writes to.
struct Driver {
    _process: Child,
    group: Pid,
    port: u16,
    /// Kept open, because SIGPIPE kills a process that writes to a closed pipe.
    _printed: Lines<BufReader<ChildStdout>>,
    directory: Option<TempDir>,
}

impl Browser {
    /// Starts a browser, or prints a message and returns `None` if Chromium or chromedriver is not installed.
    pub async fn start(scheme: Scheme) -> Option<Browser> {
        if let Some(missing) = [CHROMIUM, CHROMEDRIVER].iter().find(|file| !Path::new(file).is_file()) {
            println!("skipped: `{missing}` is not installed (apt-get install chromium chromium-driver)");
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

    /// Makes one attempt to start a browser.
    ///
    /// Chromium sometimes exits immediately if several browsers start at the same time on a busy machine. chromedriver exits if its port is
    /// free for IPv4 but not for IPv6.
    async fn try_start(scheme: Scheme) -> Result<Browser, String> {
        let driver = Driver::start().await?;
        let url = format!("http://127.0.0.1:{}", driver.port);
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let Value::Object(capabilities) = capabilities(scheme, driver.directory()) else {
            unreachable!("capabilities are an object")
        };
        let connected = timeout(START_MAX, builder.capabilities(capabilities).connect(&url)).await;
        let client = connected.expect("Chromium starts within a minute").map_err(|error| error.to_string())?;
        let id = client.session_id().await.expect("chromedriver responds").expect("a session has an ID");
        Ok(Browser { client, session_url: format!("{url}/session/{id}"), driver })
    }

    /// Opens a page, follows redirects and waits until the page has loaded.
    pub async fn goto(&self, url: &str) {
        done(self.client.goto(url).await, "open", url);
    }

    /// Waits for the element and clicks it. If the click opens a page, the next method call waits until the page has loaded.
    pub async fn click(&self, css: &str) {
        done(self.element(css).await.click().await, "click on", css);
    }

    /// Waits for the `<select>` element and selects the option with this value.
    pub async fn select(&self, css: &str, value: &str) {
        done(self.element(css).await.select_by_value(value).await, "choose in", css);
    }

    /// Waits for the element and returns its visible text.
    pub async fn text(&self, css: &str) -> String {
        loop {
            // The element is stale if its page was replaced in between. Then read the element of the next page.
            match self.element(css).await.text().await {
                Err(error) if error.is_stale_element_reference() => {}
                read => return done(read, "read", css),
            }
        }
    }

    /// Returns the visible text of the page.
    pub async fn page_text(&self) -> String {
        self.text("body").await
    }

    /// Sets the size of the visible part of the page, in CSS pixels. A window cannot be as narrow as a phone, but its page can.
    pub async fn set_viewport(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.post("goog/cdp/execute", json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": metrics })).await;
    }

    /// Runs the body of a function in the page, and returns its result.
    pub async fn evaluate(&self, script: &str) -> Value {
        done(self.client.execute(script, Vec::new()).await, "run", script)
    }

    /// Writes a screenshot of the window to a PNG file.
    pub async fn screenshot(&self, file: &Path) {
        let started = Instant::now();
        let png = loop {
            match self.client.screenshot().await {
                // A window that switches to a new process for a new page has nothing to show for a moment.
                Err(error) if error.to_string().contains("aborted by navigation") && started.elapsed() < PAGE_MAX => {}
                taken => break done(taken, "take a screenshot of", "the page"),
            }
        };
        std::fs::write(file, png).unwrap_or_else(|error| panic!("cannot write `{}`: {error}", file.display()));
    }

    /// Returns the errors in the console since the previous call.
    ///
    /// These are errors of scripts, violations of the content security policy, and failed requests. The browser requests `/favicon.ico`
    /// for a page that names no icon.
    pub async fn console_errors(&self) -> Vec<String> {
        let mut response = self.post("se/log", json!({ "type": "browser" })).await;
        let Value::Array(entries) = response["value"].take() else { panic!("the console cannot be read: {response}") };
        let errors = entries.iter().filter(|entry| entry["level"] == "SEVERE");
        errors.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Returns the directory that the browser writes to.
    pub fn folder(&self) -> &Path {
        self.driver.directory()
    }

    /// Stops the browser and waits until its processes have ended.
    pub async fn stop(self) {
        done(self.client.clone().close().await, "close", "the browser");
        drop(self.driver);
    }

    /// Calls a method of chromedriver that WebDriver does not define, and returns the response.
    async fn post(&self, method: &str, parameters: Value) -> Value {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client for loopback can be created");
        let sent = client.post(format!("{}/{method}", self.session_url)).body(parameters.to_string()).send().await;
        let response = sent.expect("chromedriver responds").bytes().await.expect("chromedriver responds");
        serde_json::from_slice(&response).expect("chromedriver responds with JSON")
    }

    async fn element(&self, css: &str) -> Element {
        let found = self.client.wait().at_most(PAGE_MAX).for_element(Locator::Css(css)).await;
        done(found, "find", css)
    }
}

/// Creates and returns `<target>/screenshots`, the folder for screenshots that people can review.
pub fn screenshots() -> PathBuf {
    let build = build_directory();
    let folder = build.parent().expect("the build directory is in the target directory").join("screenshots");
    std::fs::create_dir_all(&folder).expect("the target directory can be written");
    folder
}

impl Driver {
    async fn start() -> Result<Driver, String> {
        let directory = tempfile::tempdir().expect("a temporary directory can be created");
        let stderr = directory.path().join("stderr");
        let mut process = Command::new(CHROMEDRIVER)
            .arg("--port=0") // any free port, which chromedriver then prints
            .env_clear()
            .env("HOME", directory.path())
            .env("LANG", "C.UTF-8")
            .env("PATH", "/usr/bin:/bin")
            .env("TMPDIR", directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&stderr).expect("a new directory can be written to"))
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start `{CHROMEDRIVER}`: {error}"));
        let group =
            process.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)).expect("a new child process has an ID");
        let mut printed = BufReader::new(process.stdout.take().expect("standard output is piped")).lines();
        let port = timeout(START_MAX, port(&mut printed)).await.ok().flatten().ok_or_else(|| {
            format!("`{CHROMEDRIVER}` did not start:\n{}", std::fs::read_to_string(&stderr).unwrap_or_default())
        })?;
        Ok(Driver { _process: process, group, port, _printed: printed, directory: Some(directory) })
    }

    fn directory(&self) -> &Path {
        self.directory.as_ref().expect("only `drop` takes the directory").path()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Chromium's processes are in chromedriver's group, except for the crash handlers, which exit after Chromium. The call fails if
        // all processes have already ended.
        let _ = kill_process_group(self.group, Signal::KILL);
        let Some(directory) = self.directory.take().map(TempDir::keep) else { return };
        for _ in 0..REMOVALS_MAX {
            if std::fs::remove_dir_all(&directory).is_ok() {
                return;
            }
            thread::sleep(REMOVE_RETRY_DELAY);
        }
    }
}

/// Returns the port that chromedriver prints once it listens.
async fn port(printed: &mut Lines<BufReader<ChildStdout>>) -> Option<u16> {
    while let Ok(Some(line)) = printed.next_line().await {
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            return port.trim_end_matches('.').parse().ok();
        }
    }
    None
}

fn capabilities(scheme: Scheme, directory: &Path) -> Value {
    let scheme = match scheme {
        Scheme::Dark => 0, // the numbers of Blink's `PreferredColorScheme`
        Scheme::Light => 1,
    };
    let mut flags: Vec<String> = FLAGS.map(str::to_owned).to_vec();
    flags.push(format!("--blink-settings=preferredColorScheme={scheme}"));
    flags.push(format!("--user-data-dir={}", directory.join("profile").display()));
    let page_ms = u64::try_from(PAGE_MAX.as_millis()).expect("a minute");
    json!({
        "goog:chromeOptions": {
            "binary": CHROMIUM,
            "args": flags,
            // Otherwise Chromium opens its New Tab page, which takes a while to load.
            "prefs": { "session": { "restore_on_startup": 4, "startup_urls": ["about:blank"] } },
        },
        "goog:loggingPrefs": { "browser": "ALL" },
        "timeouts": { "pageLoad": page_ms, "script": page_ms },
    })
}

fn done<T>(result: Result<T, CmdError>, what: &str, which: &str) -> T {
    result.unwrap_or_else(|error| panic!("the browser cannot {what} `{which}`: {error}"))
}
