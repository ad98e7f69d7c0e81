//! `affiant approval …`: what waits for a person, and the decision. A decision names the exact bytes it is about.

use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};

use super::{
    Context, Exit, Failure, Noun, Verb,
    client::Client,
    ids,
    narrate::{clock, counted},
    operation::{First, List},
    output::{Data, text},
    terminal::{self, safe_line},
};

pub(super) const NOUN: Noun = Noun {
    name: "approval",
    about: "Actions that wait for a person",
    verbs: &[
        Verb {
            name: "list",
            alias: Some("ls"),
            about: "List what waits for a person, and what was decided",
            examples: "  affiant approval list --status pending\n  affiant approval list --runId run_01JDA3K9W2ZB8R5M0C7T7XK4QZ -o id",
            arguments: |command| LIST.arguments(command),
            run: |context, matches| Box::pin(LIST.run(context, matches)),
        },
        Verb {
            name: "get",
            alias: Some("view"),
            about: "Show one action with its exact bytes",
            examples: "  affiant approval get Q2M1\n  affiant approval get apr_01JDA3KC8Y3T6P0Z9E5D4AQ2M1 -o json --jq .actionDigest",
            arguments: |command| command.arg(approval_argument()),
            run: |context, matches| Box::pin(get(context, matches)),
        },
        Verb {
            name: "approve",
            alias: None,
            about: "Approve exactly the bytes that are shown",
            examples: "  affiant approve Q2M1\n  affiant approve Q2M1 --note 'checked section Breaking'\n  affiant approve Q2M1 --hash sha256:149239b304c53c4c6a9780b82415143bb3c294c6eb1c7714cada14440e70fe90 --yes",
            arguments: decision_arguments,
            run: |context, matches| Box::pin(decide(context, matches, Decision::Approve)),
        },
        Verb {
            name: "reject",
            alias: None,
            about: "Refuse an action",
            examples: "  affiant approval reject Q2M1 --note 'the release is not out yet'",
            arguments: decision_arguments,
            run: |context, matches| Box::pin(decide(context, matches, Decision::Reject)),
        },
    ],
};

const LIST: List =
    List { operation: "agent.approvals.list@1.0.0", view: "agent.approvals.index@1.0.0", first: First::Nothing };

/// Lines of an action that are shown before somebody asks for all of them.
const PREVIEW: usize = 24;

fn approval_argument() -> Arg {
    Arg::new("approval")
        .value_name("APPROVAL")
        .help("An approval's id, or four characters or more of its beginning or end")
        .required(true)
}

fn decision_arguments(command: Command) -> Command {
    let value = |name: &'static str, placeholder: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(placeholder).help(help)
    };
    command
        .arg(approval_argument())
        .arg(value("note", "TEXT", "What to remember beside the decision, kept sealed"))
        .arg(value("hash", "DIGEST", "The action or display that you have seen; needed where nobody can be asked"))
}

/// What a person says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Yes, to exactly these bytes.
    Approve,
    /// No.
    Reject,
}

impl Decision {
    fn word(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
        }
    }
}

async fn get(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let request = find(&context.client()?, matches.get_one::<String>("approval").expect("required")).await?;
    let (text, id) = (page(&request, usize::MAX), text(&request, "approvalId"));
    context.print(Data::One { value: request, text, id })?;
    Ok(Exit::Done)
}

/// The approval that a person means.
async fn find(client: &Client, typed: &str) -> Result<Value, Failure> {
    by_id(client, &ids::approval(client, typed).await?).await
}

/// The approval with this id.
pub(super) async fn by_id(client: &Client, id: &str) -> Result<Value, Failure> {
    let found = client.query("agent.approvals.list", "v1", &json!({ "approvalId": id })).await?;
    let request = found["approvals"][0].clone();
    match request.is_null() {
        true => Err(Failure::new(Exit::NotFound, "approval-not-found", format!("there is no approval {id}"))),
        false => Ok(request),
    }
}

