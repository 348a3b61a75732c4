//! The `details` of audit records, as JSON text: strings, lists, objects and JSON inside strings under the same keys.

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, RngExt};

use super::directory::new_id;

pub(super) fn shared(dice: &mut StdRng) -> String {
    let url = format!(r"https:\/\/files.example\/{}", new_id("F", dice));
    format!(r#"{{"url_private":"{url}","channels":["{}","{}"]}}"#, new_id("C", dice), new_id("C", dice))
}

pub(super) fn installed(dice: &mut StdRng) -> String {
    // The same key twice in one object, with different values: seen in the wild, and to be kept as it is.
    let twice = if dice.random_ratio(1, 8) { r#","is_internal_integration":true"# } else { "" };
    format!(
        r#"{{"is_internal_integration":false,"app_owner_id":"{}","granular_bot_token":true,"new_scopes":["chat:write"],"previous_scopes":[]{twice}}}"#,
        new_id("W", dice)
    )
}

pub(super) fn changed(dice: &mut StdRng) -> String {
    match dice.random_range(0..4) {
        0 => r#"{"new_value":"required","previous_value":null}"#,
        1 => r#"{"new_value":["owner","admin"],"previous_value":["owner"]}"#,
        2 => r#"{"new_value":{"type":["TOPLEVEL_ADMINS_AND_OWNERS_AND_SELECTED"],"user":["W1","W2"]},"previous_value":{"type":[]}}"#,
        _ => r#"{"old_retention_policy":{"type":"all","duration_days":0},"new_retention_policy":{"type":"custom","duration_days":365}}"#,
    }
    .to_owned()
}

pub(super) fn export(dice: &mut StdRng) -> String {
    format!(
        r#"{{"export_type":"STANDARD","exporting_team_id":{},"succeeded_users":"[\"W111\", \"W222\"]","failed_users":[]}}"#,
        dice.random_range(1_000_000_000_000_u64..9_000_000_000_000)
    )
}

pub(super) fn anomaly(dice: &mut StdRng, time: Timestamp) -> String {
    let moment = time.as_microsecond() - dice.random_range(400_000..51_000_000);
    format!(
        concat!(
            r#"{{"location":"","reason":["asn","ip_address"],"previous_ip_address":"","previous_ua":"","#,
            r#""action_timestamp":{},"ip_address_details":["new-asn"],"client_ja3_fingerprint":"{:032x}"}}"#
        ),
        moment,
        u128::from(dice.next_u64())
    )
}
