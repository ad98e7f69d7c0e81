//! The one error catalogue: every code a caller can meet, with the status, the sentence and the remedy.
//!
//! REST problems, exit codes, MCP errors and the reference pages all read this table. A code, once shipped,
//! keeps its meaning; a new meaning is a new code.

mod endings;

use serde::Serialize;

use crate::model::{Auth, Kind, Operation};
pub use endings::{ENDINGS, Ending, ending};

/// Who can do something about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// The request is not what the contract asks for; send another.
    Request,
    /// The credential is missing or not sufficient.
    Identity,
    /// What the request names does not exist, or not for this caller.
    Missing,
    /// The request is right and what it meets has moved on; look again, then decide.
    Conflict,
    /// A limit was met; wait, or ask for less.
    Limit,
    /// The program or service behind the operation did not deliver.
    Binding,
    /// The server cannot serve at this moment.
    Server,
}

/// One error that a caller can meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CatalogueError {
    /// Kebab-case code, stable for ever.
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// A few words, the same for every occurrence.
    pub title: &'static str,
    /// When it happens, as a sentence.
    pub when: &'static str,
    /// What the caller does next, as a sentence.
    pub remedy: &'static str,
    /// Whether the same call may succeed later, unchanged.
    pub retryable: bool,
    /// Who can do something about it.
    pub category: Category,
}

/// The entry of a code, or `None` when the catalogue has no such code.
pub fn find(code: &str) -> Option<&'static CatalogueError> {
    CATALOGUE.iter().find(|entry| entry.code == code)
}

/// Codes that any call may meet, whatever its operation; an operation does not declare them.
/// Which of them apply to one operation is [`every_call`].
pub const EVERY_CALL: &[&str] = &[
    "malformed-json",
    "invalid-encoding",
    "duplicate-key",
    "unauthenticated",
    "forbidden",
    "identity-mismatch",
    "origin-refused",
    "method-not-allowed",
    "request-timeout",
    "idempotency-conflict",
    "idempotency-in-flight",
    "payload-too-large",
    "unsupported-media-type",
    "input-invalid",
    "rate-limited",
    "internal",
    "not-bound",
    "overloaded",
    "storage-unavailable",
    "storage-damaged",
    "storage-full",
];

/// The entries of [`EVERY_CALL`] that a caller of this operation can meet: without a credential to show there
/// is none to refuse, without a body none to misread, and a query writes nothing.
pub fn every_call(kind: Kind, operation: &Operation) -> impl Iterator<Item = &'static CatalogueError> {
    let auth = operation.policy.auth;
    EVERY_CALL.iter().filter(move |code| applies(code, kind, auth)).filter_map(|code| find(code))
}

fn applies(code: &str, kind: Kind, auth: Auth) -> bool {
    match code {
        "unauthenticated" | "identity-mismatch" => auth != Auth::Anonymous,
        "forbidden" => auth == Auth::Admin,
        "idempotency-conflict" | "idempotency-in-flight" | "unsupported-media-type" | "storage-full" => {
            kind == Kind::Command
        }
        _ => true,
    }
}

macro_rules! catalogue {
    ($($code:literal $status:literal $category:ident $retry:ident $title:literal $when:literal $remedy:literal;)*) => {
        &[$(CatalogueError {
            code: $code,
            status: $status,
            title: $title,
            when: $when,
            remedy: $remedy,
            retryable: retryable!($retry),
            category: Category::$category,
        },)*]
    };
}

macro_rules! retryable {
    (again) => {
        true
    };
    (once) => {
        false
    };
}

