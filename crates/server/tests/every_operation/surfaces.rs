//! The ways to call an operation, each asked as its own callers would.

use affiant_surface::{
    auth::Credential,
    gateway::{Call, SurfaceName},
};
use serde_json::Value;

use crate::world::World;

/// A way to call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surface {
    Gateway,
    Rest,
    Cli,
}

pub(crate) const SURFACES: [Surface; 3] = [Surface::Gateway, Surface::Rest, Surface::Cli];

impl Surface {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Rest => "rest",
            Self::Cli => "cli",
        }
    }
}

/// The output, or status and code of the refusal.
pub(crate) async fn ask(
    world: &World,
    surface: Surface,
    caller: &str,
    operation: &str,
    input: Value,
) -> Result<Value, String> {
    let (key, version) = operation.split_once('@').expect("rows name a version");
    match surface {
        Surface::Gateway => gateway(world, caller, key, version, input).await,
        Surface::Rest => rest(world, caller, key, version, &input).await,
        Surface::Cli => cli(world, caller, operation, &input).await,
    }
}

async fn gateway(world: &World, caller: &str, key: &str, version: &str, input: Value) -> Result<Value, String> {
    let credential = world.key(caller).map_or(Credential::None, |key| Credential::Key(key.clone()));
    let call = Call { credential, ..Call::new(key, version.parse().unwrap(), input, SurfaceName::Cli) };
    let outcome = world.gateway.call(call).await.outcome;
    outcome.map(|done| done.value()).map_err(|problem| format!("{} {}", problem.status(), problem.code()))
}

async fn rest(world: &World, caller: &str, key: &str, version: &str, input: &Value) -> Result<Value, String> {
    let reads_only = world.gateway.routes().any(|route| *route.name == format!("{key}@{version}") && route.reads_only);
    let url = format!("{}/{}/v{version}", world.url, key.replace('.', "/"));
    let request = match reads_only {
        true => world.http.get(url).query(&[("input", input.to_string())]),
        false => world.http.post(url).json(input),
    };
    let request = world.key(caller).into_iter().fold(request, |request, key| request.bearer_auth(key));
    let response = request.send().await.unwrap();
    let status = response.status();
    assert_eq!(response.headers()["contract-version"], version, "{key}");
    let body: Value = response.json().await.unwrap();
    if status.is_success() {
        return Ok(body);
    }
    assert_eq!(body["status"], status.as_u16(), "{key}");
    Err(format!("{} {}", status.as_u16(), body["code"].as_str().unwrap()))
}

/// The real binary, as anybody types it.
async fn cli(world: &World, caller: &str, operation: &str, input: &Value) -> Result<Value, String> {
    let mut program = tokio::process::Command::new(env!("CARGO_BIN_EXE_affiant"));
    program.args(["call", operation, "--input-json", &input.to_string(), "-o", "json", "--server", &world.url]);
    program.current_dir(world.project()).env_clear().env("HOME", world.folder.path());
    if let Some(key) = world.key(caller) {
        program.env("AFFIANT_TOKEN", key);
    }
    let output = program.output().await.unwrap();
    let said: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{operation} is no JSON: {error}\n{}", String::from_utf8_lossy(&output.stderr)));
    if output.status.success() {
        return Ok(said);
    }
    let (status, code) = (said["error"]["status"].as_u64().unwrap(), said["error"]["code"].as_str().unwrap());
    assert_eq!(output.status.code(), Some(exit_of(status)), "{operation}: {said}");
    Err(format!("{status} {code}"))
}

/// The exit codes that are promised for refusals.
fn exit_of(status: u64) -> i32 {
    match status {
        400 | 405 | 413 | 415 | 422 => 2,
        404 => 3,
        401 | 403 => 4,
        409 => 5,
        _ => 1,
    }
}
