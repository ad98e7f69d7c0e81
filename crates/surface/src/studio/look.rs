//! How pages look in one browser: light, dark, or as its system does. It is in a cookie, so that the first paint is right,
//! and nobody else's business.

use axum::http::{HeaderMap, header};
use serde::Serialize;

use super::{Shown, page::header_text, session::Sent};

/// How pages look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Theme {
    /// As the browser's system does.
    #[default]
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

const NAMES: [(&str, Theme); 3] = [("system", Theme::System), ("light", Theme::Light), ("dark", Theme::Dark)];

/// A year.
const LIFE: u32 = 365 * 24 * 60 * 60;

impl Theme {
    fn named(name: &str) -> Self {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, theme)| *theme).unwrap_or_default()
    }

    /// What the browser's cookie says.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
        let mut pairs = cookies.flat_map(|cookies| cookies.split(';'));
        pairs.find_map(|pair| pair.trim().strip_prefix("affiant_theme=")).map(Self::named).unwrap_or_default()
    }
}

/// Chooses a theme for this browser.
pub(super) async fn choose(sent: Sent) -> Shown {
    let chosen = sent.field("theme").unwrap_or_default();
    let name = NAMES.iter().find(|(known, _)| *known == chosen).map_or("system", |(known, _)| *known);
    let cookie = format!("affiant_theme={name}; Path=/; Max-Age={LIFE}; HttpOnly; SameSite=Strict");
    let mut response = sent.show.on_to("/studio/settings#look")?;
    response.headers_mut().append(header::SET_COOKIE, header_text(&cookie));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_that_says_nothing_or_nonsense_sees_what_its_system_has() {
        let of = |cookies: &str| Theme::of(&HeaderMap::from_iter([(header::COOKIE, cookies.parse().unwrap())]));
        assert_eq!(of("affiant_4780=x; affiant_theme=dark"), Theme::Dark);
        assert_eq!(of("affiant_theme=light"), Theme::Light);
        assert_eq!(of("affiant_theme=\"><script>"), Theme::System);
        assert_eq!(Theme::of(&HeaderMap::new()), Theme::System);
    }
}
