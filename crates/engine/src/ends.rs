//! Where something ends that has no length of its own: a stream of entries, or all of them.

/// The first number from `known` on at which nothing is; everything before it must be taken. Twice as far until nothing
/// is there, then the middle of what is left: a few questions, however far it is.
///
/// # Errors
///
/// Whatever asking met.
pub(crate) async fn end<E, A: Future<Output = Result<bool, E>>>(
    known: u64,
    there: impl Fn(u64) -> A,
) -> Result<u64, E> {
    let (mut low, mut high, mut stride) = (known, known, 1_u64);
    while there(high).await? {
        (low, high, stride) = (high + 1, high.saturating_add(stride), stride.saturating_mul(2));
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if there(middle).await? { low = middle + 1 } else { high = middle }
    }
    Ok(low)
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, convert::Infallible, future::ready};

    use super::*;

    #[tokio::test]
    async fn the_end_is_found_from_anywhere_before_it_with_few_questions() {
        for length in [0, 1, 2, 3, 7, 8, 1000, 1_000_000] {
            for known in [0, 1, 5, 999].into_iter().filter(|known| *known <= length) {
                let asked = Cell::new(0);
                let there = |at| {
                    asked.set(asked.get() + 1);
                    ready(Ok::<_, Infallible>(at < length))
                };
                assert_eq!(end(known, there).await, Ok(length), "from {known}");
                assert!(asked.get() <= 45, "{} questions for {length}", asked.get());
            }
        }
    }
}
