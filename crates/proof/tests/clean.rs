//! Clean bundles are found intact.

mod support;

use affiant_proof::{
    bundle::{Bundle, Limits},
    statement::Statement,
    tree::Head,
    verify::{Auditor, Held, Verdict},
};
use support::{World, cosigned, file, verify};

#[test]
fn a_thousand_clean_bundles_are_intact() {
    for seed in 0..1000 {
        let world = World::new(seed);
        let run = seed as usize % world.scripts.len();
        let report = world.verify(&world.bundle(run));
        assert_eq!(report.verdict, Verdict::Intact { witnessed: false }, "seed {seed}\n{report}");
    }
}

#[test]
fn a_report_says_what_was_counted() {
    let world = World::new(7);
    let report = world.verify(&world.bundle(0));
    insta::assert_snapshot!(report, @"
    run_0000070  10 events
      ✓ trust        1 of 1 logs known to you: audit.example.org/t_1
      ✓ checkpoint   1 of 1 signatures: 62 events in the log, signed by audit.example.org/t_1+72cead94
      ○ consistency  no earlier checkpoint of this log was given
      ✓ inclusion    10 of 10 events stand in the log
      ✓ chain        10 of 10 events follow one another
      ✓ contents     14 of 14 digests lead to what they name; 3 personal values: 2 opened, 0 erased, 1 not for you
      ✓ statement    23 of 23 artifacts and members are those that audit.example.org/t_1+72cead94 signed
      ✓ approvals    1 of 1 decisions and dispatches are about the same bytes; 2 of 2 actions are of the recorded arguments
      ○ replay       not made here; `affiant run replay` derives the decisions again
    Result: intact, signed. No witness: the log's owner could show others another history. Keep the checkpoint.
    ");
}

#[test]
fn a_bundle_survives_its_file() {
    let world = World::new(3);
    let bundle = world.bundle(0);
    let read = Bundle::read(file(&bundle).as_slice(), Limits::default()).unwrap();
    assert_eq!(world.verify(&read), world.verify(&bundle));
    let names: Vec<&str> =
        read.members().keys().map(String::as_str).filter(|name| !name.starts_with("blobs/")).collect();
    insta::assert_snapshot!(names.join(" "), @"README.txt admin.jsonl agent.yaml checkpoint contracts/agent.run@1.0.0.yaml contracts/fs.write@1.2.0.yaml contracts/git.log@1.0.0.yaml contracts/mail.send@2.0.0.yaml erased.jsonl events.jsonl otlp.json policy/set.txt proofs.json prov.json snapshot.json statement.dsse.json");
}

#[test]
fn what_the_server_claims_is_an_in_toto_statement() {
    let world = World::new(1);
    let bundle = world.bundle(0);
    let envelope = bundle.bytes("statement.dsse.json").unwrap();
    let (statement, _) = Statement::open(envelope, &[world.log.key.verifier().clone()]).unwrap();
    let subjects: Vec<&str> = statement.subject.iter().map(|subject| subject.name.as_str()).collect();
    assert_eq!(subjects, ["NOTES-0.md", "NOTES-1.md", "events.jsonl"]);
    let claim = statement.predicate;
    assert_eq!((claim.outcome.as_str(), claim.events, claim.members.len()), ("run.completed", 14, 20));
    let needed: Vec<&str> = claim.resolved_dependencies.iter().map(|it| it.name.as_str()).collect();
    insta::assert_snapshot!(needed.join("\n"), @"
    agent release-notes@1.0.0
    operation agent.run@1.0.0
    operation git.log@1.0.0
    operation fs.write@1.2.0
    operation mail.send@2.0.0
    policy set
    snapshot ctx_1
    ");
}

#[test]
fn a_cosigned_checkpoint_makes_a_bundle_witnessed() {
    let world = World::new(2);
    let mut parts = world.parts(0);
    parts.checkpoint = cosigned(parts.checkpoint);
    let bundle = affiant_proof::bundle::pack(parts, &world.log, &[&world.log.key]).unwrap();
    let mut trust = world.log.trust();
    trust.witnesses.quorum = 1;
    assert_eq!(verify(&bundle, &trust).verdict, Verdict::Intact { witnessed: true });
    trust.witnesses.quorum = 2;
    insta::assert_snapshot!(verify(&bundle, &trust).verdict, @"incomplete");
}

#[test]
fn a_log_is_shown_to_continue_the_checkpoint_that_an_auditor_kept() {
    let world = World::new(4);
    let bundle = world.bundle(0);
    let trust = world.log.trust();
    let size = world.log.frontier.size();
    let verdict = |head: Head| {
        let held = [Held { origin: world.log.origin(), head, from: "--previous" }];
        let report =
            affiant_proof::verify::verify(&bundle, &Auditor { trust: &trust, held: &held, quorum: 0, replay: None });
        report.verdict.to_string()
    };
    let head = |size| Head { size, root: affiant_proof::tree::root(&world.log, size).unwrap() };
    let other = Head { root: head(1).root, ..head(size / 2) };
    assert_eq!(verdict(head(size / 2)), "intact, signed");
    assert_eq!(verdict(head(size)), "intact, signed");
    assert_eq!(verdict(Head { size: 0, root: affiant_proof::tree::empty_root() }), "intact, signed");
    assert_eq!(verdict(other), "altered in checkpoint");
    assert_eq!(verdict(head(size / 2 - 1)), "incomplete");
    assert_eq!(verdict(Head { size: size + 1, ..other }), "incomplete");
}

#[test]
fn blobs_that_were_left_out_on_purpose_are_not_missing() {
    let world = World::new(5);
    let mut parts = world.parts(0);
    parts.blobs = None;
    let bundle = affiant_proof::bundle::pack(parts, &world.log, &[&world.log.key]).unwrap();
    let report = world.verify(&bundle);
    assert_eq!(report.verdict, Verdict::Intact { witnessed: false }, "{report}");
    assert!(report.to_string().contains("blobs left out on purpose"), "{report}");
}
