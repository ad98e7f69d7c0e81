//! How is it reached? The gateway, REST, events, MCP descriptions, command line and reference.

mod assets;
pub mod auth;
pub mod cli;
pub mod docs;
pub mod events;
mod forms;
pub mod gateway;
pub mod handlers;
pub mod health;
pub mod idempotency;
mod lineage;
mod present;
pub mod problem;
mod ratelimit;
pub mod render;
pub mod rest;
pub mod studio;
pub mod tiles;
mod units;
mod visible;

#[cfg(test)]
mod testing;
