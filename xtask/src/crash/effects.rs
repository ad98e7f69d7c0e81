//! The outside world of the crash harness: an HTTP service that remembers every effect it was asked for.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use anyhow::Result;
use serde_json::Value;

/// One effect that happened.
#[derive(Clone)]
pub(crate) struct Effect {
    /// `/apply` is idempotent under its key, `/once` must not be repeated.
    pub(crate) path: String,
    /// The idempotency key it came with.
    pub(crate) key: String,
    /// The run's name, from the body.
    pub(crate) name: String,
}

/// The service.
pub(crate) struct Effects {
    address: String,
    seen: Arc<Mutex<Vec<Effect>>>,
}

impl Effects {
    /// Listens on a loopback port until the process ends.
    pub(crate) fn listen() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = seen.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = kept.clone();
                // A client that is killed mid-request gives an error here, which is its own business.
                std::thread::spawn(move || serve(stream, &seen).ok());
            }
        });
        Ok(Self { address, seen })
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Every effect so far.
    pub(crate) fn seen(&self) -> Vec<Effect> {
        self.seen.lock().expect("no service thread panics").clone()
    }
}

fn serve(stream: TcpStream, seen: &Mutex<Vec<Effect>>) -> Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut first = String::new();
        if stream.read_line(&mut first)? == 0 {
            return Ok(());
        }
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        let (mut length, mut key) = (0, String::new());
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse()?,
                "idempotency-key" => key = value.trim().to_owned(),
                _ => (),
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        let body: Value = serde_json::from_slice(&body)?;
        let name = body["name"].as_str().unwrap_or_default().to_owned();
        seen.lock().expect("no service thread panics").push(Effect { path, key, name });
        let reply = r#"{"done":true}"#;
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", reply.len());
        stream.get_mut().write_all(format!("{head}{reply}").as_bytes())?;
    }
}