/// An action for the person who decides: what, who asks, why, the effect, and the bytes, of which the first lines.
pub(super) fn page(request: &Value, lines: usize) -> String {
    let of = |field: &str| safe_line(&text(request, field));
    let shown = &request["display"];
    let mut page = format!("{}   {}\n", safe_line(&text(shown, "title")), status(request));
    page += &format!(
        "  asks       {}@{} in {}, started by {}\n",
        of("agentKey"),
        of("agentVersion"),
        ids::short(&of("runId")),
        of("requestedBy")
    );
    page += &format!("  calls      {}\n", of("operation"));
    if !of("reason").is_empty() {
        page += &format!("  because    {}\n", of("reason"));
    }
    page += &format!("  effect     {}\n", safe_line(&text(shown, "effect")));
    page += &format!("  approving  {}   exactly this action, nothing else\n", of("actionDigest"));
    page += &format!("  shown as   {}\n\n", of("displayDigest"));
    page + &preview(&text(shown, "body"), lines)
}

fn status(request: &Value) -> String {
    let by = request["approver"].as_str().map(|who| format!(" by {}", safe_line(who))).unwrap_or_default();
    match text(request, "status").as_str() {
        "pending" => format!("△ needs approval, expires {} UTC", clock(&text(request, "expiresAt"))),
        other => format!("{other}{by}"),
    }
}

/// The first lines of an action's bytes, escaped, and how many more there are.
pub(super) fn preview(body: &str, lines: usize) -> String {
    let mut shown: Vec<String> = body.lines().take(lines).map(terminal::diff_line).collect();
    let more = body.lines().count().saturating_sub(lines);
    if more > 0 {
        shown.push(format!("     …  {}", counted(more, "more line")));
    }
    shown.join("\n")
}

async fn decide(context: &Context<'_>, matches: &ArgMatches, decision: Decision) -> Result<Exit, Failure> {
    let client = context.client()?;
    let request = find(&client, matches.get_one::<String>("approval").expect("required")).await?;
    let named = matches.get_one::<String>("hash");
    if let Some(named) = named {
        must_name(&request, named)?;
    }
    let agreed = match (named, context.yes, context.no_input) {
        (Some(_), true, _) => true,
        (_, _, true) => return Err(unnamed(&request, decision)),
        (_, _, false) => asked(&request, decision).await,
    };
    if !agreed {
        return Err(Failure::new(Exit::Usage, "declined", "nothing was decided; the run still waits"));
    }
    let reply = send(&client, &request, decision, matches.get_one::<String>("note").map(String::as_str)).await?;
    let (status, id) = (text(&reply, "status"), text(&reply, "approvalId"));
    let sign = if decision == Decision::Approve { "✓" } else { "✗" };
    let text = format!("{sign} {status}   {}   {}", ids::short(&id), text(&request, "actionDigest"));
    context.print(Data::One { value: reply, text, id })?;
    Ok(Exit::Done)
}

/// Refuses a decision about other bytes than the ones that wait.
fn must_name(request: &Value, named: &str) -> Result<(), Failure> {
    let named = if named.starts_with("sha256:") { named.to_owned() } else { format!("sha256:{named}") };
    if [text(request, "actionDigest"), text(request, "displayDigest")].contains(&named) {
        return Ok(());
    }
    let mut failure = Failure::new(Exit::Conflict, "approval-stale", "this is not the action that waits now");
    failure.details = vec![
        format!("you named  {named}"),
        format!("action     {}", text(request, "actionDigest")),
        format!("shown as   {}", text(request, "displayDigest")),
    ];
    Err(failure.next(format!("affiant approval get {}", text(request, "approvalId"))))
}

/// Nobody can be asked here, so the command itself must name the bytes and say yes.
fn unnamed(request: &Value, decision: Decision) -> Failure {
    let message = format!("to {} where nobody can be asked, name the bytes and say --yes", decision.word());
    Failure::usage(message).next(command(request, decision))
}

/// The command that decides without asking.
pub(super) fn command(request: &Value, decision: Decision) -> String {
    let (id, digest) = (text(request, "approvalId"), text(request, "actionDigest"));
    format!("affiant approval {} {id} --hash {digest} --yes", decision.word())
}

