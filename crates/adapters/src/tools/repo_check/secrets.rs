//! Private keys and tokens that were committed by mistake.
//!
//! Only what has the exact shape of a well-known kind is a finding, and of these only what looks random. What is
//! found is named by place and kind; its value is never part of a message.

use std::{collections::BTreeSet, sync::LazyLock};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use regex::Regex;

use super::places;

/// A secret, by kind and place.
pub(super) struct Secret {
    pub(super) kind: &'static str,
    /// What it opens.
    pub(super) name: &'static str,
    /// Where it begins, in bytes.
    pub(super) at: usize,
}

impl Secret {
    pub(super) fn message(&self) -> String {
        match self.kind {
            "private-key" => {
                "A private key is committed; take it out of the history and replace it where it is used.".into()
            }
            _ => format!(
                "A {} is committed; revoke it, take it out of the history and replace it where it is used.",
                self.name
            ),
        }
    }
}

/// A kind of token: its name, its shape, and how random the part in the first group must be, in bits per character.
type Kind = (&'static str, Regex, f64);

static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    [
        ("GitHub token", r"\bgh[pousr]_([A-Za-z0-9]{36})\b", 3.5),
        ("GitHub token", r"\bgithub_pat_([A-Za-z0-9_]{82})\b", 3.5),
        ("GitLab token", r"\bglpat-([A-Za-z0-9_-]{20})\b", 3.2),
        ("AWS access key", r"\b(?:AKIA|ASIA)([A-Z2-7]{16})\b", 3.0),
        ("Slack token", r"\bxox[baprs]-[0-9]{9,}-[0-9]{9,}-(?:[0-9]{9,}-)?([A-Za-z0-9]{24,})\b", 3.2),
        ("Slack webhook", r"hooks\.slack\.com/services/T[A-Z0-9]{8,}/B[A-Z0-9]{8,}/([A-Za-z0-9]{24})\b", 3.2),
        ("Stripe key", r"\b[rs]k_live_([A-Za-z0-9]{24,})\b", 3.2),
        ("Google API key", r"\bAIza([A-Za-z0-9_-]{35})\b", 3.5),
        ("OpenAI key", r"\bsk-(?:proj-|svcacct-)?([A-Za-z0-9_-]{20,}T3BlbkFJ[A-Za-z0-9_-]{20,})\b", 3.5),
        ("Anthropic key", r"\bsk-ant-(?:api|admin)[0-9]{2}-([A-Za-z0-9_-]{80,})\b", 3.5),
        ("npm token", r"\bnpm_([A-Za-z0-9]{36})\b", 3.5),
        ("PyPI token", r"\bpypi-AgEIcHlwaS5vcmc([A-Za-z0-9_-]{50,})", 3.5),
        ("SendGrid key", r"\bSG\.([A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})\b", 3.5),
        ("Hugging Face token", r"\bhf_([A-Za-z]{34})\b", 3.5),
        ("DigitalOcean token", r"\bdo[opr]_v1_([a-f0-9]{64})\b", 3.0),
        ("Shopify token", r"\bshp(?:at|ca|pa|ss)_([a-fA-F0-9]{32})\b", 3.0),
        ("age secret key", r"\bAGE-SECRET-KEY-1([0-9A-Z]{58})\b", 3.5),
    ]
    .map(|(name, pattern, entropy)| (name, Regex::new(pattern).expect("the patterns are constant"), entropy))
    .into()
});

/// Every secret in a text. Tests, examples and texts for people show what secrets look like, and are left out.
pub(super) fn find(path: &str, text: &str) -> Vec<Secret> {
    if places::is_example(path) {
        return Vec::new();
    }
    let end = before_tests(path, text);
    let code = &text[..end];
    let mut secrets = private_keys(code);
    for (name, pattern, entropy) in KINDS.iter() {
        let found =
            pattern.captures_iter(code).filter_map(|token| Some((token.get(0)?.start(), token.get(1)?.as_str())));
        let real = found.filter(|(_, random)| bits(random) >= *entropy && !is_placeholder(random));
        secrets.extend(real.map(|(at, _)| Secret { kind: "token", name, at }));
    }
    secrets
}

