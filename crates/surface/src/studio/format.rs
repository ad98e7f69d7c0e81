//! In which format a page is wanted: `/runs` is a page, `/runs.json` the same as data, `/runs.csv` a table of it.

use axum::{extract::Request, http::Uri};

/// A format of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Format {
    /// For people.
    #[default]
    Html,
    /// The facts that the page shows.
    Json,
    /// The rows of a list, one object on a line.
    Jsonl,
    /// The rows of a list, as RFC 4180 writes them.
    Csv,
}

const ENDS: [(&str, Format); 3] = [(".json", Format::Json), (".jsonl", Format::Jsonl), (".csv", Format::Csv)];

/// The request without the end that says its format, which stands among its extensions instead.
pub(super) fn taken_off(mut request: Request) -> Request {
    let path = request.uri().path();
    let found = ENDS.iter().find_map(|(end, format)| Some((path.strip_suffix(end)?.to_owned(), *format)));
    let (path, format) = found.unwrap_or_else(|| (path.trim_end_matches('/').to_owned(), Format::Html));
    let path = if path.is_empty() { "/" } else { &path };
    let whole = request.uri().query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    if let Ok(uri) = Uri::try_from(whole) {
        *request.uri_mut() = uri;
    }
    request.extensions_mut().insert(format);
    request
}

/// A cell of a CSV file (RFC 4180). What a spreadsheet would take for a formula is made text.
pub(super) fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    let plain = !text.contains([',', '"', '\n', '\r']);
    if plain { text } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn taken(uri: &str) -> (String, Format) {
        let request = taken_off(Request::builder().uri(uri).body(Body::empty()).unwrap());
        (request.uri().to_string(), *request.extensions().get().unwrap())
    }

    #[test]
    fn the_end_of_an_address_is_its_format() {
        assert_eq!(taken("/runs.json?q=a.csv"), ("/runs?q=a.csv".into(), Format::Json));
        assert_eq!(taken("/runs.csv"), ("/runs".into(), Format::Csv));
        assert_eq!(taken("/runs/run_1.jsonl"), ("/runs/run_1".into(), Format::Jsonl));
        assert_eq!(taken("/runs/"), ("/runs".into(), Format::Html));
        assert_eq!(taken("/"), ("/".into(), Format::Html));
    }

    #[test]
    fn a_cell_is_one_cell_and_no_formula() {
        assert_eq!(cell("a"), "a");
        assert_eq!(cell("a,\"b\"\n"), "\"a,\"\"b\"\"\n\"");
        assert_eq!(cell("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(cell("-1,5"), "\"'-1,5\"");
    }
}
