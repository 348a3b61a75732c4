//! Mutates inputs. The same seed produces the same mutations. The most frequent change replaces a JSON value, because inputs with random
//! bytes seldom pass the parser.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// The maximum size of an input. Only deliberately nested inputs may be larger.
const BYTES_MAX: usize = 1 << 16;
/// The maximum number of changes to one input.
const CHANGES_MAX: u32 = 6;
/// The numbers of containers around a nested value. The largest one exceeds what any recursive parser accepts.
const NESTING: [usize; 6] = [2, 63, 65, 127, 129, 20_000];

/// Replacements for a value: limits of numeric and time types, and texts that break output that contains them.
const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "-1",
    "1",
    "1.0",
    "1.5",
    "1e3",
    "1e999",
    "-1e999",
    "1E400",
    "5e-324",
    "253402300799",
    "253402300800",
    "-62135596801",
    "1795332821",
    "1800000000.0",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551616",
    "123456789012345678901234567890",
    "{}",
    "[]",
    "[[]]",
    "{\"\":0}",
    "\"\"",
    "\"0\"",
    "\"-1\"",
    "\"1795332821\"",
    "\"+5\"",
    "\" 5\"",
    "\"1e3\"",
    "\"a\\nb\\u0000c\"",
    "\"\\ud800\"",
    "\"\\ud83d\\ude00\"",
    "\"\\u202e\u{202e}\u{1b}[31m\"",
    "\"\u{2028}\"",
    "\"a\\\"b\\\\\"",
    "\"`\"",
    "\"xoxp-1-hush0123456789\"",
    "\"xoxe.xoxp-1-hush0123456789\"",
    "\"2026/11/22\"",
    "\"9999/12/31\"",
    "\"2026-11-22 07:33:41.000\"",
    "\"127.0.0.1\"",
    "\"::1\"",
    "\"999.1.1.1\"",
    "\"a@b\"",
    "\"live\"",
    "\"audit\"",
    "\"access\"",
    "\"integration\"",
    "\"user\"",
    "\"acme\"",
    "\"T1\"",
    "\"ok\"",
    "\"invalid_cursor\"",
    "\"ratelimited\"",
    "\"over_pagination_limit\"",
];

/// Field names and texts that have a meaning for at least one decoder.
const TOKENS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\n",
    "\r\n",
    "\n\n",
    "\u{0}",
    "\u{7f}",
    "\u{feff}",
    "\u{2028}",
    "é",
    "\\u0000",
    "\\ud800",
    " ",
    "\t",
    "//",
    "NaN",
    "Infinity",
    "'",
    "\"p_log_type\":\"",
    "\"p_log_type\":\"Slack.AuditLogs\",\"p_row_id\":\"",
    "\"p_row\":",
    "\"p_workspace_id\":\"",
    "\",\"p_event_time\":\"",
    "\"id\":",
    "\"date_create\":",
    "\"date_first\":",
    "\"date_last\":",
    "\"date\":",
    "\"user_id\":",
    "\"user_name\":",
    "\"user\":",
    "\"name\":",
    "\"email\":",
    "\"ip\":",
    "\"ip_address\":",
    "\"username\":",
    "\"ok\":true,",
    "\"ok\":false,",
    "\"error\":",
    "\"needed\":",
    "\"entries\":",
    "\"logins\":",
    "\"logs\":",
    "\"teams\":",
    "\"response_metadata\":{\"next_cursor\":\"x\"}",
    "\"paging\":{\"pages\":4294967295,\"total\":1}",
    "\"access_token\":",
    "\"refresh_token\":",
    "\"expires_in\":",
    "\"authed_user\":",
    "\"format\":2",
    "\"kind\":",
    "\"walk\":",
    "\"gaps\":",
    "\"oldest\":",
    "\"latest\":",
    "\"page\":",
    "200\n",
    "400\n",
    "401\n",
    "429\n",
    "500\n",
    "retry-after: ",
    "Sun, 22 Nov 2026 07:33:41 GMT",
    "99999999999999999999",
    "-5",
    "1e9",
    "nan",
    "inf",
    "2026/11/22",
    "2026-11-22T07:33:41.000",
    "-000001",
    "23:59:60",
    "[u-ca=iso8601]",
];

/// Generates inputs by mutation.
#[derive(Debug)]
pub struct Mutator<'a> {
    rng: StdRng,
    seeds: &'a [Vec<u8>],
}

