//! The style sheet and the icon. Their names hold a digest of their bytes, so a browser may keep them for ever.

use std::sync::LazyLock;

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};

struct Asset {
    name: String,
    kind: &'static str,
    bytes: &'static [u8],
}

static ASSETS: LazyLock<[Asset; 2]> = LazyLock::new(|| {
    [
        asset("docs", "css", "text/css; charset=utf-8", include_bytes!("../../assets/docs.css")),
        asset("icon", "svg", "image/svg+xml", include_bytes!("../../assets/icon.svg")),
    ]
});

fn asset(stem: &str, end: &str, kind: &'static str, bytes: &'static [u8]) -> Asset {
    let digest = affiant_contract::digest(bytes);
    let short = digest.strip_prefix("sha256:").unwrap_or(&digest).get(..12).unwrap_or_default();
    Asset { name: format!("{stem}.{short}.{end}"), kind, bytes }
}

/// Where the style sheet is.
pub(crate) fn stylesheet() -> String {
    format!("/docs/assets/{}", ASSETS[0].name)
}

/// Where the icon is.
pub(crate) fn icon() -> String {
    format!("/docs/assets/{}", ASSETS[1].name)
}

/// The asset of this name.
pub(super) fn serve(name: &str) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, asset.bytes).into_response()
}
