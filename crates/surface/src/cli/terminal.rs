//! What reaches a terminal: never a control character that somebody else chose.

use std::io::{IsTerminal, Write};

/// Text from an agent, tool, model or file, with control characters and direction marks made visible.
pub(crate) fn safe(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '\n' | '\t' => out.push(c),
            '\u{0}'..='\u{1f}' | '\u{7f}' => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if is_hidden(c) => out.push_str(&format!("⟦U+{:04X}⟧", u32::from(c))),
            c => out.push(c),
        }
        out
    })
}

/// As [`safe`], on one line.
pub(crate) fn safe_line(text: &str) -> String {
    safe(text).replace('\n', "\\n").replace('\t', " ")
}

/// Characters that change how a text is read without being seen: C1 controls, zero-width and bidirectional marks.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Writes data to standard output, with a line end. A closed pipe ends the process quietly, as `head` expects.
pub(crate) fn data(text: &str) {
    let mut out = anstream::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
    if written.is_err() {
        std::process::exit(0);
    }
}

/// Whether a person looks at standard output.
pub(crate) fn out_is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Whether a person can be asked.
pub(crate) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks a yes-or-no question; anything but yes is no.
pub(crate) fn confirm(question: &str) -> Result<bool, super::Failure> {
    let answer = inquire::Confirm::new(question).with_default(false).prompt();
    match answer {
        Ok(answer) => Ok(answer),
        Err(inquire::InquireError::OperationCanceled | inquire::InquireError::OperationInterrupted) => Ok(false),
        Err(error) => Err(super::Failure::usage(format!("cannot ask here: {error}")).next("use --yes or --no-input")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_else_chose_cannot_move_the_cursor_or_turn_the_text() {
        assert_eq!(safe("a\u{1b}[31mb\u{202e}c\r"), "a\\x1b[31mb⟦U+202E⟧c\\x0d");
        assert_eq!(safe_line("a\nb"), "a\\nb");
    }
}
