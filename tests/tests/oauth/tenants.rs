//! A source is bound to one tenant. Two concurrent authorizations of a new source never leave it with the token of the other tenant.

use std::collections::BTreeMap;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use slacktrail_connect::store;
use slacktrail_core::source::{Source, Tenant};
use slacktrail_simulator::oauth::Consent;

use crate::browser::{Answer, Browser};
use crate::site::{Site, run, source, workspace_source};

/// The maximum number of steps before each switch. The test runs every schedule of two callbacks in which the first runs some steps, the second
/// runs some steps, and then both run to their end.
const STEPS_MAX: usize = 40;

/// Returns a site with two browsers that have consented for the same new source, on different workspaces.
fn consented() -> (Site, [(Browser, String); 2]) {
    let site = Site::new();
    let new = Source { logs: workspace_source("acme", site.now()).logs, ..source("acme", site.now()) };
    let both = ["T1", "T2"].map(|workspace| {
        let browser = Browser::new();
        let query = browser.consent(&site, &site.issue_link(&new, 0), &Consent::workspace(workspace));
        (browser, query)
    });
    (site, both)
}

/// Runs the first callback for `steps[0]` steps, the second for `steps[1]` steps, then the first to its end, then the second.
fn interleaved(site: &Site, both: &[(Browser, String); 2], steps: [usize; 2]) -> [Answer; 2] {
    let [mut one, mut other] = both
        .each_ref()
        .map(|(browser, query)| Box::pin(async move { browser.get_async(site, "/oauth/callback", query).await }));
    let mut context = Context::from_waker(Waker::noop());
    let (mut first, mut second) = (None, None);
    for (limit, is_first) in [(steps[0], true), (steps[1], false), (usize::MAX, true), (usize::MAX, false)] {
        let (future, answer) = if is_first { (&mut one, &mut first) } else { (&mut other, &mut second) };
        let mut future = pin!(future);
        for _ in 0..limit {
            if answer.is_some() {
                break;
            }
            if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
                *answer = Some(done);
            }
        }
    }
    [first, second].map(|answer| answer.expect("both callbacks finished"))
}

#[test]
fn interleaved_callbacks_of_one_new_source_never_mix_tenants() {
    let mut winners: BTreeMap<String, usize> = BTreeMap::new();
    for first in 0..STEPS_MAX {
        for second in 0..STEPS_MAX {
            let (site, both) = consented();
            let answers = interleaved(&site, &both, [first, second]);
            let mut statuses = answers.each_ref().map(|answer| answer.status);
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 409], "{first} {second}: {}", answers[0].body);

            let source = site.source("acme").unwrap();
            let credentials = site.credentials("acme");
            let tenant = source.tenant.clone().unwrap().id;
            let grant = credentials.grant.clone().unwrap();
            assert_eq!(grant.tenant.as_deref(), Some(tenant.as_str()), "{first} {second}");
            assert!(!source.disconnected);
            assert_eq!(site.valid_tokens(), [grant.token.reveal()], "{first} {second}: the other's token is revoked");
            *winners.entry(tenant).or_default() += 1;
        }
    }
    assert_eq!(winners.len(), 2, "each tenant wins in some schedules: {winners:?}");
}

#[test]
fn source_is_bound_to_tenant_before_token_is_stored() {
    let named = |name: &str| Tenant { id: "E1".to_owned(), name: name.to_owned() };
    let new = Source { disconnected: true, ..source("acme", Site::new().now()) };
    let unbound = Source { label: "Before".to_owned(), disconnected: false, ..new.clone() };
    let bound = Source { tenant: Some(named("Before")), ..unbound.clone() };
    for (present, expected) in [
        (None, Source { tenant: Some(named("Now")), ..new.clone() }),
        (Some(unbound.clone()), Source { tenant: Some(named("Now")), ..unbound }),
        (Some(bound.clone()), bound),
    ] {
        let site = Site::new();
        site.world.with(|state| state.sources.extend(present.map(|present| (present.id.clone(), present))));
        let ports = site.ports();
        let no_token = run(store((&ports, &ports), &new, &named("Now"), |_| None)).unwrap();
        assert_eq!(no_token.unwrap_err().connect_error.kind.name(), "conflict");
        assert_eq!(site.source("acme"), Some(expected));

        let stored = run(store((&ports, &ports), &new, &named("Now"), Some)).unwrap().unwrap();
        let collected = Source { tenant: Some(named("Now")), disconnected: false, ..new.clone() };
        assert_eq!((stored, site.source("acme")), (collected.clone(), Some(collected)));
    }
}