/// Every error, ordered by status. `again` marks those where the same call may succeed later.
#[rustfmt::skip]
pub const CATALOGUE: &[CatalogueError] = catalogue! {
    "malformed-json" 400 Request once "Malformed JSON"
        "The body, or the `input` parameter of a query, is not one JSON value, is nested too deeply, or holds a number that cannot be kept exactly."
        "Correct the JSON at the line and column that the detail names, and send it again.";
    "invalid-encoding" 400 Request once "Invalid encoding"
        "The body, the path or a parameter holds bytes that are not UTF-8, or a broken percent escape."
        "Encode the request as UTF-8 and send it again.";
    "duplicate-key" 400 Request once "Duplicate key"
        "An object in the body names the same field twice, so it is not clear which value is meant."
        "Keep one of the two fields and send the request again.";
    "unauthenticated" 401 Identity once "No valid credential"
        "The call carries no API key, or one that is unknown, expired or revoked."
        "Send a valid key as `Authorization: Bearer …`; `affiant key create` makes one.";
    "forbidden" 403 Identity once "Not allowed"
        "The credential is valid, but its role or a policy does not allow this call."
        "Use a credential with the role that the contract names, or ask an administrator for the right.";
    "identity-mismatch" 403 Identity once "Identity does not match the credential"
        "`tenantId`, `actorId`, `approverId` or `requestedBy` in the input names somebody other than the credential does."
        "Leave the field out, or call with the credential of the one it names.";
    "origin-refused" 403 Identity once "Origin refused"
        "A browser sent the request from a page of another origin that the server does not list as allowed."
        "Call from the server's own origin, or add the origin to `server.allowed_origins` in the configuration.";
    "path-not-allowed" 403 Identity once "Path not allowed"
        "A path leads outside the folders that the run may use, directly, through `..` or through a symbolic link."
        "Name a path inside an allowed folder, or have the folder added to `tools.allowed_roots` in the configuration.";
    "not-found" 404 Missing once "No such page"
        "No route of this server matches the path."
        "Check the path against `/openapi.json` or the reference under `/docs`.";
    "operation-not-found" 404 Missing once "No such operation"
        "No operation has this key, or none of its versions matches the one that was asked for."
        "List the operations and their versions with `affiant contract list`.";
    "run-not-found" 404 Missing once "No such run"
        "The tenant of the credential has no run with this id."
        "Check the id; `agent.status` lists the runs of the tenant.";
    "agent-not-found" 404 Missing once "No such agent"
        "No agent is registered under this key, or not in this version."
        "Check the key; `agent.list` lists the agents, and an agent of your own is loaded when the server starts.";
    "snapshot-not-found" 404 Missing once "No such snapshot"
        "The tenant of the credential has no context snapshot with this id."
        "Check the id, or make a snapshot with `context.pack.snapshot`.";
    "pack-not-found" 404 Missing once "No such context pack"
        "No context pack is registered under this key, or not in this version."
        "Check the key; `context.pack.search` lists the packs.";
    "artifact-not-found" 404 Missing once "No such artifact"
        "The tenant of the credential has no artifact with this id, or its content has passed its retention."
        "Check the id; `agent.artifacts` lists the artifacts of a run.";
    "approval-not-found" 404 Missing once "No such approval"
        "The run has no approval with this id, or waits for none."
        "List the pending approvals with `agent.approvals.list`.";
    "contract-not-found" 404 Missing once "No such contract"
        "No contract is loaded under this key, or not in this version."
        "List the contracts with `contract.list`.";
    "step-not-found" 404 Missing once "No such step"
        "The run has no step with this number or name."
        "Look at the steps of the run with `agent.events`.";
    "key-not-found" 404 Missing once "No such API key"
        "The tenant of the credential has no API key with this id."
        "List the keys with `affiant key list`.";
    "method-not-allowed" 405 Request once "Method not allowed"
        "The route exists, but not for this method: commands take POST, queries take GET."
        "Use a method that the `Allow` header names.";
    "request-timeout" 408 Request again "Request timed out"
        "The request had not arrived completely when the server stopped waiting for it."
        "Send it again; with an `Idempotency-Key` this is safe for commands too.";
    "conflict" 409 Conflict once "Conflict"
        "What the request would change is not in the state that the change needs."
        "Read the current state, then decide again.";
    "idempotency-conflict" 409 Conflict once "Idempotency key already used"
        "The `Idempotency-Key` was used before by this credential with another operation or another input."
        "Use a new key for a new request, and the same key only for the same request.";
    "idempotency-in-flight" 409 Conflict again "The first call is still being served"
        "A call with the same `Idempotency-Key` has been accepted and has not been answered yet."
        "Wait a moment and send the same request with the same key again; it gets the first call's reply.";
    "approval-stale" 409 Conflict once "The action has changed"
        "The action that waits for approval is no longer the one whose digest was approved."
        "Look at the action as it is now, and decide on its new digest.";
    "approval-ambiguous" 409 Conflict once "Several approvals are pending"
        "The run waits for more than one approval and the request does not say which is meant."
        "Name one of the listed approvals with `approvalId` in `agent.approvals` 1.1.0.";
    "approval-resolved" 409 Conflict once "Already decided"
        "The approval has been approved or rejected before; a decision is made once."
        "Look at the decision with `agent.approvals.list`.";
    "approval-expired" 409 Conflict once "The approval has expired"
        "Nobody decided before the deadline of the approval, so it expired without being approved."
        "Retry the run from this step if the action is still wanted; it asks again.";
    "run-ended" 409 Conflict once "The run has ended"
        "The run is completed, failed or cancelled, and the request needs one that is not."
        "Start a new run, or use `agent.retry` or `agent.fork` to go on from this one.";
    "run-not-ended" 409 Conflict once "The run has not ended"
        "The request needs a run that is completed, failed or cancelled, and this one is still going on."
        "Wait until the run has ended, or cancel it with `agent.cancel`.";
    "payload-too-large" 413 Limit once "Too large"
        "The body, a header or the query string is larger than the server accepts."
        "Send less, or raise `server.max_body_bytes` in the configuration.";
    "unsupported-media-type" 415 Request once "Unsupported media type"
        "A body was sent with a content type other than `application/json`."
        "Send JSON with `Content-Type: application/json`.";
    "range-not-satisfiable" 416 Request once "Range not satisfiable"
        "The requested byte range lies outside the artifact."
        "Ask for a range within the length that the `Content-Range` header names.";
    "input-invalid" 422 Request once "Invalid input"
        "The input is JSON but does not satisfy the operation's schema."
        "Correct the fields listed in `issues`; the contract's page shows the schema and an example.";
    "agent-input-invalid" 422 Request once "Invalid agent input"
        "The operation's own fields are right, but `input` does not satisfy the schema of the agent."
        "Correct the fields listed in `issues`; `agent.describe` shows what the agent takes.";
    "snapshot-failed" 422 Request once "The snapshot could not be made"
        "A required source of the context pack could not be read."
        "Make the source that the detail names available, or correct the parameters of the pack.";
    "too-large" 422 Request once "File too large"
        "A file, or what would be written to it, is larger than the operation takes."
        "Name a smaller file, or split the change.";
    "unreadable" 422 Request once "Cannot be read or written"
        "The system of the server refuses to read or write what the path names."
        "Look on the server's machine who may read and write there.";
    "rate-limited" 429 Limit again "Too many calls"
        "The credential has made more calls than the contract's rate limit allows."
        "Wait as many seconds as the `Retry-After` header says, then send the request again.";
    "internal" 500 Server again "Internal error"
        "The server met a condition that it does not know how to handle; the reason stands in its log."
        "Send the request again with the same `Idempotency-Key`; if it persists, give the operator the `traceId`.";
    "storage-damaged" 500 Server once "What is stored was altered"
        "The server found something in its storage that is not what it wrote there, so nothing is answered from it."
        "Keep the data folder as it is, and compare it with a backup or an exported bundle. Other runs can still be read.";
    "not-bound" 501 Binding once "Nothing carries this operation out"
        "The contract is loaded, but this server has nothing bound to it."
        "Add a `binding` to the contract, or call a server that provides the operation.";
    "binding-failed" 502 Binding again "The bound service failed"
        "The program or service bound to the operation failed, or answered something that its contract does not allow."
        "Look at the detail and at the service's own log; repeat the call when the cause is gone.";
    "tool-error" 502 Binding once "The tool reported an error"
        "The tool of the MCP server answered that it could not do what was asked."
        "Look at the detail, which is what the tool says, and correct the input.";
    "tool-changed" 502 Binding once "The tool is not the one that was pinned"
        "The MCP server lists the tool with another description or schema than the contract was pinned to, or no longer at all."
        "Look at the tool as it is now, and pin it again with `affiant mcp pin`, which writes a new version of the contract.";
    "overloaded" 503 Server again "Overloaded"
        "More requests are waiting than the server accepts at once, or it is shutting down."
        "Wait as many seconds as the `Retry-After` header says, then send the request again.";
    "storage-unavailable" 503 Server again "Storage unavailable"
        "The database or the blob store did not answer or refused to write, so nothing was accepted."
        "Send the request again later with the same `Idempotency-Key`.";
    "binding-timeout" 504 Binding again "The bound service took too long"
        "The program or service bound to the operation had not answered when its time limit ended."
        "Check whether the work was done before repeating the call, or raise `timeout` in the binding.";
    "storage-full" 507 Server again "Storage full"
        "The disk of the server is full or read-only, so nothing was accepted."
        "Have the operator free space; the request can then be sent again.";
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_stands_once() {
        let codes: BTreeSet<_> = CATALOGUE.iter().map(|entry| entry.code).collect();
        assert_eq!(codes.len(), CATALOGUE.len());
    }

    #[test]
    fn every_code_is_kebab_case_and_every_text_is_a_sentence() {
        for entry in CATALOGUE {
            assert!(entry.code.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", entry.code);
            assert!((400..600).contains(&entry.status), "{}", entry.code);
            for text in [entry.when, entry.remedy] {
                assert!(text.ends_with('.') && text.len() > 20, "{}: {text}", entry.code);
            }
            assert!(!entry.title.ends_with('.'), "{}", entry.code);
        }
    }

    #[test]
    fn a_missing_thing_is_404_and_a_conflict_409() {
        for entry in CATALOGUE {
            assert_eq!(entry.category == Category::Missing, entry.status == 404, "{}", entry.code);
            assert_eq!(entry.category == Category::Conflict, entry.status == 409, "{}", entry.code);
        }
    }

    #[test]
    fn every_code_that_any_call_may_meet_is_in_the_catalogue() {
        let missing: Vec<_> = EVERY_CALL.iter().filter(|code| find(code).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
