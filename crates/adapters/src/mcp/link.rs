//! One connection to a server, from the handshake to its end.

use std::{
    collections::BTreeMap,
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use affiant_engine::ports::{ListedTool, ToolFailure};
use rmcp::{
    RoleClient,
    model::{CallToolRequestParams, CallToolResponse, PaginatedRequestParams, ProtocolVersion, RequestMetaObject},
    service::{ClientInitializeError, ClientLifecycleMode, ClientServiceExt, RunningService, ServiceError},
    transport::{
        IntoTransport, StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use url::Url;

use super::{McpServer, answer, failed, handler::Quiet, listed::listed, process::Program, server::Server};
use crate::{
    failure::refuse,
    http::{HttpError, from_environment},
    secrets::Secrets,
};

/// The largest message of a server. A larger one ends the connection.
pub(super) const MOST_MESSAGE: usize = 12 << 20;
/// How long a server may take until it has answered the handshake: some are installed at their first start.
const START: Duration = Duration::from_secs(60);
/// How long it may take to list its tools.
const LIST: Duration = Duration::from_secs(15);
/// The most tools of one server.
const MOST_TOOLS: usize = 1000;
/// Under which a server finds the idempotency key of a call.
const KEY: &str = "affiant.dev/idempotencyKey";

type Tools = Arc<BTreeMap<String, ListedTool>>;

/// A connection that was made.
pub(super) struct Link {
    server: String,
    service: RunningService<RoleClient, Quiet>,
    /// The program, where the server is one. It ends when this is dropped.
    program: Option<Program>,
    /// Whether the server tells of changes by itself. One that does not is asked before every call.
    tells: bool,
    changed: Arc<AtomicBool>,
    listed: Mutex<Option<Tools>>,
    secrets: Secrets,
}

impl Link {
    /// Connects. A server that does not know the handshake of older versions is asked again in the newer way.
    pub(super) async fn open(server: &Server) -> Result<Self, ToolFailure> {
        match Self::begin(server, ClientLifecycleMode::Initialize).await? {
            Ok(link) => Ok(link),
            Err(_) => {
                let newer = ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::LATEST] };
                Self::begin(server, newer).await?
            }
        }
    }

    /// Connects in one of the two ways; the inner failure says that the server refuses this way.
    async fn begin(server: &Server, way: ClientLifecycleMode) -> Result<Result<Self, ToolFailure>, ToolFailure> {
        let mut secrets = Secrets::default();
        match &server.how {
            McpServer::Program { argv, env, folder } => {
                let env = server.values(env, &mut secrets)?;
                let (program, pipes) = Program::start(&server.name, argv, env, folder, &*server.environment, &secrets)?;
                Self::shake(server, pipes, Some(program), way, secrets).await
            }
            McpServer::Address { url, headers, allow_private } => {
                server.values(headers, &mut secrets)?;
                let transport = http(server, url, headers, *allow_private)?;
                Self::shake(server, transport, None, way, secrets).await
            }
        }
    }

    async fn shake<T, E, A>(
        server: &Server,
        transport: T,
        program: Option<Program>,
        way: ClientLifecycleMode,
        secrets: Secrets,
    ) -> Result<Result<Self, ToolFailure>, ToolFailure>
    where
        T: IntoTransport<RoleClient, E, A>,
        E: Error + Send + Sync + 'static,
    {
        let changed = Arc::new(AtomicBool::new(false));
        let tells = matches!(way, ClientLifecycleMode::Initialize);
        let begun = Quiet { changed: changed.clone() }.serve_with_lifecycle(transport, way);
        let why = match tokio::time::timeout(START, begun).await {
            Ok(Ok(service)) => {
                let (server, listed) = (server.name.clone(), Mutex::new(None));
                return Ok(Ok(Self { server, service, program, tells, changed, listed, secrets }));
            }
            Ok(Err(error)) => {
                let why = failed::handshake(&error, program.as_ref(), &secrets).await;
                let failure = failed::not_connected(&server.name, &why);
                let refused = matches!(error, ClientInitializeError::JsonRpcError(_)) && tells;
                return if refused { Ok(Err(failure)) } else { Err(failure) };
            }
            Err(_) => format!("it did not answer within {} s", START.as_secs()),
        };
        Err(failed::not_connected(&server.name, &why))
    }

    /// Whether nothing can be said over it any more.
    pub(super) fn is_gone(&self) -> bool {
        self.service.is_transport_closed() || self.service.is_closed()
    }

    /// Ends the connection, and waits until its program has ended.
    pub(super) async fn close(&self) {
        self.service.cancellation_token().cancel();
        if let Some(program) = &self.program {
            program.stop.cancel();
            program.gone.cancelled().await;
        }
    }

    /// Has the tools listed again before the next call.
    pub(super) fn doubt(&self) {
        self.changed.store(true, Ordering::Release);
    }

    /// What the server offers, as it was listed when the connection was made or when it last said that this changed.
    pub(super) async fn tools(&self) -> Result<Tools, ToolFailure> {
        let mut listed = self.listed.lock().await;
        if self.changed.swap(false, Ordering::AcqRel) || !self.tells {
            *listed = None;
        }
        if let Some(tools) = &*listed {
            return Ok(tools.clone());
        }
        let asked = tokio::time::timeout(LIST, self.list()).await;
        let tools = match asked {
            Ok(Ok(tools)) => Arc::new(tools),
            Ok(Err(error)) => return Err(ToolFailure { uncertain: false, ..self.failed(error, "tools/list").await }),
            Err(_) => {
                let why = format!("it did not list its tools within {} s", LIST.as_secs());
                return Err(failed::not_connected(&self.server, &why));
            }
        };
        *listed = Some(tools.clone());
        Ok(tools)
    }

    async fn list(&self) -> Result<BTreeMap<String, ListedTool>, ServiceError> {
        let (mut tools, mut cursor) = (BTreeMap::new(), None);
        loop {
            let page = self.service.list_tools(Some(PaginatedRequestParams::default().with_cursor(cursor))).await?;
            let empty = page.tools.is_empty();
            for tool in page.tools.into_iter().map(|tool| listed(tool, &self.secrets)) {
                tools.insert(tool.name.clone(), tool);
            }
            cursor = page.next_cursor;
            // A list without end is no list; what does not stand on it is not called.
            if cursor.is_none() || empty || tools.len() >= MOST_TOOLS {
                return Ok(tools);
            }
        }
    }

    /// Calls a tool. Dropping the call tells the server that nobody waits any more.
    pub(super) async fn call(
        &self,
        tool: &str,
        arguments: Map<String, Value>,
        key: &str,
    ) -> Result<Value, ToolFailure> {
        let mut params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        let mut meta = RequestMetaObject::new();
        meta.0.insert(KEY.to_owned(), key.into());
        params.meta = Some(meta);
        match self.service.call_tool_once(params).await {
            Ok(CallToolResponse::Complete(result)) => answer::of(result, &self.secrets),
            Ok(_) => Err(refuse("tool-error", "the tool asks for what is not offered: more input, or patience")),
            Err(error) => Err(self.failed(error, tool).await),
        }
    }

    /// What a failed request means.
    async fn failed(&self, error: ServiceError, what: &str) -> ToolFailure {
        failed::request(&error, (&self.server, what), self.program.as_ref(), &self.secrets).await
    }
}

/// An address that may not be reached, with the line that opens the way.
fn barred(server: &str, error: &HttpError) -> ToolFailure {
    let failure = error.failure(true);
    match error {
        HttpError::Address { .. } => ToolFailure {
            message: format!(
                "the MCP server `{server}`: {}. If it is meant to be there, say `allow_private = true` in [mcp.{server}] \
                 of affiant.toml",
                failure.message
            ),
            ..failure
        },
        _ => failure,
    }
}

/// Our guarded client, spoken over by the protocol's own.
fn http(
    server: &Server,
    url: &str,
    headers: &BTreeMap<String, String>,
    allow_private: bool,
) -> Result<StreamableHttpClientTransport<reqwest::Client>, ToolFailure> {
    let misset = |why: String| refuse("binding-failed", format!("the MCP server `{}`: {why}", server.name));
    let parsed = Url::parse(url).map_err(|_| misset("its address cannot be read".to_owned()))?;
    let client = server.http.client(&parsed, allow_private).map_err(|error| barred(&server.name, &error))?;
    let fields = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let headers = from_environment(fields, &*server.environment).map_err(|error| misset(error.to_string()))?;
    let mut config = StreamableHttpClientTransportConfig::with_uri(parsed.as_str());
    config.custom_headers = headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    config.max_json_response_size = MOST_MESSAGE;
    config.max_sse_event_size = MOST_MESSAGE;
    // A new session may offer other tools: it begins here, where they are compared.
    config.reinit_on_expired_session = false;
    Ok(StreamableHttpClientTransport::with_client(client, config))
}
