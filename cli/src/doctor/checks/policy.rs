//! Parses the policies of buckets, roles and secrets, and finds what their statements can allow.
//!
//! Ignores `Deny` statements and conditions. An action that this module finds allowed may therefore be denied, but an action that it does
//! not find is never allowed.

use serde_json::Value;

/// A statement that allows something.
#[derive(Clone, Debug)]
pub(super) struct Statement(Value);

/// Returns the statements of a policy that are not denials, or `None` if the policy is not a JSON object.
pub(super) fn allowing(document: &str) -> Option<Vec<Statement>> {
    let policy: Value = serde_json::from_str(document).ok().filter(Value::is_object)?;
    let statements = match &policy["Statement"] {
        Value::Array(statements) => statements.clone(),
        Value::Null => Vec::new(),
        single => vec![single.clone()],
    };
    Some(statements.into_iter().filter(|statement| statement["Effect"] != "Deny").map(Statement).collect())
}

impl Statement {
    /// Returns the statement's ID.
    pub(super) fn id(&self) -> &str {
        self.0["Sid"].as_str().unwrap_or("(no Sid)")
    }

    /// Returns `true` if the statement applies to `action`, such as `s3:PutObject`.
    pub(super) fn covers(&self, action: &str) -> bool {
        let matches =
            |list: &Value| texts(list).iter().any(|pattern| is_match(&pattern.to_lowercase(), &action.to_lowercase()));
        if self.0["NotAction"].is_null() { matches(&self.0["Action"]) } else { !matches(&self.0["NotAction"]) }
    }

    /// Returns the patterns of the statement's resources. Treats `NotResource` as all resources.
    pub(super) fn resources(&self) -> Vec<&str> {
        if self.0["NotResource"].is_null() { texts(&self.0["Resource"]) } else { vec!["*"] }
    }

    /// Returns `true` if the principal `arn` is the statement's only principal.
    pub(super) fn is_only_for(&self, arn: &str) -> bool {
        let principal = &self.0["Principal"];
        let named = texts(&principal["AWS"]);
        let is_alone = principal.as_object().is_some_and(|kinds| kinds.len() == 1);
        self.0["NotPrincipal"].is_null()
            && is_alone
            && !named.is_empty()
            && named.iter().all(|principal| *principal == arn)
    }
}

/// Returns `true` if `text` matches an IAM pattern, in which `*` matches any text and `?` any character.
pub(super) fn is_match(pattern: &str, text: &str) -> bool {
    let text = text.as_bytes();
    // Whether the pattern so far matches the first bytes of the text, by their number.
    let mut matched: Vec<bool> = (0..=text.len()).map(|length| length == 0).collect();
    for byte in pattern.bytes() {
        let matches_last = |length: usize| byte == b'?' || byte == text[length - 1];
        matched = match byte {
            b'*' => (0..=text.len()).map(|length| matched[..=length].contains(&true)).collect(),
            _ => (0..=text.len()).map(|length| length > 0 && matched[length - 1] && matches_last(length)).collect(),
        };
    }
    matched[text.len()]
}

/// Returns `true` if an IAM pattern matches at least one text that starts with `prefix`.
pub(super) fn reaches_below(pattern: &str, prefix: &str) -> bool {
    let literal: &str = pattern.split('*').next().unwrap_or_default();
    let is_equal = |(pattern, byte): (u8, u8)| pattern == byte || pattern == b'?';
    let agrees = literal.bytes().zip(prefix.bytes()).all(is_equal);
    agrees && (pattern.contains('*') || literal.len() >= prefix.len())
}

/// Returns the texts of a field that contains a text or a list of texts.
fn texts(field: &Value) -> Vec<&str> {
    match field {
        Value::String(text) => vec![text],
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn statement(fields: Value) -> Statement {
        allowing(&json!({ "Statement": fields }).to_string()).unwrap().remove(0)
    }

    #[test]
    fn only_allow_statements_are_read() {
        let ids = |document: &str| {
            allowing(document).map(|found| found.iter().map(|statement| statement.id().to_owned()).collect::<Vec<_>>())
        };
        let two = r#"{"Statement":[{"Sid":"A","Effect":"Deny"},{"Sid":"B","Effect":"Allow"}]}"#;
        assert_eq!(ids(two).unwrap(), ["B"]);
        assert_eq!(ids(r#"{"Statement":{"Effect":"Allow"}}"#).unwrap(), ["(no Sid)"]);
        assert_eq!(ids(r#"{"Version":"2012-10-17"}"#).unwrap(), [""; 0]);
        assert_eq!(ids("no policy"), None);
    }

    #[test]
    fn actions_match_in_any_case_and_not_action_matches_all_others() {
        let action = |action: Value| statement(json!({ "Action": action }));
        for pattern in ["s3:PutObject", "s3:putobject", "s3:Put*", "s3:*", "*", "*:PutObjec?"] {
            assert!(action(json!(pattern)).covers("s3:PutObject"), "{pattern}");
        }
        assert!(action(json!(["s3:GetObject", "s3:PutObject"])).covers("s3:PutObject"));
        assert!(!action(json!(["s3:GetObject", "s3:PutObjectAcl"])).covers("s3:PutObject"));
        assert!(statement(json!({"NotAction": "s3:GetObject"})).covers("s3:PutObject"));
        assert!(!statement(json!({"NotAction": "s3:*"})).covers("s3:PutObject"));
    }

    #[test]
    fn patterns_match_as_in_iam() {
        for (pattern, text, matches) in [
            ("a*c*e", "abcde", true),
            ("a*c*e", "abcd", false),
            ("*", "", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*ab", "aab", true),
            ("", "a", false),
        ] {
            assert_eq!(is_match(pattern, text), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn pattern_matches_below_prefix_if_some_key_matches() {
        for (pattern, reaches) in [
            ("*", true),
            ("logs/*", true),
            ("logs/audit/*", true),
            ("logs/audit/2026/*", true),
            ("logs/audit/one", true),
            ("logs/?udit/one", true),
            ("logs/a*", true),
            ("logs/inventory/*", false),
            ("other/*", false),
            ("logs/aud", false),
            ("logs", false),
        ] {
            assert_eq!(reaches_below(pattern, "logs/audit/"), reaches, "{pattern}");
        }
    }

    #[test]
    fn statement_for_one_role_names_only_that_role() {
        let principal = |principal: Value| statement(json!({ "Principal": principal }));
        assert!(principal(json!({"AWS": "role"})).is_only_for("role"));
        assert!(principal(json!({"AWS": ["role"]})).is_only_for("role"));
        for other in
            [json!("*"), json!({"AWS": "*"}), json!({"AWS": ["role", "x"]}), json!({"AWS": "role", "Service": "s"})]
        {
            assert!(!principal(other.clone()).is_only_for("role"), "{other}");
        }
        assert!(!statement(json!({"NotPrincipal": {"AWS": "role"}})).is_only_for("role"));
    }
}
