//! What proofs cost: inclusion proofs of logs of 10^3 to 10^7 events, and the check of a run of 100,000 events, in a
//! process of its own so that its memory is its own. Prints one JSON object.
//!
//!     cargo bench -p affiant-proof --bench proofs
//!
//! As a test (`cargo test --benches`) it does a little of everything, to show that it works, and its figures mean nothing.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    fs,
    hint::black_box,
    io::BufReader,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use affiant_journal::Digest;
use affiant_proof::{
    bundle::{Bundle, Limits},
    tree::{self, Frontier, TiledNodes},
    trust::Trust,
};
use serde_json::{Map, Value, json};
use support::{Dice, Shape, World};

/// How much is done.
struct Scale {
    sizes: &'static [u64],
    repeated: u64,
    /// Two events for each, and three more.
    steps: u64,
    checked: usize,
}

const WHOLE: Scale =
    Scale { sizes: &[1_000, 10_000, 100_000, 1_000_000, 10_000_000], repeated: 2_000, steps: 49_999, checked: 5 };
const LITTLE: Scale = Scale { sizes: &[1_000, 10_000], repeated: 10, steps: 50, checked: 1 };

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "check") {
        return check(Path::new(&arguments[at + 1]), Path::new(&arguments[at + 2]));
    }
    let scale = if arguments.iter().any(|argument| argument == "--bench") { WHOLE } else { LITTLE };
    let inclusion: Map<String, Value> =
        scale.sizes.iter().map(|size| (size.to_string(), proofs(*size, &scale))).collect();
    println!("{}", json!({ "inclusion": inclusion, "verify": verified(&scale) }));
}

/// Leaf hashes and tiles of a log, as a store keeps them.
struct Kept {
    levels: Vec<Vec<Digest>>,
    root: Digest,
}

impl Kept {
    fn new(size: u64) -> Self {
        let (mut frontier, mut levels) = (Frontier::new(), vec![Vec::with_capacity(size as usize)]);
        for number in 0..size {
            let leaf = Digest::of_leaf(&number.to_be_bytes());
            levels[0].push(leaf);
            for (node, hash) in frontier.push(leaf) {
                let level = usize::from(node.level / 8);
                levels.resize(levels.len().max(level + 1), Vec::new());
                levels[level].push(hash);
            }
        }
        Self { levels, root: frontier.root() }
    }

    fn read(&self, level: u8, first: u64, count: u64) -> Option<Vec<Digest>> {
        let level = self.levels.get(usize::from(level))?;
        level.get(first as usize..(first + count) as usize).map(<[Digest]>::to_vec)
    }
}

/// Size of a proof, and the time to make one from tiles and to check it.
fn proofs(size: u64, scale: &Scale) -> Value {
    let kept = Kept::new(size);
    let nodes = TiledNodes(|level, first, count| kept.read(level, first, count));
    let mut dice = Dice::new(size);
    let leaves: Vec<u64> = (0..scale.repeated).map(|_| dice.roll() % size).collect();
    let began = Instant::now();
    let made: Vec<Vec<Digest>> = leaves.iter().map(|leaf| tree::inclusion(&nodes, *leaf, size).unwrap()).collect();
    let making = began.elapsed();
    let began = Instant::now();
    for (leaf, proof) in leaves.iter().zip(&made) {
        let hash = kept.levels[0][*leaf as usize];
        black_box(tree::verify_inclusion(&hash, *leaf, size, proof, &kept.root)).unwrap();
    }
    let checking = began.elapsed();
    let each = |time: Duration| (time.as_secs_f64() * 1e8 / scale.repeated as f64).round() / 100.0;
    let longest = made.iter().map(Vec::len).max().unwrap_or(0);
    json!({ "hashes": longest, "bytes": longest * 32, "make_us": each(making), "check_us": each(checking) })
}

/// The check of one long run, each time by a new process.
fn verified(scale: &Scale) -> Value {
    let folder = std::env::temp_dir().join(format!("affiant-bench-proofs-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (bundle, trust) = written(&folder, scale.steps);
    let size = fs::metadata(&bundle).unwrap().len();
    let results: Vec<Value> = (0..scale.checked).map(|_| checked(&bundle, &trust)).collect();
    fs::remove_dir_all(&folder).unwrap();
    let mut seconds: Vec<f64> = results.iter().map(|result| result["seconds"].as_f64().unwrap()).collect();
    seconds.sort_by(f64::total_cmp);
    let peak = results.iter().filter_map(|result| result["peak_kib"].as_u64()).max();
    json!({
        "events": results[0]["events"],
        "bundle_bytes": size,
        "seconds_median": seconds[seconds.len() / 2],
        "seconds_worst": seconds[seconds.len() - 1],
        "peak_mib": peak.map(|kib| kib / 1024),
    })
}

fn written(folder: &Path, steps: u64) -> (PathBuf, PathBuf) {
    let world = World::shaped(1, "t_1", Shape::Steps(steps));
    let (bundle, trust) = (folder.join("long.affiant"), folder.join("trust.json"));
    fs::write(&bundle, support::file(&world.bundle(0))).unwrap();
    fs::write(&trust, serde_json::to_vec(&world.log.trust()).unwrap()).unwrap();
    (bundle, trust)
}

fn checked(bundle: &Path, trust: &Path) -> Value {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).arg("check").arg(bundle).arg(trust).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What `affiant-verify` does with a bundle.
fn check(bundle: &Path, trust: &Path) {
    let began = Instant::now();
    let trust = Trust::from_bytes(&fs::read(trust).unwrap()).unwrap();
    let bundle = Bundle::read(BufReader::new(fs::File::open(bundle).unwrap()), Limits::default()).unwrap();
    let report = support::verify(&bundle, &trust);
    assert_eq!(report.verdict.exit_code(), 0, "{report}");
    let seconds = began.elapsed().as_secs_f64();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let highest = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next());
    let peak: Option<u64> = highest.and_then(|kib| kib.parse().ok());
    println!("{}", json!({ "seconds": seconds, "peak_kib": peak, "events": report.events }));
}
