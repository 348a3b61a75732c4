//! Pretty-prints JSON without changing a token: strings keep their escapes, and duplicate keys remain.

/// Returns the same JSON with indentation, and with a line break after each `{`, `[` and `,`.
pub(crate) fn pretty(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for &byte in json {
        if in_string {
            out.push(byte);
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'{' | b'[' => {
                depth += 1;
                out.push(byte);
                break_line(&mut out, depth);
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                break_line(&mut out, depth);
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                break_line(&mut out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            b' ' | b'\n' | b'\r' | b'\t' => {}
            _ => {
                in_string = byte == b'"';
                out.push(byte);
            }
        }
    }
    out
}

fn break_line(out: &mut Vec<u8>, depth: usize) {
    out.push(b'\n');
    out.resize(out.len() + 2 * depth, b' ');
}

#[cfg(test)]
mod tests {
    use super::pretty;

    #[test]
    fn json_tokens_survive_pretty_printing() {
        let json = r#"{"a":"x, \"{y}\" \\","a":[1,{}],"b":1e400}"#;
        let laid_out = String::from_utf8_lossy(&pretty(json.as_bytes())).into_owned();
        assert!(laid_out.contains('\n'));
        assert!(laid_out.contains(r#""x, \"{y}\" \\""#) && laid_out.contains("1e400"));
        let tight: String = laid_out.lines().map(|line| line.trim_start().replace("\": ", "\":")).collect();
        assert_eq!(tight, json);
    }
}
