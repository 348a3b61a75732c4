//! Stored sources.

use std::collections::BTreeSet;

use slacktrail_core::source::{Source, SourceId};
use slacktrail_ports::Deployment;

use super::text;
use crate::error_text::assert_safe_error;

/// Checks that a source is either rejected with a safe error, or has the ID of its key and survives encoding and decoding.
pub(super) fn stored(bytes: &[u8]) {
    let text = text(bytes);
    let id: SourceId = "acme".parse().expect("a valid ID");
    let mut deployment = Deployment::default();
    deployment.insert_source(id.clone(), &text);
    match deployment.sources.remove(&id).expect("the inserted source") {
        Ok(source) => {
            assert_eq!(source.id, id, "accepted a source with another ID");
            let logs: BTreeSet<_> = source.logs.iter().collect();
            assert_eq!(logs.len(), source.logs.len(), "accepted a log twice");
            if let Some(tenant) = &source.tenant {
                let shown = tenant.to_string();
                assert!(shown.len() <= 400 && !shown.chars().any(char::is_control), "{shown:?}");
            }
            let encoded = serde_json::to_string(&source).expect("a source can be encoded");
            assert_eq!(serde_json::from_str::<Source>(&encoded).expect("an encoded source can be decoded"), source);
        }
        Err(error) => assert_safe_error(&error),
    }
}
