//! Who may reach a server that listens on somebody's own machine? Not the pages of strangers: a page that points its own
//! host name at 127.0.0.1 is recognised by that name, and a page of another origin by its origin. There is no CORS.

use std::net::IpAddr;

use axum::http::{HeaderMap, Uri, header};

use crate::problem::Refusal;

/// Under which names the server answers, and from whose pages.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    /// Host names beside `localhost` and plain addresses, without ports.
    pub names: Vec<String>,
    /// Origins beside the server's own, such as `https://studio.example.com`.
    pub origins: Vec<String>,
}

impl Hosts {
    /// Whether the request was meant for this server, by somebody who may ask it.
    ///
    /// # Errors
    ///
    /// `origin-refused`.
    pub(super) fn admit(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), Refusal> {
        let named = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let authority = uri.authority().map(axum::http::uri::Authority::as_str).or(named);
        let Some(authority) = authority else {
            return Err(Refusal::new("origin-refused", "The request does not say for which host it is meant."));
        };
        if !self.answers_as(authority) {
            return Err(Refusal::new(
                "origin-refused",
                "This server does not answer under the host name of the request.",
            ));
        }
        let mut origins = headers.get_all(header::ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => Ok(()),
            (Some(origin), None) if origin.to_str().is_ok_and(|origin| self.trusts(origin, authority)) => Ok(()),
            _ => Err(Refusal::plain("origin-refused")),
        }
    }

    /// A plain address is nobody's to point elsewhere, so only names are held against the list.
    fn answers_as(&self, authority: &str) -> bool {
        let host = host_of(authority);
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        address.parse::<IpAddr>().is_ok()
            || host.eq_ignore_ascii_case("localhost")
            || self.names.iter().any(|name| name.eq_ignore_ascii_case(host))
    }

    fn trusts(&self, origin: &str, authority: &str) -> bool {
        let own = ["http://", "https://"].iter().any(|scheme| origin.strip_prefix(scheme) == Some(authority));
        own || self.origins.iter().any(|trusted| trusted.trim_end_matches('/') == origin)
    }
}

/// The host without its port.
fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !host.is_empty() => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(host: &str, origin: Option<&str>) -> bool {
        let hosts = Hosts { names: vec!["affiant.example".into()], origins: vec!["https://studio.example".into()] };
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        hosts.admit(&headers, &Uri::from_static("/x")).is_ok()
    }

    #[test]
    fn a_name_that_somebody_pointed_here_is_refused() {
        for host in ["localhost:4780", "127.0.0.1:4780", "[::1]:4780", "[::1]", "10.1.2.3", "Affiant.Example:443"] {
            assert!(admits(host, None), "{host}");
        }
        for host in ["evil.example", "evil.example:4780", "localhost.evil.example", "127.0.0.1.evil.example", "", ":80"]
        {
            assert!(!admits(host, None), "{host}");
        }
    }

    #[test]
    fn a_page_of_another_origin_is_refused() {
        assert!(admits("localhost:4780", Some("http://localhost:4780")));
        assert!(admits("localhost:4780", Some("https://studio.example")));
        for origin in
            ["http://localhost:8080", "http://127.0.0.1:4780", "http://evil.example", "null", "", "localhost:4780"]
        {
            assert!(!admits("localhost:4780", Some(origin)), "{origin}");
        }
    }

    #[test]
    fn two_origins_are_none() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "localhost".parse().unwrap());
        headers.append(header::ORIGIN, "http://localhost".parse().unwrap());
        headers.append(header::ORIGIN, "http://localhost".parse().unwrap());
        assert!(Hosts::default().admit(&headers, &Uri::from_static("/x")).is_err());
        assert!(Hosts::default().admit(&HeaderMap::new(), &Uri::from_static("/x")).is_err());
    }
}
