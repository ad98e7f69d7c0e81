//! What happens in a run, thrown with dice.

use std::{collections::BTreeMap, sync::Arc};

use affiant_journal::{bytes, *};
use serde_json::json;

use super::Dice;

/// An event before it has a place.
#[derive(Clone)]
pub struct Happening {
    pub actor: Actor,
    pub body: Body,
    pub disclosures: Vec<Disclosure>,
}

/// How long a run is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A few steps of every kind, in a log with other runs.
    Small,
    /// So many ordinary steps, alone in its log.
    Steps(u64),
}

/// A run, from its first event to its last, and everything that lies beside it.
#[derive(Clone, Default)]
pub struct Script {
    pub run: String,
    pub happenings: Vec<Happening>,
    pub agent: Vec<u8>,
    pub contracts: BTreeMap<String, Vec<u8>>,
    pub policy: Vec<u8>,
    pub snapshot: Vec<u8>,
    pub blobs: Vec<Vec<u8>>,
    pub disclosures: Vec<Disclosure>,
    pub erased: Vec<Digest>,
    tenant: String,
    steps: u64,
}

fn actor(id: &str, kind: ActorKind) -> Actor {
    Actor { auth: format!("key:key_{id}").into(), id: id.into(), kind }
}

fn system() -> Actor {
    actor("affiant", ActorKind::System)
}

pub fn refused() -> Happening {
    let body = CallRefused { code: "unauthenticated".into(), count: 3, operation: None, surface: "rest".into() };
    Happening { actor: system(), body: body.into(), disclosures: vec![] }
}

pub fn erased(commitments: &[Digest]) -> Happening {
    let digest = erased_digest(&mut commitments.to_vec());
    let body = SubjectErased { basis: None, commitments: commitments.len() as u64, digest, subject: None };
    Happening { actor: actor("u_admin", ActorKind::User), body: body.into(), disclosures: vec![] }
}

const OPERATIONS: [&str; 3] = ["git.log@1.0.0", "fs.write@1.2.0", "mail.send@2.0.0"];

impl Script {
    pub fn new(dice: &mut Dice, tenant: &str, seed: u64, number: usize, shape: Shape) -> Self {
        let mut script = Self {
            run: format!("run_{seed:06}{number}"),
            agent: format!("kind: agent\nkey: release-notes\nversion: 1.0.{number}\n").into_bytes(),
            policy: b"policy set default@1\n".to_vec(),
            tenant: tenant.to_owned(),
            ..Self::default()
        };
        for operation in OPERATIONS.iter().chain(&["agent.run@1.0.0"]) {
            script.contracts.insert((*operation).into(), format!("kind: command\nkey: {operation}\n").into_bytes());
        }
        script.submit(dice);
        let steps = if let Shape::Steps(steps) = shape { steps } else { 1 + dice.roll() % 6 };
        for _ in 0..steps {
            match (shape, dice.below(8)) {
                (Shape::Small, 0 | 1) => script.approved_step(dice),
                (Shape::Small, 2) => script.rejected_step(dice),
                (Shape::Small, 3) => script.retried_step(dice),
                (Shape::Small, 4) => script.denied_step(dice),
                _ => script.plain_step(dice, shape == Shape::Small),
            }
        }
        if shape == Shape::Small {
            script.artifacts(dice);
        }
        let output = Payload::Inline(json!({"sections": 5}));
        script.by_system(RunCompleted {
            facts: Default::default(),
            output,
            rule: "done".into(),
            totals: Totals::default(),
        });
        script
    }

    fn say(&mut self, actor: Actor, body: impl Into<Body>, disclosures: Vec<Disclosure>) {
        self.happenings.push(Happening { actor, body: body.into(), disclosures });
    }

    fn by_system(&mut self, body: impl Into<Body>) {
        self.say(system(), body, vec![]);
    }

    fn pinned(&self, name: &str) -> Pinned {
        Pinned { digest: Digest::of(&self.contracts[name]), name: name.into() }
    }

    fn blob(&mut self, content: String) -> BlobRef {
        let blob =
            BlobRef { digest: Digest::of(content.as_bytes()), media: "text/plain".into(), size: content.len() as u64 };
        if !self.blobs.contains(&content.clone().into_bytes()) {
            self.blobs.push(content.into_bytes());
        }
        blob
    }

    /// A personal value that is open, not for whoever asks, or erased.
    fn personal(&mut self, dice: &mut Dice, path: &str, value: serde_json::Value) -> Disclosure {
        let disclosure = Disclosure::new(dice.salt(), path, value);
        match dice.below(4) {
            0 => self.erased.push(disclosure.commit()),
            1 => (),
            _ => self.disclosures.push(disclosure.clone()),
        }
        disclosure
    }

    fn submit(&mut self, dice: &mut Dice) {
        let cited = self.blob(format!("CHANGELOG of {} for {}", self.run, self.tenant));
        let item =
            json!({"content": cited, "kind": "file", "name": "CHANGELOG.md", "origin": "/srv", "source": "docs"});
        self.snapshot = bytes::encode(&json!({"id": "ctx_1", "items": [item]})).unwrap();
        let root = affiant_proof::snapshot::root(&self.snapshot).unwrap().0;
        let wish = json!(format!("write the notes, {}", dice.below(1000)));
        let prompt = self.personal(dice, "/prompt", wish);
        let input = self.personal(dice, "/input/mail", json!("ana@example.org"));
        let submitted = RunSubmitted {
            agent: Pinned { digest: Digest::of(&self.agent), name: "release-notes@1.0.0".into() },
            budget: None,
            deadline: None,
            forked: None,
            idempotency: Some(Digest::of(b"key")),
            metadata: None,
            mode: Mode::Background,
            operation: self.pinned("agent.run@1.0.0"),
            operations: OPERATIONS.iter().map(|operation| self.pinned(operation)).collect(),
            parent: None,
            planner: PlannerRef { kind: "rules".into(), version: 1 },
            policy: Digest::of(&self.policy),
            priority: 0,
            snapshot: Some(SnapshotRef { id: "ctx_1".into(), root }),
        };
        self.say(actor("u_ana", ActorKind::User), submitted, vec![input, prompt]);
        self.by_system(RunClaimed { until: Timestamp(1_795_369_600_000_000), worker: "w_1".into() });
    }

