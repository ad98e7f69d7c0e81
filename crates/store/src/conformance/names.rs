//! Promises about replies under idempotency keys, and about documents.

use std::sync::Arc;

use affiant_engine::ports::{Append, Document, Remembered, Store, StoreError};
use affiant_journal::{Digest, StreamId, TenantId, Timestamp};

use super::material::{acme, entry, grow, other, run, well};
use crate::testing::Hands;

type Any = Arc<dyn Store>;

fn reply(scope: &str, request: &str, reply: Option<&str>) -> Remembered {
    Remembered {
        scope: scope.to_owned(),
        request: Digest::of(request.as_bytes()),
        reply: reply.map(|text| text.as_bytes().into()),
        expires: Timestamp(100),
    }
}

pub(super) async fn a_reply_is_remembered_until_it_expires(store: Any, clock: &Hands) {
    clock.set(50);
    let (first, second) = (reply("run k", "q", Some("first")), reply("run k", "q", Some("second")));
    assert_eq!(well(store.recall(&acme(), "run k").await), None);
    well(store.remember(&acme(), first.clone(), true).await);
    assert_eq!(well(store.recall(&acme(), "run k").await), Some(first.clone()));
    assert_eq!(well(store.recall(&acme(), "run other").await), None);
    assert_eq!(well(store.recall(&other(), "run k").await), None);
    match store.remember(&acme(), second.clone(), true).await {
        Err(StoreError::Remembered(taken)) => assert_eq!(*taken, first),
        answer => panic!("expected the first reply, got {answer:?}"),
    }
    well(store.remember(&acme(), second.clone(), false).await);
    assert_eq!(well(store.recall(&acme(), "run k").await), Some(second));
    clock.set(100);
    assert_eq!(well(store.recall(&acme(), "run k").await), None);
    let later = Remembered { expires: Timestamp(200), ..first };
    well(store.remember(&acme(), later.clone(), true).await);
    assert_eq!(well(store.recall(&acme(), "run k").await), Some(later));
}

pub(super) async fn an_append_under_a_key_that_is_taken_changes_nothing(store: Any) {
    let under = |stream: &str, expected: u64, remembered: Remembered| {
        let mut append = Append::new(acme(), StreamId::from(stream), expected, vec![entry(stream)]);
        append.remember = Some(remembered);
        append
    };
    let first = reply("run k", "q", Some("first"));
    well(store.append(under("run_a", 0, first.clone())).await);
    assert_eq!(well(store.recall(&acme(), "run k").await), Some(first.clone()));
    // Even where the stream has moved on: a repeated call finds its reply, not a conflict.
    for (stream, expected) in [("run_b", 0), ("run_a", 1), ("run_a", 0)] {
        match store.append(under(stream, expected, reply("run k", "q", Some("again")))).await {
            Err(StoreError::Remembered(taken)) => assert_eq!(*taken, first),
            answer => panic!("expected the first reply, got {answer:?}"),
        }
    }
    assert_eq!(well(store.log(&acme()).await).size, 1);
    // A refusal for another reason leaves the key free.
    let late = under("run_a", 7, reply("run free", "q", Some("late")));
    assert!(matches!(store.append(late).await, Err(StoreError::Conflict { .. })));
    assert_eq!(well(store.recall(&acme(), "run free").await), None);
}

pub(super) async fn an_append_completes_the_call_that_is_under_way(store: Any) {
    well(store.remember(&acme(), reply("run k", "q", None), true).await);
    assert_eq!(well(store.recall(&acme(), "run k").await), Some(reply("run k", "q", None)));
    let mut wrong = grow(&acme(), "run_a", 0..1);
    wrong.remember = Some(reply("run k", "another question", Some("no")));
    assert!(matches!(store.append(wrong).await, Err(StoreError::Remembered(_))));
    let mut right = grow(&acme(), "run_a", 0..1);
    right.remember = Some(reply("run k", "q", Some("done")));
    well(store.append(right).await);
    assert_eq!(well(store.recall(&acme(), "run k").await), Some(reply("run k", "q", Some("done"))));
}

pub(super) async fn of_many_calls_under_one_key_one_is_first(store: Any) {
    let calls = (0..20).map(|call| {
        let store = store.clone();
        let mut append = grow(&acme(), &format!("run_{call}"), 0..1);
        append.remember = Some(reply("run k", "q", Some(&format!("reply {call}"))));
        append.run = Some(run(&acme(), &format!("run_{call}"), call));
        tokio::spawn(async move { store.append(append).await })
    });
    let mut replies = Vec::new();
    let mut accepted = 0;
    for call in calls.collect::<Vec<_>>() {
        match call.await.expect("a call does not panic") {
            Ok(_) => accepted += 1,
            Err(StoreError::Remembered(taken)) => replies.push(*taken),
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(accepted, 1);
    let kept = well(store.recall(&acme(), "run k").await);
    assert!(replies.iter().all(|reply| Some(reply) == kept.as_ref()));
    assert_eq!(well(store.runs(&acme(), Default::default()).await).total, 1);
}

pub(super) async fn documents_are_replaced_and_dropped(store: Any) {
    let document = |tenant: TenantId, id: &str, value: Option<serde_json::Value>| Document {
        tenant,
        collection: "key".into(),
        id: id.into(),
        value,
    };
    let put = async |stream: &str, documents: Vec<Document>| {
        let mut append = grow(&documents[0].tenant.clone(), stream, 0..1);
        append.documents = documents;
        well(store.append(append).await);
    };
    let value = |text: &str| Some(serde_json::json!({ "name": text, "unordered": [1.5, null] }));
    put("s1", vec![document(acme(), "b", value("old")), document(acme(), "a", value("a"))]).await;
    put("s2", vec![document(acme(), "b", value("new")), document(acme(), "c", value("c"))]).await;
    put("s1", vec![document(other(), "b2", value("theirs"))]).await;
    put("s3", vec![document(acme(), "c", None), document(acme(), "never", None)]).await;
    let (a, b) = (document(acme(), "a", value("a")), document(acme(), "b", value("new")));
    let theirs = document(other(), "b2", value("theirs"));
    assert_eq!(well(store.document(&acme(), "key", "b").await), Some(b.clone()));
    assert_eq!(well(store.document(&acme(), "key", "c").await), None);
    assert_eq!(well(store.document(&acme(), "webhook", "b").await), None);
    assert_eq!(well(store.documents(Some(&acme()), "key", None, 9).await), [a.clone(), b.clone()]);
    assert_eq!(well(store.documents(Some(&acme()), "key", Some("a"), 9).await), std::slice::from_ref(&b));
    assert_eq!(well(store.documents(None, "key", None, 9).await), [a.clone(), b.clone(), theirs.clone()]);
    assert_eq!(well(store.documents(None, "key", None, 2).await), [a, b]);
    assert_eq!(well(store.documents(None, "key", Some("b"), 9).await), [theirs]);
}
