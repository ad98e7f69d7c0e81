//! Checks a bundle offline, with no server code.
fn main() {}
