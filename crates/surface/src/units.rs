//! Lengths of time and sizes, as people read them: on a terminal, on a page.

/// A duration in microseconds, in the two largest units that matter.
pub(crate) fn took(micros: u64) -> String {
    let s = micros / 1_000_000;
    match micros {
        0..1000 => format!("{micros} µs"),
        1000..1_000_000 => format!("{} ms", micros / 1000),
        1_000_000..60_000_000 => format!("{s}.{} s", micros / 100_000 % 10),
        60_000_000..3_600_000_000 => format!("{}m {:02}s", s / 60, s % 60),
        3_600_000_000..86_400_000_000 => format!("{}h {:02}m", s / 3600, s / 60 % 60),
        _ => format!("{}d {:02}h", s / 86_400, s / 3600 % 24),
    }
}

/// A number of bytes in a unit that is easily read.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{}.{} KiB", bytes / 1024, bytes % 1024 * 10 / 1024),
        _ => format!("{}.{} MiB", bytes / 1_048_576, bytes % 1_048_576 * 10 / 1_048_576),
    }
}

/// So many of something: `1 run`, `2 runs`. What the number is not known of is none.
pub(crate) fn counted(number: Option<u64>, of: &str) -> String {
    let number = number.unwrap_or_default();
    format!("{number} {of}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        assert_eq!(
            [Some(0), Some(1), Some(2), None].map(|it| counted(it, "run")),
            ["0 runs", "1 run", "2 runs", "0 runs"]
        );
    }

    #[test]
    fn a_length_of_time_is_short_and_says_its_unit() {
        let table = [
            (7, "7 µs"),
            (61_000, "61 ms"),
            (9_420_000, "9.4 s"),
            (102_000_000, "1m 42s"),
            (7_440_000_000, "2h 04m"),
            (266_400_000_000, "3d 02h"),
        ];
        for (micros, said) in table {
            assert_eq!(took(micros), said);
        }
    }

    #[test]
    fn a_size_is_short_and_says_its_unit() {
        assert_eq!([12, 1536, 2100, 3 << 20].map(size), ["12 B", "1.5 KiB", "2.0 KiB", "3.0 MiB"]);
    }
}
