//! What goes wrong, in every format.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use affiant_adapters::models::{Limits, Providers};
use affiant_engine::ports::{CheckConnection, Connection, Connections, Models, ProviderKind};
use provider::{Options, Trouble};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::phone::{KEY, Line, Phonebook, ask, listening, plain, scripted};

#[tokio::test]
async fn each_kind_of_refusal_has_a_code_that_says_who_can_act() {
    let line = Line::open().await;
    for kind in ProviderKind::ALL {
        for (trouble, code, retryable) in [
            ("400", "request-refused", false),
            ("401", "provider-refused", false),
            ("403", "provider-refused", false),
            ("404", "model-unknown", false),
            ("413", "request-refused", false),
            ("422", "request-refused", false),
            ("429:ms:1", "rate-limited", true),
            ("500", "provider-failed", true),
            ("503:ms:1", "provider-failed", true),
            ("529", "provider-failed", true),
            ("302", "request-refused", false),
            ("garbage", "reply-broken", true),
            ("half", "reply-broken", true),
            ("silence", "timeout", true),
        ] {
            line.provider.next([trouble.parse::<Trouble>().unwrap()]);
            let failure = line.ask(kind, plain("a question that has an answer")).await.unwrap_err();
            assert_eq!((&*failure.code, failure.retryable), (code, retryable), "{kind} {trouble}: {failure}");
            assert!(failure.message.contains(&format!("`{kind}`")), "{failure}");
        }
    }
}

