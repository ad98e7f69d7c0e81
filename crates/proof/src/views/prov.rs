//! W3C PROV-JSON (member submission of 2013-04-24).

use affiant_journal::{Actor, ActorKind, Body, Digest, Event, Pinned};
use serde_json::{Map, Value, json};

use super::steps;

/// A document in the making: relation or kind, then name, then what is said.
#[derive(Default)]
struct Document(Map<String, Value>);

impl Document {
    fn say(&mut self, kind: &str, name: String, what: Value) {
        let members = self.0.entry(kind).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(members) = members {
            members.insert(name, what);
        }
    }

    /// Relations have no names of their own; blank ones are numbered.
    fn relate(&mut self, kind: &str, what: Value) {
        let count = self.0.get(kind).and_then(Value::as_object).map_or(0, Map::len);
        self.say(kind, format!("_:{kind}{count}"), what);
    }

    fn file(&mut self, name: String, label: &str, digest: Digest) -> String {
        self.say("entity", name.clone(), json!({"prov:label": label, "affiant:digest": digest.to_string()}));
        name
    }

    fn pinned(&mut self, role: &str, it: &Pinned) -> String {
        self.file(format!("affiant:{role}/{}", it.name), &it.name, it.digest)
    }

    fn actor(&mut self, actor: &Actor) -> String {
        let name = format!("affiant:principal/{}", actor.id);
        let kind = if actor.kind == ActorKind::User { "prov:Person" } else { "prov:SoftwareAgent" };
        let what = json!({"prov:type": {"$": kind, "type": "prov:QUALIFIED_NAME"}, "affiant:auth": &*actor.auth});
        self.say("agent", name.clone(), what);
        name
    }
}

pub(super) fn document(events: &[Event]) -> Value {
    let mut document = Document::default();
    document.say("prefix", "affiant".into(), json!("https://affiant.dev/ns#"));
    let (Some(first), Some(last)) = (events.first(), events.last()) else { return document.0.into() };
    let run = format!("affiant:run/{}", first.stream);
    let label = format!("run {}", first.stream);
    let times = json!({
        "prov:startTime": first.at.to_string(), "prov:endTime": last.at.to_string(),
        "prov:label": label, "affiant:outcome": last.body.name(),
    });
    document.say("activity", run.clone(), times);
    for event in events {
        happened(&mut document, &run, event);
    }
    for span in steps(events) {
        let name = format!("{run}/step/{}", span.step);
        let operation = document.pinned("operation", &span.decided.operation);
        let what = json!({
            "prov:startTime": span.begin.to_string(), "prov:endTime": span.end.to_string(),
            "prov:label": &*span.decided.operation.name, "affiant:seq": span.seq,
            "affiant:rule": &*span.decided.rule, "affiant:action": span.decided.action.to_string(),
        });
        document.say("activity", name.clone(), what);
        document.relate("wasInformedBy", json!({"prov:informed": name, "prov:informant": run}));
        document.relate("used", json!({"prov:activity": name, "prov:entity": operation}));
    }
    document.0.into()
}

/// What one event adds.
fn happened(document: &mut Document, run: &str, event: &Event) {
    match &event.body {
        Body::RunSubmitted(it) => {
            let who = document.actor(&event.actor);
            let plan = document.pinned("agent", &it.agent);
            let policy = document.file(format!("affiant:policy/{}", it.policy.hex()), "policy set", it.policy);
            document.relate("wasAssociatedWith", json!({"prov:activity": run, "prov:agent": who, "prov:plan": plan}));
            document.relate("used", json!({"prov:activity": run, "prov:entity": policy}));
            if let Some(snapshot) = &it.snapshot {
                let name = format!("affiant:snapshot/{}", snapshot.id);
                let snapshot = document.file(name, "context snapshot", snapshot.root);
                document.relate("used", json!({"prov:activity": run, "prov:entity": snapshot}));
            }
        }
        Body::ArtifactCreated(it) => {
            let name = document.file(format!("affiant:artifact/{}", it.artifact), &it.name, it.content.digest);
            let made = json!({"prov:entity": name, "prov:activity": run, "prov:time": event.at.to_string()});
            document.relate("wasGeneratedBy", made);
        }
        Body::ApprovalResolved(it) if it.approver.is_some() => {
            let who = document.actor(&event.actor);
            let name = format!("affiant:approval/{}", it.approval);
            let at = event.at.to_string();
            let what = json!({"prov:startTime": at, "prov:endTime": at, "affiant:action": it.action.to_string(),
                "affiant:seq": event.seq});
            document.say("activity", name.clone(), what);
            document.relate("wasAssociatedWith", json!({"prov:activity": name, "prov:agent": who}));
            let step = format!("{run}/step/{}", it.step);
            document.relate("wasInformedBy", json!({"prov:informed": step, "prov:informant": name}));
        }
        _ => (),
    }
}
