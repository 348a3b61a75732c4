//! The `details` of audit records as JSON text. The same key may hold a string, a list, an object or JSON inside a string.

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, RngExt};

use super::directory::new_id;

pub(super) fn shared(rng: &mut StdRng) -> String {
    let url = format!(r"https:\/\/files.example\/{}", new_id("F", rng));
    format!(r#"{{"url_private":"{url}","channels":["{}","{}"]}}"#, new_id("C", rng), new_id("C", rng))
}

pub(super) fn installed(rng: &mut StdRng) -> String {
    // Slack has returned objects that contain a key twice with different values. A collector must keep both.
    let twice = if rng.random_ratio(1, 8) { r#","is_internal_integration":true"# } else { "" };
    format!(
        r#"{{"is_internal_integration":false,"app_owner_id":"{}","granular_bot_token":true,"new_scopes":["chat:write"],"previous_scopes":[]{twice}}}"#,
        new_id("W", rng)
    )
}

pub(super) fn changed(rng: &mut StdRng) -> String {
    match rng.random_range(0..4) {
        0 => r#"{"new_value":"required","previous_value":null}"#,
        1 => r#"{"new_value":["owner","admin"],"previous_value":["owner"]}"#,
        2 => r#"{"new_value":{"type":["TOPLEVEL_ADMINS_AND_OWNERS_AND_SELECTED"],"user":["W1","W2"]},"previous_value":{"type":[]}}"#,
        _ => r#"{"old_retention_policy":{"type":"all","duration_days":0},"new_retention_policy":{"type":"custom","duration_days":365}}"#,
    }
    .to_owned()
}

pub(super) fn export(rng: &mut StdRng) -> String {
    format!(
        r#"{{"export_type":"STANDARD","exporting_team_id":{},"succeeded_users":"[\"W111\", \"W222\"]","failed_users":[]}}"#,
        rng.random_range(1_000_000_000_000_u64..9_000_000_000_000)
    )
}

pub(super) fn anomaly(rng: &mut StdRng, time: Timestamp) -> String {
    let moment = time.as_microsecond() - rng.random_range(400_000..51_000_000);
    format!(
        concat!(
            r#"{{"location":"","reason":["asn","ip_address"],"previous_ip_address":"","previous_ua":"","#,
            r#""action_timestamp":{},"ip_address_details":["new-asn"],"client_ja3_fingerprint":"{:032x}"}}"#
        ),
        moment,
        u128::from(rng.next_u64())
    )
}