#[tokio::test]
async fn what_a_provider_says_is_quoted_and_what_to_do_is_said() {
    let line = Line::open().await;
    line.provider.next(["500", "404", "garbage"].map(|it| it.parse().unwrap()));
    let mut told = Vec::new();
    for _ in 0..3 {
        told.push(line.ask(ProviderKind::Anthropic, plain("x")).await.unwrap_err().message);
    }
    let wrong = Providers::new(Phonebook::at(&line.provider.url(), "sk-wrong"));
    told.push(wrong.ask(ask(ProviderKind::Openai, plain("x"))).await.unwrap_err().message);
    let gone = Providers::new(Phonebook::at("http://127.0.0.1:9", "k"));
    told.push(gone.ask(ask(ProviderKind::Ollama, plain("x"))).await.unwrap_err().message);
    insta::assert_snapshot!(told.join("\n"), @r"
    `anthropic` failed (500): This went wrong on purpose
    `anthropic` does not know the model, or nothing is at its address (404): This went wrong on purpose
    `anthropic` answered with something that cannot be read: expected value at line 1 column 10
    `openai` did not accept the key (401): Incorrect API key provided: [key]. Run: affiant provider connect openai
    `ollama` cannot be reached: 127.0.0.1: no connection: Connection refused (os error 111). Is it running, and the address right?
    ");
}

#[tokio::test]
async fn a_wait_is_known_however_it_is_said() {
    for (trouble, least, most) in [("503:7", 7.0, 7.0), ("503:ms:1500", 1.5, 1.5), ("503:date:20", 20.0, 22.0)] {
        let line = Line::open().await;
        line.provider.next([trouble.parse::<Trouble>().unwrap()]);
        let providers = Providers::new(Phonebook::at(&line.provider.url(), KEY));
        let failure = providers.ask(ask(ProviderKind::Gemini, plain("x"))).await.unwrap_err();
        let wait = failure.retry_after.unwrap().as_secs_f64();
        assert!((least..=most).contains(&wait), "{trouble}: {wait}");
    }
}

#[tokio::test]
async fn after_a_429_nobody_with_the_key_asks_before_the_time_named() {
    let line = Line::open().await;
    line.provider.next(["429:1".parse().unwrap()]);
    let refused = line.ask(ProviderKind::Anthropic, plain("one")).await.unwrap_err();
    assert_eq!(refused.retry_after, Some(Duration::from_secs(1)));
    // The second worker has the same key at the same place; the server counts who comes too early.
    let (one, two) = tokio::join!(
        line.ask(ProviderKind::Anthropic, plain("two")),
        line.ask(ProviderKind::Anthropic, plain("three"))
    );
    one.unwrap();
    two.unwrap();
    assert_eq!(line.provider.early(), 0);
    assert_eq!(line.outcomes(3).await, ["refused 429", "completed", "completed"]);
}

#[tokio::test]
async fn a_call_whose_turn_comes_later_than_its_limit_is_made_all_the_same_and_says_how_long_it_waited() {
    let line = Line::open().await;
    line.provider.next(["429:1".parse().unwrap()]);
    line.ask(ProviderKind::Anthropic, plain("one")).await.unwrap_err();
    let waited = Arc::new(Mutex::new(None));
    let (mut ask, kept) = (ask(ProviderKind::Anthropic, plain("two")), waited.clone());
    ask.leaves = Arc::new(move |time| *kept.lock().unwrap() = Some(time));
    ask.timeout = Duration::from_millis(500);
    line.providers.ask(ask).await.unwrap();
    let waited = waited.lock().unwrap().unwrap();
    assert!(waited > Duration::from_millis(500), "{waited:?}");
}

#[tokio::test]
async fn a_rest_that_is_longer_than_a_call_may_wait_is_told_at_once_and_nothing_is_sent() {
    let line = Line::open().await;
    line.provider.next(["429:3600".parse().unwrap()]);
    line.ask(ProviderKind::Openai, plain("one")).await.unwrap_err();
    let failure = line.ask(ProviderKind::Openai, plain("two")).await.unwrap_err();
    assert_eq!((&*failure.code, failure.retryable), ("rate-limited", true));
    assert!(failure.retry_after.unwrap() > Duration::from_secs(3500));
    assert_eq!(line.outcomes(1).await, ["refused 429"]);
    // Another key's pace is another one.
    let other = Providers::new(Phonebook::at(&line.provider.url(), "another"));
    let failure = other.ask(ask(ProviderKind::Openai, plain("three"))).await.unwrap_err();
    assert_eq!(&*failure.code, "provider-refused");
}

#[tokio::test]
async fn no_more_requests_are_under_way_at_once_than_the_connection_allows() {
    let line = Line::with(Options { delay: Duration::from_millis(5), ..Options::default() }).await;
    let asked = (0..20).map(|n| {
        let providers = line.providers.clone();
        tokio::spawn(async move { providers.ask(ask(ProviderKind::OpenaiChat, plain(&format!("{n}")))).await })
    });
    for asked in asked.collect::<Vec<_>>() {
        asked.await.unwrap().unwrap();
    }
    assert!((2..=4).contains(&line.provider.most()), "{}", line.provider.most());
}

#[tokio::test]
async fn cancelling_closes_the_connection_and_says_what_was_used_so_far() {
    let line = Line::with(Options { delay: Duration::from_millis(30), ..Options::default() }).await;
    for kind in ProviderKind::ALL {
        let cancel = CancellationToken::new();
        let (mut ask, _) = listening(ask(kind, scripted(&json!([{ "text": "word ".repeat(200) }]))));
        (ask.cancel, ask.told) = (cancel.clone(), Arc::new(move |_| cancel.cancel()));
        let failure = line.providers.ask(ask).await.unwrap_err();
        assert_eq!((&*failure.code, failure.retryable), ("cancelled", false), "{kind}");
        let counts_early = matches!(kind, ProviderKind::Anthropic | ProviderKind::Gemini);
        assert_eq!(failure.usage.is_some_and(|usage| usage.input > 0), counts_early, "{kind}");
    }
    assert_eq!(line.outcomes(5).await, ["aborted"; 5]);
}

#[tokio::test]
async fn a_server_that_never_answers_is_left_after_the_first_limit() {
    let line = Line::open().await;
    let limits = Limits { first: Duration::from_millis(50), ..Limits::default() };
    let providers = Providers::new(Phonebook::at(&line.provider.url(), KEY)).with_limits(limits);
    // The first request of a process reads certificates, which takes longer than this limit.
    let _ = providers.ask(ask(ProviderKind::Anthropic, plain("x"))).await;
    let before = line.provider.calls().len() / 2;
    line.provider.next([Trouble::Hang]);
    let failure = providers.ask(ask(ProviderKind::Anthropic, plain("x"))).await.unwrap_err();
    assert_eq!((&*failure.code, failure.retryable), ("timeout", true));
    assert_eq!(line.outcomes(before + 1).await.last().unwrap(), "aborted");
}

#[tokio::test]
async fn a_call_ends_when_its_whole_time_is_over_however_lively_the_answer_is() {
    let line = Line::with(Options { delay: Duration::from_millis(20), ..Options::default() }).await;
    line.ask(ProviderKind::Openai, plain("x")).await.unwrap();
    let mut ask = ask(ProviderKind::Openai, scripted(&json!([{ "text": "word ".repeat(2000) }])));
    ask.timeout = Duration::from_millis(500);
    let failure = line.providers.ask(ask).await.unwrap_err();
    assert_eq!(&*failure.code, "timeout");
    assert_eq!(line.outcomes(2).await, ["completed", "aborted"]);
}

#[tokio::test]
async fn a_key_does_not_leave_unencrypted_for_a_public_address() {
    let providers = Providers::new(Phonebook::at("http://1.1.1.1", KEY));
    let failure = providers.ask(ask(ProviderKind::Anthropic, plain("x"))).await.unwrap_err();
    insta::assert_snapshot!(failure.message, @"the base URL of `anthropic` is public and not https: the key would travel unencrypted, so nothing was sent");
}

#[tokio::test]
async fn a_check_lists_models_for_nothing_and_says_what_is_wrong_otherwise() {
    let line = Line::open().await;
    let book = Phonebook::at(&line.provider.url(), KEY);
    for (kind, model) in [
        (ProviderKind::Anthropic, "large"),
        (ProviderKind::Openai, "large"),
        (ProviderKind::OpenaiChat, "large"),
        (ProviderKind::Gemini, "gemini-large"),
        (ProviderKind::Ollama, "small:latest"),
    ] {
        let connection = book.connection(&"t_a".into(), kind.as_str()).await.unwrap().unwrap();
        let checked = line.providers.check(connection, None).await.unwrap();
        assert_eq!((checked.models[0].as_str(), checked.paid), (model, false), "{kind}");
    }
    let name = ProviderKind::Gemini.as_str();
    let wrong = Phonebook::at(&line.provider.url(), "bad").connection(&"t_a".into(), name).await.unwrap().unwrap();
    let failure = line.providers.check(wrong.clone(), None).await.unwrap_err();
    assert_eq!(&*failure.code, "provider-refused");
    let lost = Connection { base_url: Some(format!("{}/nothing", line.provider.url())), ..wrong };
    let failure = line.providers.check(lost, None).await.unwrap_err();
    insta::assert_snapshot!(failure.message, @"`gemini` has no list of models at its address. Is the base URL right?");
    assert!(line.provider.calls().is_empty(), "a check costs nothing");
}