impl<'a> Mutator<'a> {
    /// Creates a mutator of `seeds`, which must not be empty.
    pub fn new(seeds: &'a [Vec<u8>], seed: u64) -> Mutator<'a> {
        Mutator { rng: StdRng::seed_from_u64(seed), seeds }
    }

    /// Returns the next input.
    pub fn next_input(&mut self) -> Vec<u8> {
        let mut bytes = self.seeds[self.below(self.seeds.len())].clone();
        for _ in 0..self.rng.random_range(1..=CHANGES_MAX) {
            self.change(&mut bytes);
            bytes.truncate(BYTES_MAX);
        }
        if self.rng.random_ratio(1, 100) {
            self.nest(&mut bytes);
        }
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        match self.rng.random_range(0..14) {
            0 => self.flip(bytes),
            1 => drop(self.cut(bytes)),
            2 => self.repeat(bytes),
            3 => bytes.truncate(self.below(bytes.len() + 1)),
            4 | 5 => {
                let token = TOKENS[self.below(TOKENS.len())];
                let at = self.below(bytes.len() + 1);
                bytes.splice(at..at, token.bytes());
            }
            6 => self.splice(bytes),
            7 => self.swap_values(bytes),
            _ => self.replace_value(bytes),
        }
    }

    fn flip(&mut self, bytes: &mut [u8]) {
        if !bytes.is_empty() {
            let at = self.below(bytes.len());
            bytes[at] ^= 1 << self.rng.random_range(0..8);
        }
    }

    fn cut(&mut self, bytes: &mut Vec<u8>) -> Vec<u8> {
        let range = self.range(bytes.len());
        bytes.drain(range).collect()
    }

    fn repeat(&mut self, bytes: &mut Vec<u8>) {
        let range = self.range(bytes.len());
        let times = [1, 1, 2, 40][self.below(4)];
        let (end, piece) = (range.end, bytes[range].repeat(times));
        if piece.len() <= BYTES_MAX {
            bytes.splice(end..end, piece);
        }
    }

    /// Inserts a piece of another seed.
    fn splice(&mut self, bytes: &mut Vec<u8>) {
        let other = &self.seeds[self.below(self.seeds.len())];
        let piece = other[self.range(other.len())].to_vec();
        let at = self.below(bytes.len() + 1);
        bytes.splice(at..at, piece);
    }

    fn swap_values(&mut self, bytes: &mut Vec<u8>) {
        let values = values(bytes);
        if values.is_empty() {
            return;
        }
        let (a, b) = (values[self.below(values.len())].clone(), values[self.below(values.len())].clone());
        let (first, second) = if a.start <= b.start { (a, b) } else { (b, a) };
        if first.end <= second.start {
            let (one, two) = (bytes[first.clone()].to_vec(), bytes[second.clone()].to_vec());
            bytes.splice(second, one);
            bytes.splice(first, two);
        }
    }

    fn replace_value(&mut self, bytes: &mut Vec<u8>) {
        let values = values(bytes);
        if !values.is_empty() {
            let range = values[self.below(values.len())].clone();
            bytes.splice(range, VALUES[self.below(VALUES.len())].bytes());
        }
    }

    fn nest(&mut self, bytes: &mut Vec<u8>) {
        let values = values(bytes);
        if values.is_empty() {
            return;
        }
        let range = values[self.below(values.len())].clone();
        let depth = NESTING[self.below(NESTING.len())];
        let (open, close) = [("[", "]"), ("{\"a\":", "}")][self.below(2)];
        let nested = [open.repeat(depth).as_bytes(), &bytes[range.clone()], close.repeat(depth).as_bytes()].concat();
        bytes.splice(range, nested);
    }

    fn range(&mut self, len: usize) -> std::ops::Range<usize> {
        let start = self.below(len + 1);
        let longest = [4, 64, len][self.below(3)].min(len - start);
        start..start + self.below(longest + 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.rng.random_range(0..bound)
    }
}

/// Returns the ranges of JSON values in `bytes`: strings, numbers, literals and containers.
fn values(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let (mut values, mut open, mut at) = (Vec::new(), Vec::new(), 0);
    while at < bytes.len() {
        let start = at;
        at += 1;
        match bytes[start] {
            b'"' => {
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at = (at + 1).min(bytes.len());
                values.push(start..at);
            }
            b'{' | b'[' => open.push(start),
            b'}' | b']' => values.extend(open.pop().map(|start| start..at)),
            c if c.is_ascii_alphanumeric() || c == b'-' => {
                while at < bytes.len() && (bytes[at].is_ascii_alphanumeric() || b"+-.".contains(&bytes[at])) {
                    at += 1;
                }
                values.push(start..at);
            }
            _ => {}
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_makes_same_inputs() {
        let seeds = [br#"{"a":[1,"b\"c",{"d":null}]}"#.to_vec(), b"x".to_vec(), Vec::new()];
        let inputs = |seed| {
            let mut mutator = Mutator::new(&seeds, seed);
            (0..200).map(|_| mutator.next_input()).collect::<Vec<_>>()
        };
        assert_eq!(inputs(1), inputs(1));
        assert_ne!(inputs(1), inputs(2));
        let still_json = |input: &&Vec<u8>| serde_json::from_slice::<serde_json::Value>(input).is_ok();
        assert!(inputs(1).iter().filter(still_json).count() > 20, "too few inputs pass the parser");
    }

    #[test]
    fn json_values_are_located_in_input() {
        let text = br#"{"a":[1,"b\"c"],"d":-1.5e3}"#;
        let found: Vec<_> = values(text).into_iter().map(|range| String::from_utf8_lossy(&text[range])).collect();
        let whole = String::from_utf8_lossy(text);
        assert_eq!(found, ["\"a\"", "1", r#""b\"c""#, r#"[1,"b\"c"]"#, "\"d\"", "-1.5e3", &whole]);
    }
}
