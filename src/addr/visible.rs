//! Names and texts of AWS's users, which are not to be trusted, made fit to be shown.

/// Text that others wrote, on one line and in its own direction: control characters, and those that turn
/// the direction of writing, as escapes.
pub fn visible(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}');
        if c.is_control() || turns {
            plain.extend(c.escape_unicode());
        } else {
            plain.push(c);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_text_stays_on_its_line() {
        assert_eq!(visible("Größe 研究"), "Größe 研究");
        assert_eq!(visible("a\nb\u{1b}[31m"), "a\\u{a}b\\u{1b}[31m");
        assert_eq!(visible("\u{202e}txt"), "\\u{202e}txt");
    }
}
