//! How a text of unknown origin is shown on one line.

use std::fmt::Write;

/// The text with everything that could move a cursor, hide or reorder text made visible: control characters as
/// `\n` or `\x1b`, bidirectional and invisible marks as `⟦U+202E⟧`.
pub(crate) fn escape(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if (c as u32) < 0x20 || c == '\x7f' => push(&mut shown, format_args!("\\x{:02x}", c as u32)),
            c if is_deceptive(c) => push(&mut shown, format_args!("⟦U+{:04X}⟧", c as u32)),
            c => shown.push(c),
        }
    }
    shown
}

fn push(text: &mut String, piece: std::fmt::Arguments<'_>) {
    text.write_fmt(piece).expect("writing to a string does not fail");
}

/// Characters that are not seen, or change the order in which others are.
fn is_deceptive(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

/// At most `limit` characters of the text, with `…` where something was left out.
pub(crate) fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// Bytes as text; whether something could not be read as UTF-8 and was replaced.
pub(crate) fn lossy(bytes: &[u8]) -> (String, bool) {
    match String::from_utf8_lossy(bytes) {
        std::borrow::Cow::Borrowed(text) => (text.to_owned(), false),
        std::borrow::Cow::Owned(text) => (text, true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_deceive_a_reader_is_made_visible() {
        let hostile = "a\x1b[31mred\u{202e}txt.exe\nb\u{200b}\u{9b}";
        insta::assert_snapshot!(escape(hostile), @r"a\x1b[31mred⟦U+202E⟧txt.exe\nb⟦U+200B⟧⟦U+009B⟧");
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        for text in ["Fix crash", "naïve café", "日本語", "שלום", "👩\u{200d}🚀"] {
            assert_eq!(escape(text), text);
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(shorten("ééééé", 3), "ééé…");
        assert_eq!(shorten("ééé", 3), "ééé");
    }
}
