//! How is it reached? The gateway, REST, events, MCP descriptions, command line and reference.

pub mod render;
pub mod cli;
