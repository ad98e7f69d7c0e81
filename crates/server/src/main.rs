//! How is it put together? Configuration, wiring and main.
fn main() {}
