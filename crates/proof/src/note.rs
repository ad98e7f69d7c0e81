//! C2SP signed notes: text, a blank line, and one line for each signature.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::keys::{KeyId, KeyName};

/// A text and the signatures below it, not checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What is signed, with the newline at its end.
    pub text: String,
    /// In the order of their lines.
    pub signatures: Vec<NoteSignature>,
}

/// One signature line: `— name base64(id || signature)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// Who says to have signed.
    pub name: KeyName,
    /// With which key.
    pub id: KeyId,
    /// The signature's own bytes.
    pub bytes: Vec<u8>,
}

/// Longest note that is read, in bytes.
const MAX_LENGTH: usize = 1 << 20;

/// Most signatures in one note.
const MAX_SIGNATURES: usize = 100;

/// A text is not a signed note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadNote {
    /// Longer than 1 MiB, or more than 100 signatures.
    #[error("the note is too long")]
    Length,
    /// A control character other than newline.
    #[error("the note has a control character in it")]
    Control,
    /// No blank line with signature lines after it.
    #[error("the note has no signatures after a blank line")]
    Unsigned,
    /// A signature line has another form.
    #[error("signature line {0} is not an em dash, a name and base64")]
    Line(usize),
}

impl Note {
    /// Reads a note strictly. Nothing in it means anything before its signatures are checked.
    pub fn parse(note: &str) -> Result<Self, BadNote> {
        if note.len() > MAX_LENGTH {
            return Err(BadNote::Length);
        }
        if note.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(BadNote::Control);
        }
        let blank = note.rfind("\n\n").ok_or(BadNote::Unsigned)?;
        let (text, lines) = (&note[..=blank], &note[blank + 2..]);
        let lines = lines.strip_suffix('\n').ok_or(BadNote::Unsigned)?;
        let parsed = lines.split('\n').enumerate();
        let signatures: Vec<_> =
            parsed.map(|(at, line)| signature(line).ok_or(BadNote::Line(at + 1))).collect::<Result<_, _>>()?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(BadNote::Length);
        }
        Ok(Self { text: text.to_owned(), signatures })
    }
}

fn signature(line: &str) -> Option<NoteSignature> {
    let (name, base64) = line.strip_prefix("— ")?.split_once(' ')?;
    let bytes = STANDARD.decode(base64).ok()?;
    let (id, signature) = bytes.split_first_chunk()?;
    let name = KeyName::new(name).ok()?;
    (!signature.is_empty()).then(|| NoteSignature { name, id: KeyId(*id), bytes: signature.to_vec() })
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for signature in &self.signatures {
            let bytes = [&signature.id.0, signature.bytes.as_slice()].concat();
            writeln!(f, "— {} {}", signature.name, STANDARD.encode(bytes))?;
        }
        Ok(())
    }
}
