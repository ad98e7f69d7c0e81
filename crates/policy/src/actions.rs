//! May this step be taken?

use std::sync::Arc;

use affiant_contract::{ApprovalRule, Auth, Hints, ToolUse};
use affiant_journal::{Decision, Digest, Mode};

use crate::Role;

/// A step that a planner wants to take.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The agent's terms for this operation; none when it did not list the operation.
    pub tool: Option<&'a ToolUse>,
    /// Who may call the operation at all.
    pub auth: Auth,
    /// What the operation says of its effects.
    pub hints: Hints,
    /// The role of whoever started the run. An agent never has more.
    pub role: Role,
    /// How the run is carried out.
    pub mode: Mode,
}

/// What policy says, and which policies said it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// Allow, deny, ask a person, or stub.
    pub decision: Decision,
    /// The policies that decided.
    pub policies: Vec<Arc<str>>,
}

/// The rules in force, by name and version. Its digest is pinned by every run.
#[derive(Clone, Debug)]
pub struct PolicySet {
    name: Arc<str>,
    digest: Digest,
}

/// The text of the default policy set: what its digest covers, and what people read.
pub const DEFAULT: &str = include_str!("default.txt");

impl Default for PolicySet {
    fn default() -> Self {
        Self { name: "default@1".into(), digest: Digest::of(DEFAULT.as_bytes()) }
    }
}

impl PolicySet {
    /// Digest of the text of the set.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Decides about one step. Denial wins, then a dry run, then asking a person.
    pub fn decide(&self, ask: Ask<'_>) -> Ruling {
        let Some(tool) = ask.tool else { return self.says(Decision::Deny, "listed") };
        let needed = match ask.auth {
            Auth::Anonymous => Role::None,
            Auth::User => Role::User,
            Auth::Admin => Role::Admin,
        };
        if ask.role < needed {
            return self.says(Decision::Deny, "role");
        }
        if ask.mode == Mode::DryRun && !ask.hints.read_only {
            return self.says(Decision::Stubbed, "dry-run");
        }
        match tool.approval {
            ApprovalRule::Required => self.says(Decision::NeedsApproval, "approval-required"),
            ApprovalRule::ByHint if ask.hints.destructive => self.says(Decision::NeedsApproval, "destructive"),
            ApprovalRule::ByHint | ApprovalRule::Never => self.says(Decision::Allow, "allow"),
        }
    }

    fn says(&self, decision: Decision, rule: &str) -> Ruling {
        Ruling { decision, policies: vec![format!("{}/{rule}", self.name).into()] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool() -> ToolUse {
        serde_json::from_value(serde_json::json!({ "operation": "fs.write@1.0.0" })).unwrap()
    }

    fn ask(tool: &ToolUse) -> Ask<'_> {
        Ask { tool: Some(tool), auth: Auth::User, hints: Hints::default(), role: Role::User, mode: Mode::Background }
    }

    fn decision(ask: Ask<'_>) -> String {
        let ruling = PolicySet::default().decide(ask);
        format!("{:?} by {}", ruling.decision, ruling.policies.join(", "))
    }

    #[test]
    fn an_ordinary_step_is_allowed() {
        assert_eq!(decision(ask(&tool())), "Allow by default@1/allow");
    }

    #[test]
    fn an_agent_never_uses_what_it_did_not_list() {
        assert_eq!(decision(Ask { tool: None, ..ask(&tool()) }), "Deny by default@1/listed");
    }

    #[test]
    fn an_agent_never_has_more_rights_than_its_caller() {
        assert_eq!(decision(Ask { auth: Auth::Admin, ..ask(&tool()) }), "Deny by default@1/role");
    }

    #[test]
    fn a_destructive_step_asks_a_person_unless_the_agent_says_never() {
        let hints = Hints { destructive: true, ..Hints::default() };
        let mut tool = tool();
        assert_eq!(decision(Ask { hints, ..ask(&tool) }), "NeedsApproval by default@1/destructive");
        tool.approval = ApprovalRule::Never;
        assert_eq!(decision(Ask { hints, ..ask(&tool) }), "Allow by default@1/allow");
    }

    #[test]
    fn a_dry_run_takes_only_steps_that_read() {
        let mode = Mode::DryRun;
        assert_eq!(decision(Ask { mode, ..ask(&tool()) }), "Stubbed by default@1/dry-run");
        let hints = Hints { read_only: true, ..Hints::default() };
        assert_eq!(decision(Ask { mode, hints, ..ask(&tool()) }), "Allow by default@1/allow");
    }
}
