//! Which contracts a server starts with: none that cannot be used, and none that was published and now breaks those who
//! use it. What is new is published by being served.

use std::path::Path;

use affiant_contract::{
    Contract, Finding, Loaded, Lock, Registry, Severity,
    lint::{Lint, lint},
    lock, render,
};
use affiant_engine::rules::Expression;
use affiant_surface::cli::{Exit, Failure};

/// The registry, if nothing in the contracts stands in the way of running. New versions of the project's own contracts
/// are written into its `contracts.lock`.
pub(super) fn registry(loaded: Loaded, project: Option<&Path>) -> Result<Registry, Failure> {
    let mut published = match project.map(Lock::read).transpose() {
        Ok(lock) => lock.flatten().unwrap_or_default(),
        Err(findings) => return Err(refused(&findings)),
    };
    let mut findings = loaded.findings;
    findings.extend(lint(&Lint {
        contracts: &loaded.contracts,
        lock: Some(&published),
        expression: Some(&Expression::check),
        start: true,
        ..Lint::default()
    }));
    let (errors, warnings): (Vec<_>, Vec<_>) =
        findings.into_iter().partition(|finding| finding.severity == Severity::Error);
    if !errors.is_empty() {
        return Err(refused(&errors));
    }
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
    let registry = Registry::new(loaded.contracts).map_err(|findings| refused(&findings))?;
    if let Some(project) = project {
        publish(&registry, &mut published, project);
    }
    Ok(registry)
}

fn refused(findings: &[Finding]) -> Failure {
    eprint!("{}", render::findings(findings, false));
    let (count, end) = (findings.len(), if findings.len() == 1 { "" } else { "s" });
    let message = format!("not started: {count} finding{end} in the contracts");
    let failure = Failure::new(Exit::Usage, "contract-invalid", message);
    failure.next("affiant contract lint    shows them again")
}

/// Remembers what is served from now on. A folder that cannot be written keeps no server from starting: it was put
/// there by somebody who has the lock elsewhere.
fn publish(registry: &Registry, published: &mut Lock, project: &Path) {
    let own: Vec<&Contract> = registry.iter().map(|it| &**it).filter(|it| !it.is_builtin()).collect();
    let added = published.update(own, &[]).added.len();
    if added == 0 {
        return;
    }
    match published.write(project) {
        Ok(()) => eprintln!("{}: {added} new, published by being served", lock::FILE),
        Err(error) => eprintln!("warning: {} could not be written, so edits will not be noticed: {error}", lock::FILE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTRACT: &str = include_str!("../../tests/every_operation/project/contracts/refund.find-1.0.0.yaml");
    const AGENT: &str = include_str!("../../tests/every_operation/project/contracts/doubt-1.0.0.yaml");

    /// Starts with one contract, edited so, and says with which code it is refused.
    fn starts(project: &Path, contract: &str, edit: (&str, &str)) -> Result<(), String> {
        assert!(contract.contains(edit.0), "{contract}");
        let own = contract.replace("capability: billing.refunds@1.0.0\n", "").replacen(edit.0, edit.1, 1);
        let key = own.lines().find_map(|line| line.strip_prefix("key: ")).unwrap();
        let own = affiant_contract::load_file(&format!("contracts/{key}.yaml"), &own).unwrap();
        let contracts = affiant_contract::builtin().into_iter().chain([own]).collect();
        let loaded = Loaded { contracts, findings: Vec::new() };
        registry(loaded, Some(project)).map(drop).map_err(|failure| failure.message)
    }

    #[test]
    fn what_was_served_once_cannot_break_under_the_same_version() {
        let folder = tempfile::tempdir().unwrap();
        let start = |edit| starts(folder.path(), CONTRACT, edit);
        assert_eq!(start(("", "")), Ok(()));
        let lock = std::fs::read_to_string(folder.path().join(lock::FILE)).unwrap();
        assert!(lock.contains("\nrefund.find@1.0.0 sha256:") && !lock.contains("agent.run"), "{lock}");
        let breaks = ("'^re_[0-9]+$'", "'^re_[0-9]{12}$'");
        assert_eq!(start(breaks).unwrap_err(), "not started: 1 finding in the contracts");
        assert_eq!(start(("Look a refund up", "Find a refund")), Ok(()));
        assert_eq!(std::fs::read_to_string(folder.path().join(lock::FILE)).unwrap(), lock);
        let again = CONTRACT.replace("version: 1.0.0", "version: 2.0.0");
        assert_eq!(starts(folder.path(), &again, breaks), Ok(()));
    }

    #[test]
    fn what_is_being_built_may_change_as_it_likes() {
        let folder = tempfile::tempdir().unwrap();
        let building = CONTRACT.replace("stability: experimental", "stability: in_creation");
        assert_eq!(starts(folder.path(), &building, ("", "")), Ok(()));
        assert_eq!(starts(folder.path(), &building, ("'^re_[0-9]+$'", "'^nothing$'")), Ok(()));
        assert!(!folder.path().join(lock::FILE).exists());
    }

    #[test]
    fn a_rule_that_cannot_be_read_keeps_the_server_from_starting() {
        let folder = tempfile::tempdir().unwrap();
        let agent = AGENT.replace("refund.unseen@1.0.0", "tool.echo@1.0.0");
        assert_eq!(starts(folder.path(), &agent, ("", "")), Ok(()));
        let refused = starts(folder.path(), &agent, ("'!has(steps.paid)'", "'!has(steps.paid'")).unwrap_err();
        assert_eq!(refused, "not started: 1 finding in the contracts");
    }
}
