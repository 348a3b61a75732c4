//! Finds the end of a JSON value without parsing it, for fields beside the rows and for rows that are not JSON.
//!
//! [`serde_json`] decides what is JSON. The scanner only recognizes brackets and strings, so it needs no memory however deep or long a value is.

/// Follows one value through the chunks in which it arrives.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scanner {
    depth: u64,
    in_string: bool,
    escaped: bool,
    /// Whether the scanner is in a number or a word. Such a value ends before the next delimiter.
    in_word: bool,
}

impl Scanner {
    /// Returns how many of `bytes` belong to the value, or `None` if it does not end among them.
    pub(crate) fn end_in(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if self.in_string {
                at += self.skip_string(&bytes[at..]);
                if !self.in_string && self.depth == 0 {
                    return Some(at);
                }
                continue;
            }
            match byte {
                b'"' if self.in_word && self.depth == 0 => return Some(at),
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' | b',' if self.depth == 0 => return Some(at),
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                b' ' | b'\t' | b'\n' | b'\r' if self.in_word && self.depth == 0 => return Some(at),
                b' ' | b'\t' | b'\n' | b'\r' => {}
                _ => self.in_word |= self.depth == 0,
            }
            at += 1;
        }
        None
    }

    /// Skips the rest of a string, and returns its length.
    fn skip_string(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        if std::mem::take(&mut self.escaped) {
            at = 1;
        }
        while let Some(found) = memchr::memchr2(b'"', b'\\', &bytes[at.min(bytes.len())..]) {
            at += found + 1;
            if bytes[at - 1] == b'"' {
                self.in_string = false;
                return at;
            }
            if at == bytes.len() {
                self.escaped = true;
                return at;
            }
            at += 1; // an escaped character does not end the string
        }
        bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_ends_at_same_byte_across_any_chunks() {
        for (value, rest) in [
            (r#"{"a":"]}","b":[1,{"c":"\\\""}]}"#, ",1"),
            (r#""te\"xt\\""#, "]"),
            ("12.5e3", ","),
            ("true", " ]"),
            ("[[[]]]", ""),
            (r#"{"a":tru}"#, "}"),
            ("\u{e9}\u{1}x", ","),
            ("12", r#""x""#),
            (" \n12", " ,"),
            (r#" { "a" : [ 1 ] }"#, ","),
        ] {
            let text = format!("{value}{rest}");
            for cut in 0..=text.len() {
                let mut scanner = Scanner::default();
                let (head, tail) = text.as_bytes().split_at(cut);
                let end = scanner.end_in(head).or_else(|| scanner.end_in(tail).map(|end| cut + end));
                assert_eq!(end, Some(value.len()), "{text} cut at {cut}");
            }
        }
    }

    #[test]
    fn unterminated_value_has_no_end() {
        for text in ["[[", r#""a\"#, r#"{"a":""#, "12"] {
            assert_eq!(Scanner::default().end_in(text.as_bytes()), None, "{text}");
        }
    }
}
