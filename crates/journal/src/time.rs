//! Wall-clock time as it stands in events: RFC 3339 in UTC with microseconds, always the same width.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Microseconds since 1970-01-01T00:00:00Z, leap seconds not counted. Years 0000 to 9999.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This many microseconds later; stops at the end of the range instead of wrapping.
    #[must_use]
    pub fn plus(self, span: std::time::Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// The time from `earlier` to this, zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> std::time::Duration {
        std::time::Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The text of a time of the years 0000 to 9999. Every event has several: no formatter is asked for them.
    fn spelled(self) -> Option<[u8; 27]> {
        let (days, micros) = (self.0.div_euclid(86_400_000_000), self.0.rem_euclid(86_400_000_000));
        let (year, month, day) = civil(days);
        let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        put(&mut text[..4], year)?;
        put(&mut text[5..7], month)?;
        put(&mut text[8..10], day)?;
        put(&mut text[11..13], seconds / 3600)?;
        put(&mut text[14..16], seconds / 60 % 60)?;
        put(&mut text[17..19], seconds % 60)?;
        put(&mut text[20..26], fraction)?;
        Some(text)
    }
}

/// Writes a number with as many digits as there is room for; none where it needs more, or a sign.
fn put(digits: &mut [u8], mut number: i64) -> Option<()> {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).ok()?;
        number /= 10;
    }
    (number == 0).then_some(())
}

fn as_text(spelled: &[u8; 27]) -> &str {
    std::str::from_utf8(spelled).expect("digits are ASCII")
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = self.spelled() {
            return f.write_str(as_text(&text));
        }
        let (days, micros) = (self.0.div_euclid(86_400_000_000), self.0.rem_euclid(86_400_000_000));
        let (year, month, day) = civil(days);
        let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text is not a time such as `2026-11-22T15:00:00.123456Z`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a UTC time such as 2026-11-22T15:00:00.123456Z")]
pub struct NotATime(pub String);

impl FromStr for Timestamp {
    type Err = NotATime;

    /// Reads exactly the form that `Display` writes.
    fn from_str(text: &str) -> Result<Self, NotATime> {
        let wrong = || NotATime(text.to_owned());
        let number = |range: std::ops::Range<usize>| -> Option<i64> {
            let digits = text.get(range)?;
            digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
        };
        let read = || {
            let days = days_of(number(0..4)?, number(5..7)?, number(8..10)?);
            let seconds = number(11..13)? * 3600 + number(14..16)? * 60 + number(17..19)?;
            Some(Self(days * 86_400_000_000 + seconds * 1_000_000 + number(20..26)?))
        };
        let time = read().ok_or_else(wrong)?;
        if time.to_string() == text { Ok(time) } else { Err(wrong()) }
    }
}

/// Year, month and day of a day counted from 1970-01-01 (the algorithm of Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The inverse of [`civil`].
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.spelled() {
            Some(text) => serializer.serialize_str(as_text(&text)),
            None => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::text::parsed(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn every_time_reads_back_what_it_writes(micros in -62_167_219_200_000_000i64..253_402_300_800_000_000) {
            let time = Timestamp(micros);
            proptest::prop_assert_eq!(time.to_string().parse(), Ok(time));
        }
    }

    #[test]
    fn a_day_that_does_not_exist_is_refused() {
        let text = "2026-02-30T00:00:00.000000Z";
        assert_eq!(text.parse::<Timestamp>(), Err(NotATime(text.into())));
        assert_eq!(Timestamp(1_795_359_600_123_456).to_string(), "2026-11-22T15:00:00.123456Z");
    }
}