    fn dispatch(&self, attempt: u32) -> Dispatch {
        Dispatch { attempt, key: format!("{}/{}", self.run, self.steps).into(), worker: "w_1".into() }
    }

    /// Decides the next step and gives its action.
    fn decide(&mut self, dice: &mut Dice, decision: Decision) -> Digest {
        let operation = OPERATIONS[dice.below(OPERATIONS.len())];
        let arguments = json!({"limit": dice.below(500), "path": format!("src/{}", dice.below(9))});
        let (agent, operation) = (Digest::of(&self.agent), self.pinned(operation));
        let action = Action {
            agent,
            arguments: Digest::of(&bytes::encode(&arguments).unwrap()),
            operation: &operation.name,
            operation_digest: operation.digest,
            subject: &"u_ana".into(),
            target: &self.run,
            tenant: &self.tenant.as_str().into(),
        }
        .digest();
        self.by_system(StepDecided {
            action,
            arguments: Payload::Inline(arguments),
            decision,
            dispatch: (decision == Decision::Allow).then(|| self.dispatch(1)),
            facts: Default::default(),
            label: Some(format!("step {}", self.steps)),
            name: None,
            operation,
            policies: vec!["default@1/allow".into()],
            reserved: None,
            rule: "next".into(),
            step: self.steps,
        });
        action
    }

    fn observe(&mut self, dice: &mut Dice, attempt: u32, with_blob: bool) {
        let result = if with_blob && dice.chance(40) {
            let content = format!("result {} of {}", self.steps, self.run);
            Payload::Blob(self.blob(content))
        } else {
            Payload::Inline(json!({"commits": dice.below(300), "ok": true}))
        };
        let step = self.steps;
        self.steps += 1;
        self.by_system(StepObserved {
            attempt,
            duration_us: 44_000,
            recorded_by: None,
            result,
            step,
            usage: None,
            waited_us: None,
        });
    }

    fn plain_step(&mut self, dice: &mut Dice, with_blob: bool) {
        self.decide(dice, Decision::Allow);
        self.observe(dice, 1, with_blob);
    }

    fn denied_step(&mut self, dice: &mut Dice) {
        self.decide(dice, Decision::Deny);
        self.steps += 1;
    }

    fn retried_step(&mut self, dice: &mut Dice) {
        self.decide(dice, Decision::Allow);
        let message = self.personal(dice, "/message", json!("ana@example.org is unknown"));
        let (step, retry_at) = (self.steps, Some(Timestamp(1_795_359_700_000_000)));
        let failed = StepFailed {
            attempt: 1,
            code: "timeout".into(),
            duration_us: 9,
            retry_at,
            step,
            usage: None,
            unsent: false,
            waited_us: None,
        };
        self.say(system(), failed, vec![message]);
        self.by_system(StepDispatched { dispatch: self.dispatch(2), step });
        self.observe(dice, 2, true);
    }

    /// Asks, and gives the answer.
    fn ask(&mut self, dice: &mut Dice, decision: Verdict) {
        let action = self.decide(dice, Decision::NeedsApproval);
        let (step, approval) = (self.steps, ApprovalId::new(format!("apr_{}_{}", self.run, self.steps)));
        let shown = format!("+38 -0 in step {step} of {}", self.run);
        let displayed = Digest::of(shown.as_bytes());
        let display = Payload::Blob(self.blob(shown));
        self.by_system(ApprovalRequested {
            action,
            approval: approval.clone(),
            approver_not_requester: true,
            display,
            displayed,
            expires: Timestamp(1_795_369_600_000_000),
            policies: vec!["default@1/destructive".into()],
            step,
        });
        let comment = self.personal(dice, "/comment", json!("looks right"));
        let approver = Some("u_ben".into());
        let resolved = ApprovalResolved { action, approval, approver, decision, step };
        self.say(actor("u_ben", ActorKind::User), resolved, vec![comment]);
    }

    fn approved_step(&mut self, dice: &mut Dice) {
        self.ask(dice, Verdict::Approved);
        self.by_system(StepDispatched { dispatch: self.dispatch(1), step: self.steps });
        self.observe(dice, 1, true);
    }

    fn rejected_step(&mut self, dice: &mut Dice) {
        self.ask(dice, Verdict::Rejected);
        self.steps += 1;
    }

    fn artifacts(&mut self, dice: &mut Dice) {
        for number in 0..1 + dice.below(3) {
            let content = self.blob(format!("# Notes {number} of {}, {}", self.run, dice.below(100)));
            self.by_system(ArtifactCreated {
                artifact: format!("art_{}_{number}", self.run).into(),
                cites: vec!["commit:a91f3c2".into()],
                content,
                facts: Default::default(),
                kind: Arc::from("file"),
                name: format!("NOTES-{number}.md"),
                rule: None,
                step: None,
                summary: Some("5 sections".into()),
            });
        }
    }
}
