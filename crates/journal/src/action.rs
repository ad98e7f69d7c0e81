//! What is about to be done, exactly: the one digest that is computed from values and not from bytes, because the one
//! who decides, the one who approves and the one who carries out must each arrive at it.

use serde::Serialize;

use crate::{Digest, PrincipalId, TenantId, bytes};

/// One exact action. Its digest is what a decision is about and what an approval is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Action<'a> {
    /// Digest of the agent's file.
    pub agent: Digest,
    /// Digest of the exact argument bytes that the tool will receive.
    pub arguments: Digest,
    /// `key@version` of the operation.
    pub operation: &'a str,
    /// Digest of the operation's file.
    pub operation_digest: Digest,
    /// On whose behalf: the principal that submitted the run.
    pub subject: &'a PrincipalId,
    /// What it is done in: the run's id.
    pub target: &'a str,
    /// Whose run it is.
    pub tenant: &'a TenantId,
}

impl Action<'_> {
    /// SHA-256 of the action's document.
    pub fn digest(&self) -> Digest {
        Digest::of(&bytes::encode(self).expect("an action is made of texts"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_a_document_of_its_parts() {
        let (subject, tenant) = (PrincipalId::new("u_ana"), TenantId::new("t_1"));
        let action = Action {
            agent: Digest::of(b"agent"),
            arguments: Digest::of(b"{}"),
            operation: "git.log@1.0.0",
            operation_digest: Digest::of(b"operation"),
            subject: &subject,
            target: "run_1",
            tenant: &tenant,
        };
        let text = String::from_utf8(bytes::encode(&action).unwrap()).unwrap();
        insta::assert_snapshot!(text, @r#"{"agent":"sha256:d4f0bc5a29de06b510f9aa428f1eedba926012b591fef7a518e776a7c9bd1824","arguments":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","operation":"git.log@1.0.0","operation_digest":"sha256:9bf5a24e4aa779981ac41f1a0f8713ec758e12df95fa51866869849c06e51175","subject":"u_ana","target":"run_1","tenant":"t_1"}"#);
        assert_eq!(action.digest(), Digest::of(text.as_bytes()));
    }
}
