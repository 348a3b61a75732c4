//! `slack-simulator`: serves an Enterprise organization with history and live activity on loopback, for manual tests.

use std::error::Error as StdError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use slacktrail_simulator::oauth::{App, Redirects};
use slacktrail_simulator::server::Server;
use slacktrail_simulator::settings::ORGANIZATION_TOKEN;
use slacktrail_simulator::{Activity, Generator, Log, Settings, World};

const USAGE: &str = "usage: slack-simulator [--port N] [--days N] [--audit-per-day N] [--people N] [--seed N] \
    [--redirect-url URL]... [--rotation]";
const TICK: Duration = Duration::from_secs(1);
const DAYS_MAX: i64 = 400;

#[derive(Debug)]
struct Options {
    port: u16,
    days: i64,
    activity: Activity,
    /// Allowed redirect URLs of the app. If empty, any `https` or loopback URL is allowed.
    redirect_urls: Vec<String>,
    rotation: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn StdError>> {
    let options = read_options(std::env::args().skip(1))?;
    let app = app(&options);
    let settings = Settings { apps: vec![app.clone()], ..Settings::organization() };
    let mut generator = Generator::new(options.activity, &settings);
    let mut world = World::new(settings);

    let mut generated_until = Timestamp::now();
    generator.fill(&mut world, generated_until - SignedDuration::from_hours(24 * options.days), generated_until);
    let world = Arc::new(Mutex::new(world));
    let server = Server::start_on(options.port, world.clone(), Arc::new(Timestamp::now)).await?;
    print_settings(&server, &world.lock().unwrap_or_else(PoisonError::into_inner), &app);

    loop {
        tokio::time::sleep(TICK).await;
        let now = Timestamp::now();
        generator.advance(&mut world.lock().unwrap_or_else(PoisonError::into_inner), generated_until, now);
        generated_until = generated_until.max(now);
    }
}

/// Returns the app that the organization's owner can install in the browser.
fn app(options: &Options) -> App {
    let redirects = match options.redirect_urls.as_slice() {
        [] => Redirects::Any,
        urls => Redirects::Listed(urls.to_vec()),
    };
    App { redirects, token_rotation: options.rotation, ..App::organization("") }
}

#[expect(clippy::print_stdout, reason = "a command prints to its user")]
fn print_settings(server: &Server, world: &World, app: &App) {
    for log in Log::ALL {
        println!("{:>9} {log:?} rows", world.rows(log).len());
    }
    println!("SLACK_AUDIT_URL={}", server.audit_url());
    println!("SLACK_API_URL={}", server.api_url());
    println!("SLACK_TOKEN={ORGANIZATION_TOKEN}");
    println!("SLACK_AUTHORIZE_URL={}", server.authorize_url());
    println!("SLACK_CLIENT_ID={}", app.client_id);
    println!("SLACK_CLIENT_SECRET={}", app.client_secret);
    println!("curl -s -H \"Authorization: Bearer {ORGANIZATION_TOKEN}\" '{}logs?limit=1'", server.audit_url());
}

fn read_options(mut arguments: impl Iterator<Item = String>) -> Result<Options, Box<dyn StdError>> {
    let activity = Activity::default();
    let mut options = Options { port: 0, days: 7, activity, redirect_urls: Vec::new(), rotation: false };
    while let Some(name) = arguments.next() {
        if name == "--rotation" {
            options.rotation = true;
            continue;
        }
        let value = arguments.next().ok_or(USAGE)?;
        let invalid = |_| format!("invalid value `{value}` for `{name}`\nhint: {USAGE}");
        match name.as_str() {
            "--port" => options.port = value.parse().map_err(invalid)?,
            "--days" => options.days = value.parse::<i64>().map_err(invalid)?.clamp(0, DAYS_MAX),
            "--audit-per-day" => options.activity.audit_per_day = value.parse().map_err(invalid)?,
            "--people" => options.activity.people = value.parse().map_err(invalid)?,
            "--redirect-url" => options.redirect_urls.push(value),
            "--seed" => options.activity.seed = value.parse().map_err(invalid)?,
            _ => return Err(format!("unknown option `{name}`\nhint: {USAGE}").into()),
        }
    }
    Ok(options)
}