async fn asked(request: &Value, decision: Decision) -> bool {
    terminal::note(&page(request, usize::MAX));
    let question = match decision {
        Decision::Approve => "Approve exactly these bytes?",
        Decision::Reject => "Reject this action?",
    };
    terminal::confirm(&format!("\n{question}")).await
}

/// Sends the decision, bound to the action's digest.
pub(super) async fn send(
    client: &Client,
    request: &Value,
    decision: Decision,
    note: Option<&str>,
) -> Result<Value, Failure> {
    let mut input = json!({
        "runId": request["runId"], "approvalId": request["approvalId"],
        "actionDigest": request["actionDigest"], "action": decision.word(),
    });
    if let Some(note) = note {
        input["comment"] = note.into();
    }
    client.command("agent.approvals", "v1.1", &input).await
}

/// What a person may answer beside yes and no, in a conversation about one action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Decide.
    Decide(Decision),
    /// Leave it for later.
    Later,
    /// Nobody answers any more.
    Gone,
}

/// Asks about one action until there is an answer.
pub(super) async fn converse(request: &Value) -> Answer {
    loop {
        let answer = terminal::ask("\n  [v] view all   [a] approve   [r] reject   [d] detach, decide later  >").await;
        match answer.as_deref() {
            Some("v" | "view") => terminal::page(&preview(&text(&request["display"], "body"), usize::MAX)),
            Some("a" | "approve") => return Answer::Decide(Decision::Approve),
            Some("r" | "reject") => return Answer::Decide(Decision::Reject),
            Some("d" | "detach") => return Answer::Later,
            Some(_) => terminal::note("  v, a, r or d"),
            None => return Answer::Gone,
        }
    }
}

/// The first lines of an action, for a person who follows a run.
pub(super) fn glimpse(request: &Value) -> String {
    preview(&text(&request["display"], "body"), PREVIEW)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Value {
        let named = |contract: &affiant_contract::Contract| &*contract.meta.key == "agent.approvals.list";
        let contract = affiant_contract::builtin().into_iter().find(named).unwrap();
        affiant_contract::render::json(&contract)["examples"][0]["output"]["approvals"][0].clone()
    }

    #[test]
    fn a_reviewer_sees_who_asks_for_what_and_the_exact_bytes() {
        let page = anstream::adapter::strip_str(&page(&request(), 5)).to_string();
        insta::assert_snapshot!(page, @"
        Write CHANGELOG.md   △ needs approval, expires 16:02:11 UTC
          asks       release-notes@1.0.0 in …7XK4QZ, started by u_ana
          calls      fs.write@1.0.0
          because    release-notes@1.0.0 asks a person before each fs.write
          effect     /home/ana/shop-api/CHANGELOG.md, +3 -0, no network, no cost
          approving  sha256:149239b304c53c4c6a9780b82415143bb3c294c6eb1c7714cada14440e70fe90   exactly this action, nothing else
          shown as   sha256:dfbb889cf19bda82ed8deadf82de232979aa4ecc83238625c6453dc4c597b43a

        --- CHANGELOG.md
        +++ CHANGELOG.md
        @@ -2,0 +3,3 @@
        +## Unreleased
        +
             …  1 more line
        ");
    }

    #[test]
    fn a_decision_about_other_bytes_is_a_conflict() {
        let request = request();
        for digest in ["actionDigest", "displayDigest"] {
            assert!(must_name(&request, &text(&request, digest)).is_ok());
            assert!(must_name(&request, text(&request, digest).trim_start_matches("sha256:")).is_ok());
        }
        let failure = must_name(&request, &format!("sha256:{}", "0".repeat(64))).unwrap_err();
        assert_eq!((failure.exit, failure.code.as_str()), (Exit::Conflict, "approval-stale"));
    }

    #[test]
    fn where_nobody_can_be_asked_the_failure_says_the_command_that_decides() {
        insta::assert_snapshot!(unnamed(&request(), Decision::Approve).next.unwrap(), @"affiant approval approve apr_01JDA3KC8Y3T6P0Z9E5D4AQ2M1 --hash sha256:149239b304c53c4c6a9780b82415143bb3c294c6eb1c7714cada14440e70fe90 --yes");
    }
}
