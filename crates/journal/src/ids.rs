//! The names of things. Each is its own type, so that a run is never passed where a tenant is meant.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id with this text.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }
    )*};
}

ids! {
    /// A customer of the server; everything belongs to exactly one.
    TenantId,
    /// A sequence of events: a run's id, or `admin` for the tenant's administrative acts.
    StreamId,
    /// A run, `run_` and a ULID.
    RunId,
    /// An approval, `apr_` and a ULID.
    ApprovalId,
    /// An artifact, `art_` and a ULID.
    ArtifactId,
    /// A context snapshot, `ctx_` and a ULID.
    SnapshotId,
    /// Who acts: a user, service or agent.
    PrincipalId,
    /// One start of a server process, `b_` and random; `mono` counts from it.
    BootId,
    /// A worker of one server process.
    WorkerId,
}

impl StreamId {
    /// The stream of a tenant's administrative acts.
    pub const ADMIN: &'static str = "admin";

    /// The administrative stream.
    pub fn admin() -> Self {
        Self::new(Self::ADMIN)
    }
}

impl RunId {
    /// The stream that holds this run's events.
    pub fn stream(&self) -> StreamId {
        StreamId(self.0.clone())
    }
}
