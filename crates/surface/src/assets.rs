//! Style sheets, scripts and the icon. Their names hold a digest of their bytes, so a browser may keep them for ever.

use std::sync::LazyLock;

use axum::{
    Router,
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};

struct Asset {
    stem: &'static str,
    end: &'static str,
    name: String,
    kind: &'static str,
    bytes: &'static [u8],
}

static ASSETS: LazyLock<[Asset; 4]> = LazyLock::new(|| {
    let (style, script) = ("text/css; charset=utf-8", "text/javascript; charset=utf-8");
    [
        asset("docs", "css", style, include_bytes!("../assets/docs.css")),
        asset("icon", "svg", "image/svg+xml", include_bytes!("../assets/icon.svg")),
        asset("studio", "css", style, include_bytes!("../assets/studio.css")),
        asset("studio", "js", script, include_bytes!("../assets/studio.js")),
    ]
});

fn asset(stem: &'static str, end: &'static str, kind: &'static str, bytes: &'static [u8]) -> Asset {
    let digest = affiant_contract::digest(bytes);
    let short = digest.strip_prefix("sha256:").unwrap_or(&digest).get(..12).unwrap_or_default();
    Asset { stem, end, name: format!("{stem}.{short}.{end}"), kind, bytes }
}

/// Where an asset is.
pub(crate) fn path(stem: &str, end: &str) -> String {
    let found = ASSETS.iter().find(|asset| asset.stem == stem && asset.end == end);
    format!("/assets/{}", found.map_or("", |asset| &asset.name))
}

/// The pages below `/assets`.
pub(crate) fn router() -> Router {
    Router::new().route("/assets/{name}", get(async |Path(name): Path<String>| serve(&name)))
}

/// The asset of this name.
fn serve(name: &str) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, asset.bytes).into_response()
}
