//! A small blocking HTTP/1.1 client over one kept connection: enough for load, and nothing that costs time.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// One connection.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    host: String,
    key: String,
}

/// What came back.
pub(crate) struct Reply {
    /// HTTP status.
    pub(crate) status: u16,
    /// The body's bytes.
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {}", String::from_utf8_lossy(&self.body)))
    }
}

impl Client {
    /// Connects to `host:port`.
    pub(crate) fn connect(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(90)))?;
        Ok(Self { stream: BufReader::new(stream), host: address.to_owned(), key: String::new() })
    }

    /// Sends this key with every request.
    pub(crate) fn with_key(mut self, key: &str) -> Self {
        self.key = format!("Authorization: Bearer {key}\r\n");
        self
    }

    /// `GET` of a path; `query` is encoded already and may be empty.
    pub(crate) fn get(&mut self, path: &str, query: &str) -> Result<Reply> {
        let mark = if query.is_empty() { "" } else { "?" };
        let head = format!("GET {path}{mark}{query} HTTP/1.1\r\nHost: {}\r\n{}\r\n", self.host, self.key);
        self.exchange(head.as_bytes())
    }

    /// `POST` of a JSON body.
    pub(crate) fn post(&mut self, path: &str, body: &str) -> Result<Reply> {
        self.exchange(self.post_bytes(path, "", body).as_bytes())
    }

    /// `POST` of a JSON body under an idempotency key.
    pub(crate) fn post_once(&mut self, path: &str, key: &str, body: &str) -> Result<Reply> {
        self.exchange(self.post_bytes(path, &format!("Idempotency-Key: {key}\r\n"), body).as_bytes())
    }

    /// The bytes of a `POST`, to send many times.
    pub(crate) fn post_bytes(&self, path: &str, headers: &str, body: &str) -> String {
        let (host, key, length) = (&self.host, &self.key, body.len());
        format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\n{key}{headers}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    }

    /// Sends a request and reads the reply.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> Result<Reply> {
        self.stream.get_mut().write_all(request)?;
        let status = self.status()?;
        let body = self.body()?;
        Ok(Reply { status, body })
    }

    fn status(&mut self) -> Result<u16> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        line.split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .with_context(|| format!("not an HTTP reply: {line:?}"))
    }

    fn body(&mut self) -> Result<Vec<u8>> {
        let mut length = None;
        let mut line = String::new();
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                bail!("the connection ended inside the headers");
            }
            let header = line.trim_end().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = Some(value.trim().parse()?);
            }
        }
        match length {
            Some(length) => self.exactly(length),
            None => self.chunks(),
        }
    }

    fn exactly(&mut self, length: usize) -> Result<Vec<u8>> {
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(body)
    }

    fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            let length =
                usize::from_str_radix(line.trim(), 16).with_context(|| format!("not a chunk length: {line:?}"))?;
            body.extend(self.exactly(length)?);
            self.exactly(2)?;
            if length == 0 {
                return Ok(body);
            }
        }
    }
}
