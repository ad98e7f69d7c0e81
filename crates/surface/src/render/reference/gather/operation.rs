//! What the page of a command or a query says.

use affiant_contract::{Body, Contract, Example, Kind, Operation, Registry};

use super::{link, words};
use crate::render::{
    errors::errors_of,
    names::{alias_paths, exact_path, is_newest, method, operation_id},
    openapi::success_statuses,
    reference::{
        examples::{self, Request},
        page::{Access, Call, Effects, Emitted, ExampleFact, OperationFacts, Repetition, Success},
    },
};

pub(super) fn facts(registry: &Registry, contract: &Contract, operation: &Operation) -> OperationFacts {
    let policy = &operation.policy;
    let errors = errors_of(contract);
    OperationFacts {
        call: call(registry, contract, operation),
        access: Access {
            auth: policy.auth,
            words: words::access(policy.auth),
            rate_limit: policy.rate_limit.map(words::rate_limit),
        },
        effects: Effects {
            hints: operation.hints,
            words: words::effects(operation.hints),
            for_agents: words::effects_for_agents(operation.hints),
        },
        repetition: Repetition {
            idempotency: operation.idempotency,
            words: words::repetition(operation.idempotency, contract.meta.kind),
            retry_after: errors.iter().filter(|fact| fact.retryable).map(|fact| fact.code.clone()).collect(),
        },
        emits: operation
            .emits
            .iter()
            .map(|emits| Emitted { event: link(registry, &emits.event), when: emits.when.clone() })
            .collect(),
        examples: examples(registry, contract, operation),
        errors,
    }
}

fn call(registry: &Registry, contract: &Contract, operation: &Operation) -> Call {
    let reference = contract.reference();
    let newest = is_newest(registry, contract);
    let success = success_statuses(contract);
    Call {
        method: method(contract.meta.kind),
        path: exact_path(&reference),
        aliases: if newest { alias_paths(&reference).to_vec() } else { Vec::new() },
        success: success.iter().map(|status| Success { status: *status, meaning: words::success(*status) }).collect(),
        tool: operation_id(&reference),
        cli: examples::command(contract, newest),
        form: form_path(registry, contract),
        carried_out_by: words::carried_out(&operation.binding),
    }
}

/// Where the form of an operation is: that of its own form contract, or one made from its schema.
fn form_path(registry: &Registry, contract: &Contract) -> String {
    let reference = contract.reference();
    let submits = |body: &Body| matches!(body, Body::Form(form) if form.operation == reference);
    let own = registry.of_kind(Kind::Form).filter(|form| submits(&form.body)).last();
    format!("/forms/{}", own.map_or_else(|| reference.clone(), |form| form.reference()))
}

fn examples(registry: &Registry, contract: &Contract, operation: &Operation) -> Vec<ExampleFact> {
    let newest = is_newest(registry, contract);
    let status = success_statuses(contract).last().copied().unwrap_or(200);
    let fact = |example: &Example| {
        let request = Request { contract, newest, input: &example.input };
        ExampleFact {
            title: example.title.clone(),
            input: example.input.clone(),
            status,
            output: example.output.clone(),
            curl: request.curl(),
            cli: request.cli(),
            python: request.python(),
            typescript: request.typescript(),
        }
    };
    operation.examples.iter().map(fact).collect()
}
