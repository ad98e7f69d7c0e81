//! Putting all mends of a file into its text.

use std::ops::Range;

/// The text with every mend in its place. Two that overlap cannot both be right, and both are left out.
pub(super) fn mend(text: &str, mends: &[(Range<usize>, String)]) -> String {
    let overlaps = |a: &Range<usize>, b: &Range<usize>| a.start < b.end && b.start < a.end;
    let mut lasting: Vec<_> = mends
        .iter()
        .enumerate()
        .filter(|(index, (range, _))| {
            mends.iter().enumerate().all(|(other, (taken, _))| other == *index || !overlaps(range, taken))
        })
        .map(|(_, mend)| mend)
        .collect();
    lasting.sort_by_key(|(range, _)| range.start);
    let mut mended = String::with_capacity(text.len());
    let mut at = 0;
    for (range, new) in lasting {
        mended.push_str(&text[at..range.start]);
        mended.push_str(new);
        at = range.end;
    }
    mended + &text[at..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mends_take_their_places_and_those_in_doubt_are_left_out() {
        let mends = [(7..8, "H".to_owned()), (0..1, "AA".to_owned()), (3..5, "x".to_owned()), (4..6, "y".to_owned())];
        assert_eq!(mend("abcdefgh", &mends), "AAbcdefgH");
    }
}
