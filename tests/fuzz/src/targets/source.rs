//! Sources as they are stored.

use slacktrail_core::source::{Source, SourceId};
use slacktrail_ports::Deployment;

use super::text;
use crate::error_text::assert_tells_nothing;

/// A source is refused in words that a log may hold, or comes back as it was; and it is the one whose place it has.
pub(super) fn stored(bytes: &[u8]) {
    let text = text(bytes);
    let id: SourceId = "acme".parse().expect("it is an id");
    let mut deployment = Deployment::default();
    deployment.insert_source(id.clone(), &text);
    match deployment.sources.remove(&id).expect("it was taken a moment ago") {
        Ok(source) => {
            assert_eq!(source.id, id, "another source");
            if let Some(tenant) = &source.tenant {
                let shown = tenant.to_string();
                assert!(shown.len() <= 400 && !shown.chars().any(char::is_control), "{shown:?}");
            }
            let encoded = serde_json::to_string(&source).expect("a source holds only text and numbers");
            assert_eq!(serde_json::from_str::<Source>(&encoded).expect("what we encode can be decoded"), source);
        }
        Err(error) => assert_tells_nothing(&error),
    }
}
