//! Who calls.

use std::sync::Arc;

use affiant_contract::Auth;
use affiant_journal::{Actor, ActorKind, PrincipalId, TenantId};
use serde::{Deserialize, Serialize};

/// Who calls, as their credential says. Never read from a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// Whose data they see.
    pub tenant: TenantId,
    /// Who they are.
    pub id: PrincipalId,
    /// What sort of caller they are.
    pub kind: PrincipalKind,
    /// What they may do.
    pub role: Role,
    /// Names the credential (`key:key_…`), never contains it.
    pub auth: Arc<str>,
}

/// What sort of caller a principal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrincipalKind {
    /// A person.
    User,
    /// A program.
    Service,
    /// Somebody without a credential.
    Anonymous,
}

/// What a principal may do. Each role may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Call operations whose contract says `anonymous`.
    None,
    /// Call operations whose contract says `user`.
    User,
    /// Call every operation.
    Admin,
}

impl Principal {
    /// Somebody without a credential.
    pub fn anonymous(tenant: TenantId) -> Self {
        let (id, auth) = (PrincipalId::from("anonymous"), "none".into());
        Self { tenant, id, kind: PrincipalKind::Anonymous, role: Role::None, auth }
    }

    /// Whether the contract's auth level lets them in.
    pub fn reaches(&self, needed: Auth) -> bool {
        self.role
            >= match needed {
                Auth::Anonymous => Role::None,
                Auth::User => Role::User,
                Auth::Admin => Role::Admin,
            }
    }

    /// How they stand in an event.
    pub fn actor(&self) -> Actor {
        let kind = match self.kind {
            PrincipalKind::User => ActorKind::User,
            PrincipalKind::Service | PrincipalKind::Anonymous => ActorKind::Service,
        };
        Actor { auth: self.auth.clone(), id: self.id.clone(), kind }
    }
}
