//! What can be asked?
//!
//! Contract files, their model, the registry that finds them, validation, lint and compatibility.
//! This room reads the text it is given and never the network, the clock or a database.

pub mod model;

pub use model::*;
