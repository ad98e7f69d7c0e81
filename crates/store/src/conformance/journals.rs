//! Promises about entries, the log and tenants.

use std::sync::Arc;

use affiant_engine::ports::{Append, Document, Store, StoreError};
use affiant_journal::{Digest, StreamId, Timestamp};
use affiant_proof::tree;

use super::{
    material::{acme, approval, artifact, entries, entry, grow, other, run, submit, well},
    root_of,
};

type Any = Arc<dyn Store>;

pub(super) async fn entries_come_back_as_they_were_in_order_of_seq(store: Any) {
    let first = well(store.append(grow(&acme(), "run_a", 0..3)).await);
    let second = well(store.append(grow(&acme(), "run_a", 3..4)).await);
    assert_eq!((first.leaf, second.leaf), (0, 3));
    assert!(second.position > first.position);
    let stream = StreamId::from("run_a");
    assert_eq!(well(store.load(&acme(), &stream, 0, 99).await), entries("run_a", 0..4));
    assert_eq!(well(store.load(&acme(), &stream, 1, 2).await), entries("run_a", 1..3));
    assert_eq!(well(store.load(&acme(), &stream, 4, 99).await), []);
    assert_eq!(well(store.load(&acme(), &stream, u64::MAX, 99).await), []);
    assert_eq!(well(store.load(&acme(), &"run_b".into(), 0, 99).await), []);
}

pub(super) async fn an_append_to_a_stream_that_moved_on_changes_nothing(store: Any) {
    submit(&*store, run(&acme(), "run_a", 1)).await;
    for wrong in [0, 2, 7] {
        let mut late = Append::new(acme(), "run_a".into(), wrong, vec![entry("late")]);
        late.run = Some(run(&acme(), "run_a", 9));
        late.approvals = vec![approval("apr_1", &"run_a".into(), 1)];
        late.artifacts = vec![artifact("art_1", &"run_a".into(), 0)];
        late.documents = vec![document("1", Some(1))];
        match store.append(late).await {
            Err(StoreError::Conflict { stream, expected }) => assert_eq!((stream, expected), ("run_a".into(), wrong)),
            answer => panic!("expected a conflict, got {answer:?}"),
        }
    }
    let ahead = Append::new(acme(), "run_new".into(), 1, vec![entry("ahead")]);
    assert!(matches!(store.append(ahead).await, Err(StoreError::Conflict { .. })));
    assert_eq!(well(store.load(&acme(), &"run_a".into(), 0, 99).await), entries("run_a", 0..1));
    assert_eq!(well(store.run(&acme(), &"run_a".into()).await), Some(run(&acme(), "run_a", 1)));
    assert_eq!(well(store.approvals(&acme(), Default::default()).await).total, 0);
    assert_eq!(well(store.artifacts(&acme(), Default::default()).await).total, 0);
    assert_eq!(well(store.document(&acme(), "note", "1").await), None);
    assert_eq!(well(store.log(&acme()).await).size, 1);
    // The stream goes on where it was.
    well(store.append(grow(&acme(), "run_a", 1..2)).await);
}

pub(super) async fn everything_in_an_append_is_there_at_once(store: Any) {
    let mut append = grow(&acme(), "run_a", 0..2);
    append.run = Some(run(&acme(), "run_a", 1));
    append.approvals = vec![approval("apr_1", &"run_a".into(), 1), approval("apr_2", &"run_a".into(), 2)];
    append.artifacts = vec![artifact("art_1", &"run_a".into(), 1)];
    append.documents = vec![document("1", Some(1))];
    let whole = append.clone();
    well(store.append(append).await);
    assert_eq!(well(store.load(&acme(), &whole.stream, 0, 99).await), whole.entries);
    assert_eq!(well(store.run(&acme(), &"run_a".into()).await), whole.run);
    assert_eq!(well(store.approvals(&acme(), Default::default()).await).rows, whole.approvals);
    assert_eq!(well(store.artifacts(&acme(), Default::default()).await).rows, whole.artifacts);
    assert_eq!(well(store.document(&acme(), "note", "1").await).as_ref(), whole.documents.first());
    // Projections may change without entries, as long as the stream is where the writer thinks.
    let mut only_rows = Append::new(acme(), "run_a".into(), 2, Vec::new());
    only_rows.documents = vec![document("1", None)];
    assert_eq!(well(store.append(only_rows).await).leaf, 2);
    assert_eq!(well(store.document(&acme(), "note", "1").await), None);
}

