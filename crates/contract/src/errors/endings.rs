//! How runs and their steps fail: codes that stand in a record and in no reply's status. What an operation's contract
//! declares, and what [`super::CATALOGUE`] has, may end a step as well and is not said twice.

use serde::Serialize;

/// One way in which a run or a step fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ending {
    /// Kebab-case code, stable for ever.
    pub code: &'static str,
    /// What fails with it: `run` or `step`.
    pub of: &'static str,
    /// A few words, the same for every occurrence.
    pub title: &'static str,
    /// When it happens, as a sentence.
    pub when: &'static str,
    /// What to do next, as a sentence.
    pub remedy: &'static str,
}

/// The entry of a code, or `None` when runs and steps do not fail with it.
pub fn ending(code: &str) -> Option<&'static Ending> {
    ENDINGS.iter().find(|entry| entry.code == code)
}

macro_rules! endings {
    ($($code:literal $of:literal $title:literal $when:literal $remedy:literal)*) => {
        &[$(Ending { code: $code, of: $of, title: $title, when: $when, remedy: $remedy }),*]
    };
}

/// Every ending: those of runs, then those of steps.
#[rustfmt::skip]
pub const ENDINGS: &[Ending] = endings! {
    "planner-failed" "run" "The agent decided nothing that can be done"
        "A rule failed the run, no rule applied, a rule's arguments are not what the tool takes, or the agent names no model that can be asked."
        "Read the reason; correct the agent's file or the input, and try it with `affiant agent test`. Then start a new run."
    "model-failed" "run" "No model gave an answer that can be used"
        "Every model of the agent's list failed for good, answered twice with something that is not the promised output, or cannot be shown what the run knows."
        "Read the reason. When a provider was the cause, see to it and go on with `affiant run retry RUN --resume`; else correct the agent's instructions, output or `context.maxTokens`."
    "tool-failed" "run" "A tool failed and the run with it"
        "A tool that a rule needs ended without a result, or a tool of an MCP server is no longer the one that was pinned."
        "Look at the failed step (`affiant run explain RUN`), see to its cause, and go on with `affiant run retry RUN --resume`."
    "policy-denied" "run" "Policy does not allow it"
        "A step that a rule needs calls an operation that policy denies to whoever started the run."
        "Have somebody start the run who may, or take the operation out of the agent. Nothing was done."
    "approval-rejected" "run" "A person said no"
        "A step that a rule needs was put to a person, who rejected it."
        "Read the note with the decision (`affiant approval list`). What was rejected was not done."
    "budget-exhausted" "run" "A budget is used up"
        "The next call of a model, call of a tool or step does not fit into what the run, its agent, its connection or its tenant may use."
        "Go on where it ended with a higher budget, `affiant run retry RUN --budget-cost 1.00`, or with `--resume` once the day's budget is there again. Nothing is paid for twice."
    "price-unknown" "run" "The model has no price"
        "There is a budget of money, and the price table has no price for the model, so that nobody can say whether a call fits. Nothing was asked."
        "Add a row for the model to a table of your own (`prices = \"FILE\"` in affiant.toml), or bound tokens instead of money."
    "deadline-exceeded" "run" "The time of the run is over"
        "The run did not end before its deadline, waiting for people and providers included."
        "Start it again, with a later deadline or a larger `limits.deadlineSeconds`; `affiant run retry RUN --resume` keeps what was done."
    "provider-missing" "step" "No such connection"
        "The part of the model's name before the `/` names no connection of this tenant, or one whose key cannot be read."
        "Connect it: `affiant provider connect NAME`; `affiant provider list` shows those that are there."
    "provider-refused" "step" "The provider refuses the account"
        "The provider did not accept the key, wants to be paid, or says that the account's quota is used up."
        "See to the account, or connect with another key: `affiant provider connect NAME`."
    "provider-unreachable" "step" "The provider cannot be reached"
        "No connection to the provider's address came about, or it may not be asked there."
        "See whether it is running and the base URL is right: `affiant provider check NAME`."
    "provider-failed" "step" "The provider failed"
        "The provider answered that it could not answer now (5xx and their like), as often as the agent tries."
        "Try again later; an agent can name further models that take its place."
    "model-unknown" "step" "The provider does not know the model"
        "The provider answered 404: it has no model of this name, or nothing is at this address."
        "See which models it has: `affiant provider check NAME`. Correct the agent's `model` or the base URL."
    "request-refused" "step" "The provider refused the request"
        "The provider does not take the request as it is, for example a parameter that the model does not have."
        "Read its words in the step's error, and correct the agent's parameters, tools or context."
    "reply-broken" "step" "The answer cannot be read"
        "What came is no answer of the connection's kind, or ended before it was complete."
        "When it happens each time, the base URL or `--kind` of the connection is wrong, or something between answers in the provider's place."
    "timeout" "step" "The answer took too long"
        "The provider was silent, or had not finished when the time that the agent gives a call was over."
        "Give calls more time (`timeout` in the agent's planner), or ask for less (`maxTokens`)."
    "cancelled" "step" "The call was broken off"
        "The run was cancelled while the step was under way. What was used until then is recorded, where the provider had said so."
        "Nothing; start the run again if it was not meant."
    "output-invalid" "step" "The result is not what the contract says"
        "A service or a program answered something that does not satisfy the operation's output schema. Its effect may have happened."
        "Correct the service, the program or the contract."
    "child-failed" "step" "The run of another agent failed"
        "The agent that was called as a tool began a run of its own, and that did not complete."
        "Look at that run; its id stands in the reason."
    "unknown-outcome" "step" "Somebody said that the step failed"
        "Nobody saw how the step ended, and a person said of it: `fail`."
        "Nothing; the run goes on as after any failed step."
    "cassette-miss" "step" "The cassette has no answer"
        "A test asked what was not recorded: the agent, its tools, the context or the prompt is another one."
        "Undo what differs, which the reason names, or record again: `affiant agent test AGENT --record`."
};