/// Private keys with their content: a header alone stands in every program that handles keys.
fn private_keys(text: &str) -> Vec<Secret> {
    static KEY: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"-----BEGIN ((?:RSA |EC |DSA |OPENSSH |ENCRYPTED )?PRIVATE KEY)-----([A-Za-z0-9+/=\s\\nr]+)-----END ",
        )
        .expect("the pattern is constant")
    });
    let keys = KEY.captures_iter(text).filter_map(|key| Some((key.get(0)?.start(), key.get(1)?, key.get(2)?.as_str())));
    // What is encrypted is of use to nobody without its passphrase.
    let real = keys.filter(|(_, kind, body)| !kind.as_str().starts_with("ENCRYPTED") && is_key(body));
    real.map(|(at, ..)| Secret { kind: "private-key", name: "private key", at }).collect()
}

/// Whether the body of a key is one: base64 of the beginning that every such key has.
fn is_key(body: &str) -> bool {
    let body: String = body.replace("\\n", "").replace("\\r", "").split_whitespace().collect();
    let Ok(bytes) = STANDARD.decode(&body) else { return false };
    bytes.len() >= 40 && (bytes.first() == Some(&0x30) || bytes.starts_with(b"openssh-key-v1"))
}

/// Bits of entropy per character.
fn bits(text: &str) -> f64 {
    let total = text.len() as f64;
    let distinct: BTreeSet<u8> = text.bytes().collect();
    let share = |byte: &u8| text.bytes().filter(|other| other == byte).count() as f64 / total;
    distinct.iter().map(share).map(|p| -p * p.log2()).sum()
}

fn is_placeholder(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["example", "xxxx", "0000", "1234567", "abcdef", "your", "test", "fake", "dummy", "sample", "redacted"]
        .iter()
        .any(|word| text.contains(word))
}

/// Where the tests begin that Rust keeps in the same file; the end for others.
fn before_tests(path: &str, text: &str) -> usize {
    match path.ends_with(".rs") {
        true => text.find("#[cfg(test)]").unwrap_or(text.len()),
        false => text.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text that looks random, made so that none stands in this file.
    fn random(alphabet: &str, length: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            letters[(state >> 16) as usize % letters.len()]
        };
        (0..length).map(|_| next()).collect()
    }

    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    fn kinds(path: &str, text: &str) -> Vec<&'static str> {
        find(path, text).iter().map(|secret| secret.name).collect()
    }

    #[test]
    fn tokens_of_well_known_kinds_are_found_and_never_shown() {
        let token = format!("gh{}_{}", "p", random(LETTERS, 36));
        let aws = format!("AKI{}{}", "A", random("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16));
        let text = format!("a = 1\ntoken = \"{token}\"\nkey: {aws}\n");
        assert_eq!(kinds("config.py", &text), ["GitHub token", "AWS access key"]);
        assert!(find("config.py", &text).iter().all(|secret| !secret.message().contains(&token[4..])));
        assert_eq!(&text[find("config.py", &text)[0].at..][..4], &token[..4]);
    }

    #[test]
    fn what_only_looks_like_a_token_is_none() {
        let real = format!("gh{}_{}", "p", random(LETTERS, 36));
        for text in [
            format!("gh{}_{}", "p", "x".repeat(36)),
            format!("gh{}_{}", "p", "abcdefghijklmnopqrstuvwxyz0123456789"),
            format!("AKI{}IOSFODNN7EXAMPLE", "A"),
            format!("prefix{real}suffix"),
        ] {
            assert_eq!(kinds("a.py", &text), [""; 0], "{text}");
        }
        for path in ["README.md", "docs/a.py", "examples/a.py", ".env.example"] {
            assert_eq!(kinds(path, &real), [""; 0], "{path}");
        }
        assert_eq!(kinds("a.rs", &format!("#[cfg(test)]\nmod tests {{ \"{real}\" }}")), [""; 0]);
    }

    #[test]
    fn a_private_key_needs_a_body_that_is_one() {
        let pem = |kind: &str, body: &str| {
            format!("-----BEGIN {kind}PRIVATE KEY-----\n{body}\n-----END {kind}PRIVATE KEY-----")
        };
        let body = STANDARD.encode([&[0x30, 0x82][..], &[7; 100]].concat());
        assert_eq!(kinds("deploy/id", &pem("RSA ", &body)), ["private key"]);
        assert_eq!(kinds("a.go", &pem("", &body).replace('\n', "\\n")), ["private key"]);
        assert_eq!(kinds("a.go", &pem("ENCRYPTED ", &body)), [""; 0]);
        assert_eq!(kinds("a.go", &pem("", "...")), [""; 0]);
        assert_eq!(kinds("a.go", "\"-----BEGIN PRIVATE KEY-----\""), [""; 0]);
    }
}
