//! Every way to change a bundle is found, and a change to an event is found at that event.
//!
//! Each class makes `TAMPER_CASES` random changes (200 unless it is set, about 5,000 over all classes); the attacker
//! repairs everything that can be repaired without the log's key. `TAMPER_CASES=4000` makes about 100,000.

mod support;
mod tampering;

use affiant_proof::{
    bundle::{Bundle, Limits},
    verify::Verdict,
};
use support::{Dice, file, verify};
use tampering::{Case, attacks};

fn cases() -> u64 {
    std::env::var("TAMPER_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(200)
}

/// Makes changes of one class; each gives the event where it must be found, when it is a change to events.
fn found(name: &str, attack: attacks::Class) {
    let seed = name.bytes().fold(0, |seed, byte| seed * 31 % 1_000_003 + u64::from(byte));
    let mut dice = Dice::new(seed);
    let mut made = 0;
    for round in 0.. {
        // Worlds are dear, changes are cheap.
        let case = Case::new(seed + round);
        for _ in 0..20 {
            let Some((bundle, place)) = attack(&case, &mut dice) else { break };
            let report = verify(&bundle, &case.trust);
            assert_ne!(report.verdict.exit_code(), 0, "{name}, world {}\n{report}", seed + round);
            if let Some(expected) = place {
                let at = if let Verdict::AlteredAt { event, .. } = report.verdict { Some(event) } else { None };
                assert_eq!(at, Some(expected), "{name}, world {}\n{report}", seed + round);
            }
            made += 1;
        }
        if made >= cases() {
            return;
        }
        assert!(round < 100 + cases(), "{name}: too few worlds can be changed this way");
    }
}

macro_rules! classes {
    ($($test:ident: $attack:ident,)*) => {$(
        #[test]
        fn $test() {
            found(stringify!($attack), attacks::$attack);
        }
    )*};
}

classes! {
    an_edited_field_is_found_at_its_event: field_edit,
    a_flipped_bit_is_found_at_its_event: bit_flip,
    a_deleted_event_is_found_at_its_place: delete,
    events_in_another_order_are_found_at_the_first: reorder,
    events_cut_off_the_end_are_found: truncate,
    an_event_written_twice_is_found: duplicate,
    an_invented_event_is_found: insert,
    an_event_of_another_run_is_found: splice_run,
    an_event_of_another_tenant_is_found: splice_tenant,
    a_rewritten_history_is_found_where_it_begins: rewrite,
    a_rewritten_history_with_a_forged_head_is_found: rewrite_with_head,
    another_key_is_found: key_swap,
    another_checkpoint_is_found: checkpoint_swap,
    another_disclosure_is_found: disclosure_swap,
    another_artifact_is_found: artifact_swap,
    another_approval_is_found_at_its_event: approval_swap,
    another_statement_is_found: statement_swap,
    changed_proofs_are_found: proof_edit,
    an_invented_erasure_is_found: erasure_edit,
    a_changed_file_of_the_bundle_is_found: member_edit,
    a_file_added_or_taken_away_is_found: member_added_or_taken,
    views_of_another_run_are_found: view_swap,
}

#[test]
fn any_flipped_bit_of_the_file_is_found() {
    let mut dice = Dice::new(1);
    for round in 0..cases().div_ceil(20) {
        let case = Case::new(round);
        let clean = file(&case.bundle);
        for _ in 0..20 {
            let mut bytes = clean.clone();
            let at = dice.below(bytes.len());
            bytes[at] ^= 1 << dice.below(8);
            let read = Bundle::read(bytes.as_slice(), Limits::default());
            let found = read.is_err() || read.is_ok_and(|bundle| verify(&bundle, &case.trust).verdict.exit_code() != 0);
            assert!(found, "byte {at} in world {round}");
        }
    }
}

#[test]
fn a_file_cut_short_is_found() {
    let mut dice = Dice::new(2);
    for round in 0..cases().div_ceil(20) {
        let clean = file(&Case::new(round).bundle);
        for _ in 0..20 {
            let length = dice.below(clean.len());
            assert!(Bundle::read(&clean[..length], Limits::default()).is_err(), "{length} bytes of world {round}");
        }
    }
}
