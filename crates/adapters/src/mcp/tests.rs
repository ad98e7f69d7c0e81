//! Servers that do what servers do: answer, fail, change, die, hang, talk without end, and tell secrets.

mod peer;

use std::{collections::BTreeMap, fs, path::Path, sync::Arc, time::Duration};

use affiant_contract::McpBinding;
use affiant_engine::ports::{ToolFailure, ToolServers as _};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::{McpServer, Servers, Wanted};
use crate::{Config, http::Http};

const CANARY: &str = "canary-1f00d";

/// A server and the folder in which it remembers.
struct World {
    folder: tempfile::TempDir,
    servers: Servers,
    timeout: Duration,
}

impl World {
    fn of(folder: tempfile::TempDir, how: McpServer) -> Self {
        let environment = |name: &str| match name {
            "PATH" => std::env::var("PATH").ok(),
            "HOME" => Some("/home/somebody".to_owned()),
            "MY_TOKEN" => Some(CANARY.to_owned()),
            "MY_HEADER" => Some("Bearer sesame-opens".to_owned()),
            _ => None,
        };
        let config = Config {
            environment: Arc::new(environment),
            mcp: [("peer".to_owned(), how)].into(),
            ..Config::new(folder.path().to_owned(), Arc::default())
        };
        let servers = Servers::new(&config, &Arc::new(Http::new()));
        Self { folder, servers, timeout: Duration::from_secs(30) }
    }

    fn program() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display().to_string();
        let env = [("TOKEN", "env:MY_TOKEN"), (peer::folder_variable(), &at)];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let how = McpServer::Program { argv: peer::argv(), env, folder: folder.path().to_owned() };
        Self::of(folder, how)
    }

    /// What the tool is pinned to now.
    async fn pin(&self, tool: &str) -> McpBinding {
        let listed = self.servers.list("peer").await.unwrap();
        let listed = listed.into_iter().find(|listed| listed.name == tool).unwrap();
        let (server, tool) = ("peer".to_owned(), tool.to_owned());
        McpBinding { server, tool, schema: listed.schema, parts: listed.parts, timeout: None }
    }

    async fn send(
        &self,
        binding: &McpBinding,
        arguments: Value,
        cancel: &CancellationToken,
    ) -> Result<Value, ToolFailure> {
        let arguments: Map<String, Value> = serde_json::from_value(arguments).unwrap();
        let wanted = Wanted { binding, arguments, idempotency_key: "run_1/1", timeout: self.timeout, cancel };
        self.servers.get("peer").unwrap().call(wanted).await
    }

    async fn call(&self, tool: &str, arguments: Value) -> String {
        let binding = self.pin(tool).await;
        told(self.send(&binding, arguments, &CancellationToken::new()).await)
    }

    fn remembered(&self, file: &str) -> String {
        fs::read_to_string(self.folder.path().join(file)).unwrap_or_default()
    }
}

fn told(result: Result<Value, ToolFailure>) -> String {
    match result {
        Ok(value) => value.to_string(),
        Err(e) => format!("{}: {} (again: {}, uncertain: {})", e.code, e.message, e.retryable, e.uncertain),
    }
}