pub(super) async fn of_many_writers_to_one_place_one_wins(store: Any) {
    well(store.append(grow(&acme(), "run_a", 0..1)).await);
    let writers = (0..20).map(|writer| {
        let store = store.clone();
        let append = Append::new(acme(), "run_a".into(), 1, vec![entry(&format!("writer {writer}"))]);
        tokio::spawn(async move { store.append(append).await })
    });
    let mut won = 0;
    for writer in writers.collect::<Vec<_>>() {
        match writer.await.expect("a writer does not panic") {
            Ok(_) => won += 1,
            Err(StoreError::Conflict { .. }) => (),
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(well(store.load(&acme(), &"run_a".into(), 0, 99).await).len(), 2);
}

pub(super) async fn many_appends_at_once_each_keep_their_order(store: Any) {
    let writers = (0..16).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            let (tenant, stream) = (if writer % 2 == 0 { acme() } else { other() }, format!("run_{writer}"));
            for seq in (0..30).step_by(3) {
                well(store.append(grow(&tenant, &stream, seq..seq + 3)).await);
            }
            assert_eq!(well(store.load(&tenant, &stream.as_str().into(), 0, 99).await), entries(&stream, 0..30));
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("a writer does not panic");
    }
    assert_eq!(well(store.counts().await).entries, 16 * 30);
    for tenant in [acme(), other()] {
        let (head, leaves) = (well(store.log(&tenant).await), well(store.hashes(&tenant, 0, 0, 999).await));
        assert_eq!((head.size, head.root), (8 * 30, root_of(&leaves)));
    }
}

pub(super) async fn the_tail_has_every_entry_once_in_the_order_it_was_stored(store: Any) {
    let mut written = Vec::new();
    for (tenant, stream, seqs) in [(acme(), "run_a", 0..2), (other(), "run_a", 0..1), (acme(), "admin", 0..1)] {
        written.extend(entries(stream, seqs.clone()).into_iter().map(|entry| (tenant.clone(), stream, entry)));
        let appended = well(store.append(grow(&tenant, stream, seqs)).await);
        let newest = well(store.tail(appended.position - 1, 9).await);
        assert_eq!((newest.len(), newest[0].position), (1, appended.position));
    }
    let tail = well(store.tail(0, 99).await);
    let found: Vec<_> = tail.iter().map(|at| (at.tenant.clone(), at.stream.as_str(), at.entry.clone())).collect();
    assert_eq!(found, written);
    assert!(tail.is_sorted_by(|a, b| a.position < b.position));
    let rest = well(store.tail(tail[1].position, 1).await);
    assert_eq!(rest, tail[2..3]);
}

pub(super) async fn the_head_of_the_log_is_the_root_of_rfc_6962(store: Any) {
    let head = well(store.log(&acme()).await);
    assert_eq!((head.size, head.root), (0, root_of(&[])));
    let mut written: Vec<Digest> = Vec::new();
    for (round, count) in [1u64, 2, 4, 250, 6, 300].into_iter().enumerate() {
        let append = grow(&acme(), &format!("run_{round}"), 0..count);
        written.extend(append.entries.iter().map(|entry| entry.leaf));
        well(store.append(append).await);
        let head = well(store.log(&acme()).await);
        assert_eq!((head.size, head.root), (written.len() as u64, root_of(&written)));
    }
    assert_eq!(well(store.hashes(&acme(), 0, 5, 300).await), written[5..300]);
    let subtrees = well(store.hashes(&acme(), 1, 0, 99).await);
    assert_eq!(subtrees, [root_of(&written[..256]), root_of(&written[256..512])]);
    // What is kept is enough for a proof of any event.
    let leaves = written.clone();
    let kept = tree::TiledNodes(|level: u8, first: u64, count: u64| {
        let hashes = if level == 0 { &leaves } else { &subtrees };
        hashes.get(first as usize..(first + count) as usize).map(<[Digest]>::to_vec)
    });
    let size = written.len() as u64;
    assert_eq!(tree::root(&kept, size).ok(), Some(root_of(&written)));
}

pub(super) async fn every_event_has_its_place_in_the_log_of_its_tenant(store: Any) {
    for (tenant, stream, seqs) in
        [(acme(), "run_a", 0..2), (other(), "run_a", 0..3), (acme(), "admin", 0..1), (acme(), "run_a", 2..4)]
    {
        well(store.append(grow(&tenant, stream, seqs)).await);
    }
    let places = async |tenant, stream: &str, from, limit| {
        let places = well(store.places(&tenant, &stream.into(), from, limit).await);
        let leaves = well(store.hashes(&tenant, 0, 0, 99).await);
        for (place, entry) in places.iter().zip(well(store.load(&tenant, &stream.into(), from, limit).await)) {
            assert_eq!(leaves[*place as usize], entry.leaf);
        }
        places
    };
    assert_eq!(places(acme(), "run_a", 0, 99).await, [0, 1, 3, 4]);
    assert_eq!(places(acme(), "run_a", 1, 2).await, [1, 3]);
    assert_eq!(places(acme(), "admin", 0, 99).await, [2]);
    assert_eq!(places(other(), "run_a", 0, 99).await, [0, 1, 2]);
    assert!(places(other(), "admin", 0, 99).await.is_empty());
}

pub(super) async fn a_tenant_sees_nothing_of_another(store: Any) {
    let mut append = grow(&acme(), "run_a", 0..2);
    append.run = Some(run(&acme(), "run_a", 1));
    append.approvals = vec![approval("apr_1", &"run_a".into(), 1)];
    append.artifacts = vec![artifact("art_1", &"run_a".into(), 1)];
    append.documents = vec![document("1", Some(1))];
    well(store.append(append).await);
    for stranger in [other(), "t_nobody".into()] {
        assert_eq!(well(store.load(&stranger, &"run_a".into(), 0, 99).await), []);
        assert_eq!(well(store.run(&stranger, &"run_a".into()).await), None);
        assert_eq!(well(store.runs(&stranger, Default::default()).await).total, 0);
        assert_eq!(well(store.approvals(&stranger, Default::default()).await).total, 0);
        assert_eq!(well(store.artifacts(&stranger, Default::default()).await).total, 0);
        assert_eq!(well(store.document(&stranger, "note", "1").await), None);
        assert_eq!(well(store.documents(Some(&stranger), "note", None, 9).await), []);
        assert_eq!(well(store.log(&stranger).await).size, 0);
        assert_eq!(well(store.hashes(&stranger, 0, 0, 9).await), []);
        let lost = store.extend(&"w_1".into(), &[(stranger, "run_a".into())], Timestamp(9)).await;
        assert_eq!(well(lost), ["run_a".into()]);
    }
    // The same names belong to each of them.
    submit(&*store, run(&other(), "run_a", 2)).await;
    assert_eq!(well(store.run(&acme(), &"run_a".into()).await), Some(run(&acme(), "run_a", 1)));
    assert_eq!(well(store.run(&other(), &"run_a".into()).await), Some(run(&other(), "run_a", 2)));
    assert_eq!(well(store.log(&other()).await).size, 1);
}

pub(super) async fn sealed_values_come_back_in_order_of_seq(store: Any) {
    let sealed = |seq: u64| affiant_engine::ports::SealedValue {
        seq,
        commitment: Digest::of(&seq.to_be_bytes()),
        subject: "u_1".into(),
        cipher: vec![seq as u8; 40].into(),
    };
    let mut append = grow(&acme(), "run_a", 0..3);
    append.sealed = vec![sealed(0), sealed(2)];
    well(store.append(append).await);
    let mut append = grow(&acme(), "run_a", 3..4);
    append.sealed = vec![sealed(3)];
    well(store.append(append).await);
    assert_eq!(well(store.sealed(&acme(), &"run_a".into(), 0).await), [sealed(0), sealed(2), sealed(3)]);
    assert_eq!(well(store.sealed(&acme(), &"run_a".into(), 2).await), [sealed(2), sealed(3)]);
    assert_eq!(well(store.sealed(&other(), &"run_a".into(), 0).await), []);
    // What is sealed for somebody is found, and dropped together with the event that says so.
    let of = |seq| (StreamId::from("run_a"), sealed(seq));
    assert_eq!(well(store.sealed_of(&acme(), "u_1").await), [of(0), of(2), of(3)]);
    assert_eq!(well(store.sealed_of(&acme(), "u_2").await), []);
    assert_eq!(well(store.sealed_of(&other(), "u_1").await), []);
    let mut append = grow(&acme(), "admin", 0..1);
    append.unsealed = [0, 3].map(|seq| ("run_a".into(), seq, sealed(seq).commitment)).into();
    well(store.append(append).await);
    well(store.scrub().await);
    assert_eq!(well(store.sealed_of(&acme(), "u_1").await), [of(2)]);
    assert_eq!(well(store.sealed(&acme(), &"run_a".into(), 0).await), [sealed(2)]);
}

fn document(id: &str, value: Option<u64>) -> Document {
    Document { tenant: acme(), collection: "note".into(), id: id.into(), value: value.map(Into::into) }
}
