//! Writes bundles for other tools to judge: `cargo run -p affiant-proof --example bundles -- FOLDER [CLEAN [ALTERED]]`.
//!
//! FOLDER gets `trust.json`, `clean/*.affiant` with an earlier checkpoint for each in `previous`, and, for each class of
//! change, `altered/CLASS-*.affiant`.
#![expect(clippy::unwrap_used, reason = "it writes test data for people who look on")]

#[path = "../tests/support/mod.rs"]
mod support;
#[path = "../tests/tampering/mod.rs"]
mod tampering;

use std::{fs, path::PathBuf};

use affiant_proof::{checkpoint::Checkpoint, tree::Head, trust::Trust};
use support::{Dice, cosigned, file, verify};
use tampering::{Case, attacks};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().expect("the first argument is the folder to write to"));
    let mut count = |default| arguments.next().map_or(default, |count| count.parse().expect("a number"));
    let (clean, altered): (u64, u64) = (count(10), count(2));
    for kind in ["clean", "altered", "previous"] {
        fs::create_dir_all(folder.join(kind)).unwrap();
    }
    let mut trust = Trust::default();
    for seed in 0..clean {
        let case = Case::new(seed);
        add(&mut trust, &case.trust);
        let mut parts = case.world.parts(case.run);
        if seed % 2 == 1 {
            parts.checkpoint = cosigned(parts.checkpoint);
        }
        let bundle = affiant_proof::bundle::pack(parts, &case.world.log, &[&case.world.log.key]).unwrap();
        fs::write(folder.join(format!("clean/{seed:04}.affiant")), file(&bundle)).unwrap();
        let log = &case.world.log;
        let size = log.frontier.size() / 2;
        let head = Head { size, root: affiant_proof::tree::root(log, size).unwrap() };
        let previous = Checkpoint { origin: log.origin(), head }.sign(&[&log.key]);
        fs::write(folder.join(format!("previous/{seed:04}")), previous.to_string()).unwrap();
    }
    let mut dice = Dice::new(altered);
    for (class, attack) in attacks::ALL {
        let attacked = (0..).filter_map(|seed| {
            let case = Case::new(seed % clean);
            let (bundle, _) = attack(&case, &mut dice)?;
            assert_ne!(verify(&bundle, &case.trust).verdict.exit_code(), 0, "{class} was not found");
            Some(bundle)
        });
        for (number, bundle) in attacked.take(altered as usize).enumerate() {
            fs::write(folder.join(format!("altered/{class}-{number}.affiant")), file(&bundle)).unwrap();
        }
    }
    fs::write(folder.join("trust.json"), serde_json::to_vec_pretty(&trust).unwrap()).unwrap();
}

/// An auditor who trusts all logs of this folder, under whichever key each world has.
fn add(trust: &mut Trust, more: &Trust) {
    for (origin, log) in &more.origins {
        let known = &mut trust.origins.entry(origin.clone()).or_default().keys;
        known.extend(log.keys.iter().filter(|key| !known.contains(key)).cloned().collect::<Vec<_>>());
    }
    trust.witnesses = more.witnesses.clone();
}
