//! Where a list goes on: the place of a row in the order of its list, as text that callers hand back.

use std::fmt;

use affiant_engine::ports::StoreError;

/// The place of a row: a number that orders it (microseconds, or an order of arrival), and its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cursor {
    pub(crate) at: i64,
    pub(crate) id: String,
}

impl Cursor {
    pub(crate) fn new(at: i64, id: &str) -> Self {
        Self { at, id: id.to_owned() }
    }

    /// Reads what `Display` wrote; the text came from a caller.
    pub(crate) fn read(text: &str) -> Result<Self, StoreError> {
        let (at, id) = text.split_once('.').ok_or_else(|| StoreError::Cursor(text.to_owned()))?;
        let at = at.parse().map_err(|_| StoreError::Cursor(text.to_owned()))?;
        Ok(Self { at, id: id.to_owned() })
    }

    pub(crate) fn read_optional(text: Option<&str>) -> Result<Option<Self>, StoreError> {
        text.map(Self::read).transpose()
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_what_it_writes_even_with_dots_in_the_id() {
        let cursor = Cursor::new(-5, "run.1");
        assert_eq!(Cursor::read(&cursor.to_string()).unwrap(), cursor);
    }

    #[test]
    fn a_text_that_is_no_cursor_is_refused() {
        assert!(matches!(Cursor::read("yesterday"), Err(StoreError::Cursor(text)) if text == "yesterday"));
    }
}
