//! Installs an app in tests: gets tokens from an authorize URL without a browser.

use serde_json::Value;
use slacktrail_simulator::oauth::App;
use slacktrail_simulator::tenant::Role;
use slacktrail_simulator::{Family, Method, Request, Settings, World};

use crate::walk::json;

/// The redirect URL of the apps in these tests.
pub(crate) const REDIRECT_URL: &str = "https://collector.example/callback";

/// Creates an organization whose owner can install this app.
pub(crate) fn world_of(app: &App) -> World {
    World::new(Settings { apps: vec![app.clone()], ..Settings::organization() })
}

pub(crate) fn organization() -> (App, World) {
    let app = App::organization(REDIRECT_URL);
    let world = world_of(&app);
    (app, world)
}

/// Creates an app with token rotation for an organization, and its world.
pub(crate) fn rotating() -> (App, World) {
    let app = App::organization(REDIRECT_URL).rotating();
    let world = world_of(&app);
    (app, world)
}

/// Returns the query of an authorize URL that requests these user scopes.
pub(crate) fn asking_for(app: &App, user_scope: &str) -> String {
    format!("client_id={}&user_scope={user_scope}&state=s%201&redirect_uri={REDIRECT_URL}", app.client_id)
}

pub(crate) fn code_of(url: &str) -> String {
    parameter(url, "code").expect("a code")
}

pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
    let query = url.split_once('?').expect("a query").1;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

/// Returns the app's request to exchange a code, with the redirect URL of [`asking_for`].
pub(crate) fn exchanging(app: &App, code: &str) -> Request {
    access(app).with("code", code).with("redirect_uri", REDIRECT_URL)
}

/// Returns the app's request to exchange a refresh token.
pub(crate) fn refreshing(app: &App, refresh_token: &str) -> Request {
    access(app).with("grant_type", "refresh_token").with("refresh_token", refresh_token)
}

/// Returns the app's request to `oauth.v2.access`, without a code or refresh token.
pub(crate) fn access(app: &App) -> Request {
    Request::post("oauth.v2.access").basic(&app.client_id, &app.client_secret)
}

/// Changes the role of the first user.
pub(crate) fn owner_becomes(world: &mut World, rights: Role) {
    world.settings_mut().users[0].rights = rights;
}

pub(crate) fn text<'a>(response: &'a Value, path: &str) -> &'a str {
    response.pointer(path).and_then(Value::as_str).expect("a string")
}

/// Returns a call of a Web API method with this token.
pub(crate) fn calling(method: &str, token: &str) -> Request {
    Request { method: Method::Post, ..Request::get(Family::Web, method).bearer(token) }
}

/// Returns `ok` if `auth.test` accepts the token, or the error code.
pub(crate) fn state(world: &mut World, now: i64, token: &str) -> String {
    let who = json(world, now, &calling("auth.test", token));
    who["error"].as_str().unwrap_or("ok").to_owned()
}
