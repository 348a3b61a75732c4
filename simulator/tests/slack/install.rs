//! An app for tests: goes from the authorize URL to tokens without a browser.

use serde_json::Value;
use slacktrail_simulator::oauth::{App, Consent};
use slacktrail_simulator::tenant::Role;
use slacktrail_simulator::{Family, Method, Request, Settings, World};

use crate::walk::{at, json};

/// Where the apps of these tests are sent back to.
pub(crate) const BACK: &str = "https://collector.example/callback";

/// An organization where this app can be installed by its owner.
pub(crate) fn world_of(app: &App) -> World {
    World::new(Settings { apps: vec![app.clone()], ..Settings::organization() })
}

/// The organization's app, and a world for it.
pub(crate) fn organization() -> (App, World) {
    let app = App::organization(BACK);
    let world = world_of(&app);
    (app, world)
}

/// The same with token rotation.
pub(crate) fn rotating() -> (App, World) {
    let app = App::organization(BACK).rotating();
    let world = world_of(&app);
    (app, world)
}

/// The query of an authorize URL that asks for these user scopes.
pub(crate) fn asking_for(app: &App, user_scope: &str) -> String {
    format!("client_id={}&user_scope={user_scope}&state=s%201&redirect_uri={BACK}", app.client_id)
}

/// The code of a redirect.
pub(crate) fn code_of(url: &str) -> String {
    parameter(url, "code").expect("a code")
}

/// A parameter of a redirect.
pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
    let query = url.split_once('?').expect("a query").1;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

/// Exchanges a code, as the app, with the redirect URL of [`asking_for`].
pub(crate) fn exchanging(app: &App, code: &str) -> Request {
    access(app).with("code", code).with("redirect_uri", BACK)
}

/// Exchanges a refresh token, as the app.
pub(crate) fn refreshing(app: &App, refresh_token: &str) -> Request {
    access(app).with("grant_type", "refresh_token").with("refresh_token", refresh_token)
}

/// `oauth.v2.access` as the app, without anything to exchange.
pub(crate) fn access(app: &App) -> Request {
    Request::post("oauth.v2.access").basic(&app.client_id, &app.client_secret)
}

/// Installs the app with this answer and gives the reply of the exchange.
pub(crate) fn install(world: &mut World, now: i64, app: &App, user_scope: &str, consent: &Consent) -> Value {
    let back = world.consent(at(now), &asking_for(app, user_scope), consent).expect("a redirect");
    json(world, now, &exchanging(app, &code_of(&back)))
}

/// Makes the first user a person with these rights.
pub(crate) fn owner_becomes(world: &mut World, rights: Role) {
    world.settings_mut().users[0].rights = rights;
}

/// A text of a reply.
pub(crate) fn text<'a>(response: &'a Value, path: &str) -> &'a str {
    response.pointer(path).and_then(Value::as_str).expect("a text")
}

/// A call of a method of the Web API with this token.
pub(crate) fn calling(method: &str, token: &str) -> Request {
    Request { method: Method::Post, ..Request::get(Family::Web, method).bearer(token) }
}
