//! What one caller's calls are about: runs in every state, with what belongs to them, all of the tenant `t_local`.

use serde_json::{Value, json};

use crate::{
    surfaces::{Surface, ask},
    world::World,
};

/// What sets are called, so that their names can be told from everything else.
pub(crate) const SETS: [&str; 3] = ["set0", "set1", "set2"];

/// Things of one's own, so that what one caller changes is still there for the next.
pub(crate) struct Things {
    /// Which of [`SETS`] it is; names made from it differ from those of other sets.
    pub(crate) name: &'static str,
    /// A git repository that may be written to.
    pub(crate) root: String,
    /// A folder that is allowed, to be forbidden.
    pub(crate) spare: String,
    /// A folder that is not allowed yet.
    pub(crate) fresh: String,
    /// A run that has completed, with a snapshot and an artifact.
    pub(crate) run: String,
    pub(crate) artifact: String,
    pub(crate) snapshot: String,
    /// A run that has completed, of the agent `echo`.
    pub(crate) echo: String,
    /// Two runs that wait for an approval.
    pub(crate) waiting: [Waiting; 2],
    /// Three runs that wait for an answer.
    pub(crate) asking: [String; 3],
    /// A run with a step whose outcome nobody knows.
    pub(crate) doubtful: String,
    /// A key that may be revoked.
    pub(crate) key: String,
    /// A webhook that may be deleted.
    pub(crate) webhook: String,
    /// A connection to a provider that may be removed.
    pub(crate) provider: String,
}

/// A run that waits for an approval.
pub(crate) struct Waiting {
    pub(crate) run: String,
    pub(crate) approval: String,
    pub(crate) digest: String,
}

impl Things {
    /// Makes a set, as the admin of `t_local`.
    pub(crate) async fn make(world: &World, name: &'static str) -> Self {
        let folder = |what: &str| {
            let path = world.folder.path().join(format!("{what}-{name}"));
            path.to_str().unwrap().to_owned()
        };
        let (root, spare, fresh) = (folder("sample"), folder("spare"), folder("fresh"));
        affiant_adapters::sample::create(root.as_ref()).unwrap();
        for folder in [&spare, &fresh] {
            std::fs::create_dir(folder).unwrap();
        }
        for path in [&root, &spare] {
            did(world, "workspace.allow@1.0.0", json!({ "path": path, "access": "write" })).await;
        }
        let run = start(world, "release-notes", json!({ "repository": root, "range": "HEAD", "write": false })).await;
        let artifacts = did(world, "agent.artifacts@1.1.0", json!({ "runId": run })).await;
        let status = did(world, "agent.status@1.1.0", json!({ "runId": run })).await;
        let webhook = json!({ "url": "http://127.0.0.1:9/hook", "events": ["agent.run.failed"] });
        let provider = format!("spare-{name}");
        let connection = json!({ "name": provider, "kind": "ollama", "baseUrl": "http://127.0.0.1:9", "check": false });
        did(world, "provider.connect@1.0.0", connection).await;
        Self {
            artifact: text(&artifacts["artifacts"][0]["artifactId"]),
            snapshot: text(&status["runs"][0]["contextSnapshotId"]),
            echo: start(world, "echo", json!({ "steps": 2 })).await,
            waiting: [waiting(world, &root).await, waiting(world, &root).await],
            asking: [asking(world).await, asking(world).await, asking(world).await],
            doubtful: start(world, "doubt", json!({})).await,
            key: text(&did(world, "key.create@1.0.0", json!({ "name": format!("spare {name}") })).await["keyId"]),
            webhook: text(&did(world, "webhook.create@1.0.0", webhook).await["webhookId"]),
            provider,
            name,
            root,
            spare,
            fresh,
            run,
        }
    }

    fn ids(&self) -> impl Iterator<Item = &String> {
        let waiting = self.waiting.iter().flat_map(|waiting| [&waiting.run, &waiting.approval]);
        let own = [&self.root, &self.spare, &self.run, &self.artifact, &self.snapshot, &self.echo];
        let rest = [&self.doubtful, &self.key, &self.webhook];
        own.into_iter().chain(rest).chain(waiting).chain(&self.asking)
    }

    /// Something of this set that a reply shows.
    pub(crate) fn seen_in(&self, reply: &Value) -> Option<&String> {
        let text = reply.to_string();
        self.ids().find(|id| text.contains(id.as_str()))
    }

    /// A reply without what differs from set to set and from call to call: ids, moments, digests, folders, secrets.
    pub(crate) fn masked(mut reply: Value) -> Value {
        mask(&mut reply);
        reply
    }
}

fn mask(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match name.as_str() {
                    "secret" | "url" | "uptimeSeconds" | "mono" | "duration_us" | "leafIndex" | "treeSize" => {
                        *value = json!(name)
                    }
                    _ if name.ends_with("Micros") => *value = json!(name),
                    _ => mask(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::String(text) => *text = plain(text),
        _ => (),
    }
}

/// A text whose ids, digests, moments and names of sets are replaced by what sort of thing they are.
fn plain(text: &str) -> String {
    let word = |c: char| c.is_ascii_alphanumeric() || "_-:.".contains(c);
    let mut plain = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
        let (token, after) = rest.split_at(end);
        plain.push_str(kind_of(token));
        let next = after.find(word).unwrap_or(after.len());
        plain.push_str(&after[..next]);
        rest = &after[next..];
    }
    SETS.iter().fold(plain, |plain, set| plain.replace(set, "SET"))
}

fn kind_of(token: &str) -> &str {
    let ulid = |text: &str| text.len() == 26 && text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
    let hex = token.strip_prefix("sha256:").unwrap_or(token);
    let moment = token.len() >= 20 && token.ends_with('Z') && token.as_bytes()[10] == b'T';
    match token.trim_end_matches(".affiant").split_once('_') {
        Some((prefix, id)) if ulid(id) => prefix,
        _ if hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()) => "DIGEST",
        _ if moment => "MOMENT",
        _ => token,
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

async fn did(world: &World, operation: &str, input: Value) -> Value {
    let answer = ask(world, Surface::Rest, "admin", operation, input.clone()).await;
    answer.unwrap_or_else(|refusal| panic!("{operation} {input}: {refusal}"))
}

/// A run that goes on until it ends or waits.
async fn start(world: &World, agent: &str, input: Value) -> String {
    let run = text(&did(world, "agent.run@1.0.0", json!({ "agentKey": agent, "input": input })).await["runId"]);
    world.rests(&run).await;
    run
}

async fn asking(world: &World) -> String {
    start(world, "curious", json!({})).await
}

async fn waiting(world: &World, root: &str) -> Waiting {
    let run = start(world, "release-notes", json!({ "repository": root, "range": "HEAD" })).await;
    let pending = did(world, "agent.approvals.list@1.0.0", json!({ "runId": run })).await;
    let first = &pending["approvals"][0];
    Waiting { run, approval: text(&first["approvalId"]), digest: text(&first["actionDigest"]) }
}