#[tokio::test]
async fn a_tool_gets_its_arguments_and_the_key_and_its_answer_is_the_output() {
    let world = World::program();
    insta::assert_snapshot!(world.call("echo", json!({ "text": "hi" })).await, @r#"
    {"content":[{"type":"text","text":"hi"}],"structured":{"n":1.5,"of":{"text":"hi"}}}
    "#);
    insta::assert_snapshot!(world.call("picture", json!({})).await, @r#"
    {"content":[{"type":"image","mimeType":"image/png","data":"AAEC"},{"type":"resource","uri":"file:///a","text":"inside"},{"type":"link","uri":"file:///b","name":"b"}]}
    "#);
    insta::assert_snapshot!(world.remembered("told"), @r#"
    "echo" "run_1/1"
    "picture" "run_1/1"
    "#);
    assert_eq!(world.remembered("starts"), "x", "all calls share one connection");
}

#[tokio::test]
async fn a_failure_is_told_in_the_tools_own_words_on_one_line() {
    let world = World::program();
    let mut all = Vec::new();
    for (tool, arguments) in
        [("fail", json!({})), ("refuse", json!({ "code": -32602 })), ("refuse", json!({ "code": -32603 }))]
    {
        all.push(world.call(tool, arguments).await);
    }
    insta::assert_snapshot!(all.join("\n"), @r"
    tool-error: no such\nfile (again: false, uncertain: false)
    tool-error: no\x1b[31m (again: false, uncertain: false)
    tool-error: no\x1b[31m (again: false, uncertain: true)
    ");
}

#[tokio::test]
async fn a_tool_that_changes_while_it_is_in_use_is_not_called_any_more() {
    let world = World::program();
    let (echo, picture) = (world.pin("echo").await, world.pin("picture").await);
    assert!(told(world.send(&echo, json!({ "text": "hi" }), &CancellationToken::new()).await).contains("hi"));
    world.call("change", json!({})).await;
    let after = [
        told(world.send(&echo, json!({ "text": "hi" }), &CancellationToken::new()).await),
        told(world.send(&picture, json!({}), &CancellationToken::new()).await),
    ];
    insta::assert_snapshot!(after.join("\n"), @"
    tool-changed: the tool `echo` of the MCP server `peer` is not the one that was pinned: its description and input schema are different. Look at it, then pin it again: affiant mcp pin peer (again: false, uncertain: false)
    tool-changed: the MCP server `peer` no longer lists the tool `picture`; see `affiant mcp list` (again: false, uncertain: false)
    ");
    assert_eq!(world.remembered("told").lines().filter(|line| line.contains("echo")).count(), 1);
}

#[tokio::test]
async fn a_server_that_dies_in_a_call_leaves_it_uncertain_and_is_started_again_for_the_next() {
    let world = World::program();
    insta::assert_snapshot!(world.call("die", json!({})).await, @"
    binding-failed: the MCP server `peer`, die: the program ended with status 3: my token is [secret] | and I die (again: true, uncertain: true)
    ");
    assert!(world.call("echo", json!({ "text": "again" })).await.contains("again"));
    assert_eq!(world.remembered("starts"), "xx");
}

#[tokio::test]
async fn a_call_that_takes_too_long_or_is_stopped_is_cancelled_at_the_server() {
    let mut world = World::program();
    let hang = world.pin("hang").await;
    let cancel = CancellationToken::new();
    let (stopped, ()) = tokio::join!(world.send(&hang, json!({}), &cancel), async {
        while !world.remembered("told").contains("hang") {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    });
    world.timeout = Duration::from_millis(300);
    let late = world.send(&hang, json!({}), &CancellationToken::new()).await;
    insta::assert_snapshot!([told(stopped), told(late)].join("\n"), @"
    cancelled: the call was stopped before it had ended (again: false, uncertain: true)
    binding-timeout: the MCP server `peer`, hang: no answer within 0.3 s (again: true, uncertain: true)
    ");
    world.timeout = Duration::from_secs(30);
    assert!(world.call("echo", json!({ "text": "still here" })).await.contains("still here"));
    assert_eq!(world.remembered("starts"), "x");
    assert_eq!(world.remembered("told").lines().filter(|line| *line == "cancelled").count(), 2);
}

#[tokio::test]
async fn a_large_answer_is_cut_and_one_without_end_ends_the_connection() {
    let world = World::program();
    let output: Value = serde_json::from_str(&world.call("huge", json!({ "bytes": 5 << 20 })).await).unwrap();
    let text = output["content"][0]["text"].as_str().unwrap();
    assert_eq!((text.len(), &output["truncated"]), (4 << 20, &json!(true)));
    insta::assert_snapshot!(world.call("flood", json!({})).await, @"
    binding-failed: the MCP server `peer`, flood: it wrote a message larger than 12582912 bytes (again: true, uncertain: true)
    ");
    assert!(world.call("echo", json!({ "text": "again" })).await.contains("again"));
}

#[tokio::test]
async fn a_secret_does_not_come_back_and_the_environment_is_clean() {
    let world = World::program();
    let path = std::env::var("PATH").unwrap();
    let env = world.call("env", json!({})).await.replace(&path, "…");
    insta::assert_snapshot!(env, @r#"
    {"content":[{"type":"text","text":"PATH=…\nTOKEN=[secret]"}]}
    "#);
    let died = world.call("die", json!({})).await;
    assert!(!died.contains(CANARY) && died.contains("my token is [secret]"), "{died}");
}

#[tokio::test]
async fn what_a_server_asks_of_us_is_refused() {
    insta::assert_snapshot!(World::program().call("ask", json!({})).await, @r#"
    {"content":[{"type":"text","text":"roots/list -32601, sampling/createMessage -32601, elicitation/create -32601"}]}
    "#);
}

#[tokio::test]
async fn a_server_that_cannot_be_started_is_said_to_be_so() {
    let at = |argv: &[&str], env: &[(&str, &str)]| {
        let folder = tempfile::tempdir().unwrap();
        let env: BTreeMap<_, _> = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let argv = argv.iter().map(|part| (*part).to_owned()).collect();
        World::of(folder, McpServer::Program { argv, env, folder: Path::new("/").to_owned() })
    };
    let mut all = Vec::new();
    for world in [
        at(&["./no-such-program"], &[]),
        at(&["sh", "-c", "echo oh >&2; exit 4"], &[]),
        at(&["sh", "-c", "cat"], &[("A", "env:NOT_SET")]),
        at(
            &["sh", "-c", "while read -r line; do echo '[1, 2'; echo '{\"jsonrpc\": 7}'; done & sleep 0.2; kill -9 $$"],
            &[],
        ),
    ] {
        all.push(told(world.servers.list("peer").await.map(|_| json!({}))));
    }
    insta::assert_snapshot!(all.join("\n"), @"
    binding-failed: the MCP server `peer`: ./no-such-program could not be started: No such file or directory (os error 2) (again: false, uncertain: false)
    binding-failed: the MCP server `peer`: the program ended with status 4: oh (again: true, uncertain: false)
    binding-failed: the MCP server `peer`: `A` is read from NOT_SET, which the server's environment does not have (again: false, uncertain: false)
    binding-failed: the MCP server `peer`: the program was killed by a signal (again: true, uncertain: false)
    ");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn nothing_of_a_server_is_left_when_it_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let stubborn = "trap '' TERM; sleep 600 & echo $! > pid; cat > /dev/null; wait";
    let argv = ["sh", "-c", stubborn].map(str::to_owned).into();
    let how = McpServer::Program { argv, env: BTreeMap::new(), folder: folder.path().to_owned() };
    let world = World::of(folder, how);
    let asking = tokio::time::timeout(Duration::from_millis(500), world.servers.list("peer"));
    assert!(asking.await.is_err(), "it never answers");
    let lives = |pid: &str| {
        let status = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        !status.is_empty() && !status.contains(") Z ")
    };
    while world.remembered("pid").is_empty() || lives(&world.remembered("pid")) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn over_http(headers: &[(&str, &str)], allow_private: bool) -> (World, crate::http::server::Server) {
    let folder = tempfile::tempdir().unwrap();
    let server = peer::over_http(folder.path().to_owned()).await;
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let url = server.url("/mcp?key=1");
    (World::of(folder, McpServer::Address { url, headers, allow_private }), server)
}

#[tokio::test]
async fn an_address_is_spoken_to_over_http_with_the_same_rules() {
    let (mut world, server) = over_http(&[("Authorization", "env:MY_HEADER")], true).await;
    let mut all = vec![world.call("echo", json!({ "text": "hi" })).await, world.call("fail", json!({})).await];
    all.push(world.call("env", json!({})).await);
    all.push(world.call("die", json!({})).await);
    let hang = world.pin("hang").await;
    world.timeout = Duration::from_millis(300);
    all.push(told(world.send(&hang, json!({}), &CancellationToken::new()).await));
    let all = all.join("\n").replace(&server.address.to_string(), "HOST");
    insta::assert_snapshot!(all, @r#"
    {"content":[{"type":"text","text":"hi"}],"structured":{"n":1.5,"of":{"text":"hi"}}}
    tool-error: no such\nfile (again: false, uncertain: false)
    binding-failed: the MCP server `peer`, env: it answered 503 (again: true, uncertain: false)
    binding-failed: the MCP server `peer`, die: the connection broke: connection closed before message completed (again: true, uncertain: true)
    binding-timeout: the MCP server `peer`, hang: no answer within 0.3 s (again: true, uncertain: true)
    "#);
}

#[tokio::test]
async fn an_address_that_may_not_be_reached_or_does_not_let_us_in_is_said_to_be_so() {
    let mut all = Vec::new();
    for (headers, private) in [
        (vec![("Authorization", "env:MY_HEADER")], false),
        (vec![], true),
        (vec![("Authorization", "env:NOT_SET")], true),
    ] {
        let (world, server) = over_http(&headers, private).await;
        let answer = told(world.servers.list("peer").await.map(|_| json!({})));
        all.push(answer.replace(&server.address.to_string(), "HOST"));
    }
    let gone =
        McpServer::Address { url: "http://127.0.0.1:9/mcp".into(), headers: BTreeMap::new(), allow_private: true };
    let world = World::of(tempfile::tempdir().unwrap(), gone);
    all.push(told(world.servers.list("peer").await.map(|_| json!({}))));
    insta::assert_snapshot!(all.join("\n"), @"
    address-not-allowed: the MCP server `peer`: 127.0.0.1: this is not an address of the public internet. If it is meant to be there, say `allow_private = true` in [mcp.peer] of affiant.toml (again: false, uncertain: false)
    binding-failed: the MCP server `peer`: unexpected server response: HTTP 401 Unauthorized: who are you? (again: true, uncertain: false)
    binding-failed: the MCP server `peer`: `Authorization` is read from NOT_SET, which the server's environment does not have (again: false, uncertain: false)
    binding-failed: the MCP server `peer`: 127.0.0.1: no connection: Connection refused (os error 111) (again: true, uncertain: false)
    ");
}
