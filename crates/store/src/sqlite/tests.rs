use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::conformance::exercise;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_keeps_its_promises() {
    let folder = tempfile::tempdir().unwrap();
    let made = AtomicUsize::new(0);
    exercise(|clock| {
        let file = folder.path().join(format!("{}.db", made.fetch_add(1, Ordering::Relaxed)));
        Arc::new(SqliteStore::open(&file, clock, None).unwrap())
    })
    .await;
}
