//! Characters that are unsafe to show. Adapters and the CLI replace or escape them where a text leaves for a terminal or a log.

/// Returns `true` if a terminal or a browser acts on the character or does not show it: control characters (C0, C1, DEL), bidirectional
/// controls, line separators and invisible formatting. Joiners of emoji and scripts are allowed.
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}
