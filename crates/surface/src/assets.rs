//! Style sheets, scripts and the icon. Their names hold a digest of their bytes, so a browser may keep them for ever; and
//! they never change, so they are compressed once, as small as can be, when the first of them is wanted.

use std::{io::Write as _, sync::LazyLock};

use axum::{
    Router,
    extract::Path,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use flate2::{Compression, write::GzEncoder};

struct Asset {
    stem: &'static str,
    end: &'static str,
    name: String,
    kind: &'static str,
    bytes: &'static [u8],
    /// The same bytes, compressed.
    packed: Vec<u8>,
}

static ASSETS: LazyLock<[Asset; 5]> = LazyLock::new(|| {
    let (style, script) = ("text/css; charset=utf-8", "text/javascript; charset=utf-8");
    [
        asset("docs", "css", style, include_bytes!("../assets/docs.css")),
        asset("record", "js", script, include_bytes!("../assets/record.js")),
        asset("icon", "svg", "image/svg+xml", include_bytes!("../assets/icon.svg")),
        asset("studio", "css", style, include_bytes!("../assets/studio.css")),
        asset("studio", "js", script, include_bytes!("../assets/studio.js")),
    ]
});

fn asset(stem: &'static str, end: &'static str, kind: &'static str, bytes: &'static [u8]) -> Asset {
    let digest = affiant_contract::digest(bytes);
    let short = digest.strip_prefix("sha256:").unwrap_or(&digest).get(..12).unwrap_or_default();
    Asset { stem, end, name: format!("{stem}.{short}.{end}"), kind, bytes, packed: packed(bytes) }
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    let written = gzip.write_all(bytes).and_then(|()| gzip.finish());
    written.expect("memory takes whatever is written to it")
}

/// Where an asset is.
pub(crate) fn path(stem: &str, end: &str) -> String {
    let found = ASSETS.iter().find(|asset| asset.stem == stem && asset.end == end);
    format!("/assets/{}", found.map_or("", |asset| &asset.name))
}

/// The pages below `/assets`.
pub(crate) fn router() -> Router {
    Router::new()
        .route("/assets/{name}", get(async |Path(name): Path<String>, headers: HeaderMap| serve(&name, &headers)))
}

/// The asset of this name, compressed for whoever takes it so.
fn serve(name: &str, asked: &HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, asset.kind),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::VARY, "accept-encoding"),
        // A script with a thread of its own is held to its own policy there, and the check of a record asks for events.
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; connect-src 'self'; frame-ancestors 'none'"),
    ];
    if takes_gzip(asked) {
        return (headers, [(header::CONTENT_ENCODING, "gzip")], asset.packed.as_slice()).into_response();
    }
    (headers, asset.bytes).into_response()
}

/// Whether `Accept-Encoding` names gzip, or everything, and does not rule it out (RFC 9110, 12.5.3).
fn takes_gzip(asked: &HeaderMap) -> bool {
    let lines = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let weight = |named: &str| {
        let (coding, more) = named.split_once(';').unwrap_or((named, ""));
        let weight = more.trim().strip_prefix("q=").map_or(Some(1.0), |weight| weight.trim().parse::<f32>().ok());
        (coding.trim().to_ascii_lowercase(), weight.unwrap_or(0.0))
    };
    let codings: Vec<_> = lines.flat_map(|line| line.split(',')).map(weight).collect();
    let of = |wanted: &str| codings.iter().find(|(coding, _)| coding == wanted).map(|(_, weight)| *weight > 0.0);
    of("gzip").or_else(|| of("*")).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use axum::{body::HttpBody as _, http::HeaderValue};

    use super::*;

    #[test]
    fn gzip_is_sent_to_whoever_takes_it() {
        for (asked, taken) in [
            ("gzip, deflate, br", true),
            ("br;q=1.0, GZIP;q=0.8", true),
            ("*", true),
            ("gzip;q=0, *", false),
            ("br", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, asked.parse().unwrap())]);
            assert_eq!(takes_gzip(&headers), taken, "{asked}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn an_asset_is_compressed_before_it_is_asked_for_and_smaller_that_way() {
        for asset in &*ASSETS {
            let mut opened = Vec::new();
            flate2::read::GzDecoder::new(asset.packed.as_slice()).read_to_end(&mut opened).unwrap();
            assert_eq!(opened, asset.bytes, "{}", asset.name);
            assert!(asset.packed.len() < asset.bytes.len(), "{}", asset.name);
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"))]);
            let response = serve(&asset.name, &headers);
            assert_eq!(response.headers()[header::CONTENT_ENCODING], "gzip", "{}", asset.name);
            assert_eq!(response.body().size_hint().exact(), u64::try_from(asset.packed.len()).ok());
        }
    }
}
