//! What is allowed?
//!
//! Principals, and decisions about actions. Pure: the same request gives the same decision, and the decision
//! names the policies that made it, so that it can be derived again from the record.

mod actions;
mod principal;

pub use actions::{Ask, DEFAULT, PolicySet, Ruling};
pub use principal::{Principal, PrincipalKind, Role};
