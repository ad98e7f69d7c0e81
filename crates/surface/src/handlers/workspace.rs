//! `workspace.allow`, `workspace.forbid` and `workspace.list`: the folders that agents and tools may touch.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use affiant_engine::ports::{Document, Store};
use affiant_journal::{ConfigChanged, Payload, TenantId};
use affiant_policy::Principal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    services::{Folder, Services},
    wire::Moment,
};
use crate::{
    gateway::{Context, Handlers},
    problem::Refusal,
};

/// The collection of documents that holds the folders a tenant may touch; the id of each is its path.
pub const COLLECTION: &str = "workspace";

/// The most folders of a tenant.
const MANY: usize = 1000;

/// The handlers of this domain.
pub fn handlers(services: &Services) -> Handlers {
    let [for_allow, for_forbid, for_list] = [(); 3].map(|()| Arc::new(services.clone()));
    Handlers::new()
        .on("workspace.allow", "^1", move |context, input| allow(for_allow.clone(), context, input))
        .on("workspace.forbid", "^1", move |context, input| forbid(for_forbid.clone(), context, input))
        .on("workspace.list", "^1", move |context, input| list(for_list.clone(), context, input))
}

/// The folders that a tenant has allowed, for writing or for reading too.
///
/// # Errors
///
/// When the store does not answer.
pub async fn folders(store: &dyn Store, tenant: &TenantId) -> Result<Vec<Folder>, Refusal> {
    let documents = store.documents(Some(tenant), COLLECTION, None, MANY).await?;
    let kept = documents.into_iter().filter_map(|document| Kept::of(&document));
    Ok(kept.map(|kept| Folder { path: kept.path.into(), writable: kept.access == Access::Write }).collect())
}

/// Lets the engine know which folders every tenant's runs may touch, when a server starts.
///
/// # Errors
///
/// When the store does not answer.
pub async fn show_all(services: &Services) -> Result<(), Refusal> {
    let configured = services.facts.workspaces.iter().cloned();
    services.engine.allow_common_roots(configured.map(|folder| (folder.path, folder.writable)));
    let mut tenants: Vec<TenantId> = Vec::new();
    for document in services.store.documents(None, COLLECTION, None, MANY).await? {
        if !tenants.contains(&document.tenant) {
            tenants.push(document.tenant);
        }
    }
    for tenant in tenants {
        show(services, &tenant).await?;
    }
    Ok(())
}

/// What may be done in a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Access {
    #[default]
    Read,
    Write,
}

/// A folder as it is kept.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    path: String,
    access: Access,
    allowed_at: Moment,
    allowed_by: String,
}

impl Kept {
    fn of(document: &Document) -> Option<Self> {
        serde_json::from_value(document.value.clone()?).ok()
    }
}

/// Input of `workspace.allow`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AllowInput {
    path: String,
    #[serde(default)]
    access: Access,
    reason: Option<String>,
}

/// Output of `workspace.allow`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AllowOutput {
    path: String,
    access: Access,
    allowed_at: Moment,
}

async fn allow(services: Arc<Services>, context: Context, input: AllowInput) -> Result<AllowOutput, Refusal> {
    let path = canonical(&context, Path::new(&input.path)).await?;
    let data_dir = &services.facts.data_dir;
    if path.parent().is_none() || data_dir.starts_with(&path) || path.starts_with(data_dir) {
        let detail = "The folder holds this server's own data, or the whole machine. Allow one inside it.";
        return Err(Refusal::new("path-not-allowed", detail));
    }
    let Some(path) = path.to_str().map(str::to_owned) else {
        return Err(Refusal::new("path-not-allowed", "The folder's canonical path is not UTF-8."));
    };
    let now = services.clock.now();
    let allowed_by = context.who.id.to_string();
    let kept = Kept { path: path.clone(), access: input.access, allowed_at: now.into(), allowed_by };
    let value = serde_json::to_value(&kept).map_err(Refusal::internal)?;
    let said = json!({ "access": input.access, "path": path, "reason": input.reason });
    record(&services, &context.who, "allowed", said, &path, Some(value)).await?;
    Ok(AllowOutput { path, access: input.access, allowed_at: now.into() })
}

/// The folder without symbolic links and `..`.
async fn canonical(context: &Context, path: &Path) -> Result<PathBuf, Refusal> {
    let missing = || {
        let detail = "The path is not that of a folder on the server's machine that exists and can be read.";
        let refusal = Refusal::declared(&context.operation, "folder-not-found", detail);
        refusal.unwrap_or_else(|| Refusal::invalid_field("/path", "folder-not-found", detail))
    };
    if !path.is_absolute() {
        return Err(Refusal::invalid_field("/path", "absolute", "must be an absolute path"));
    }
    let canonical = tokio::fs::canonicalize(path).await.map_err(|_| missing())?;
    let folder = tokio::fs::metadata(&canonical).await.is_ok_and(|metadata| metadata.is_dir());
    if folder { Ok(canonical) } else { Err(missing()) }
}

async fn record(
    services: &Services,
    who: &Principal,
    change: &str,
    said: Value,
    path: &str,
    value: Option<Value>,
) -> Result<(), Refusal> {
    let mut said = said;
    if let Value::Object(fields) = &mut said {
        fields.retain(|_, value| !value.is_null());
    }
    let body = ConfigChanged { change: change.into(), setting: "workspace".into(), value: Payload::Inline(said) };
    let (tenant, collection) = (who.tenant.clone(), COLLECTION.into());
    let document = Document { tenant, collection, id: path.into(), value };
    services.recorder.record(&who.tenant, who.actor(), body.into(), vec![document]).await?;
    show(services, &who.tenant).await
}

/// Lets the engine know which folders a tenant's runs may touch.
///
/// # Errors
///
/// When the store does not answer.
pub async fn show(services: &Services, tenant: &TenantId) -> Result<(), Refusal> {
    let allowed = folders(&*services.store, tenant).await?;
    let all = allowed.into_iter().chain(services.facts.workspaces.iter().cloned());
    services.engine.allow_roots(tenant, all.map(|folder| (folder.path, folder.writable)));
    Ok(())
}

/// Input of `workspace.forbid`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ForbidInput {
    path: String,
    reason: Option<String>,
}

/// Output of `workspace.forbid`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ForbidOutput {
    path: String,
    forbidden_at: Moment,
}

async fn forbid(services: Arc<Services>, context: Context, input: ForbidInput) -> Result<ForbidOutput, Refusal> {
    let kept = services.store.document(&context.who.tenant, COLLECTION, &input.path).await?;
    if kept.and_then(|document| document.value).is_none() {
        let detail = "The folder is not among those that were allowed by a call.";
        let refusal = Refusal::declared(&context.operation, "workspace-not-found", detail);
        return Err(refusal.unwrap_or_else(|| Refusal::new("not-found", detail)));
    }
    let said = json!({ "path": input.path, "reason": input.reason });
    record(&services, &context.who, "forbidden", said, &input.path, None).await?;
    Ok(ForbidOutput { path: input.path, forbidden_at: services.clock.now().into() })
}

/// Input of `workspace.list`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListInput {}

/// Output of `workspace.list`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListOutput {
    workspaces: Vec<Row>,
}

/// One folder in a list.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Row {
    path: String,
    access: Access,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_by: Option<String>,
    exists: bool,
}

async fn list(services: Arc<Services>, context: Context, _: ListInput) -> Result<ListOutput, Refusal> {
    let configured = services.facts.workspaces.iter().map(|folder| Row {
        path: folder.path.display().to_string(),
        access: if folder.writable { Access::Write } else { Access::Read },
        allowed_at: None,
        allowed_by: None,
        exists: false,
    });
    let documents = services.store.documents(Some(&context.who.tenant), COLLECTION, None, MANY).await?;
    let allowed = documents.iter().filter_map(Kept::of).map(|kept| Row {
        path: kept.path,
        access: kept.access,
        allowed_at: Some(kept.allowed_at),
        allowed_by: Some(kept.allowed_by),
        exists: false,
    });
    let mut workspaces: Vec<Row> = configured.chain(allowed).collect();
    workspaces.sort_by(|a, b| a.path.cmp(&b.path));
    for row in &mut workspaces {
        row.exists = tokio::fs::metadata(&row.path).await.is_ok_and(|metadata| metadata.is_dir());
    }
    Ok(ListOutput { workspaces })
}

#[cfg(test)]
mod tests {
    use affiant_contract::Pick;

    use super::*;
    use crate::{
        gateway::{Call, SurfaceName},
        testing::World,
    };

    async fn by(world: &World, key: &str, input: Value) -> Result<Value, String> {
        let call = Call::new(key, Pick::Newest, input, SurfaceName::Rest);
        let call = Call { credential: world.credential("admin"), ..call };
        let outcome = world.gateway.call(call).await.outcome;
        outcome.map(|done| done.value()).map_err(|problem| problem.code().to_owned())
    }

    #[tokio::test]
    async fn a_folder_is_allowed_in_its_canonical_form_until_it_is_forbidden() {
        let world = World::shipped();
        let temporary = tempfile::tempdir().unwrap();
        let real = temporary.path().canonicalize().unwrap();
        std::fs::create_dir(real.join("inner")).unwrap();
        let roundabout = real.join("inner/../inner");
        let allowed = by(&world, "workspace.allow", json!({ "path": roundabout })).await.unwrap();
        assert_eq!((&allowed["path"], &allowed["access"]), (&json!(real.join("inner")), &json!("read")));
        let listed = by(&world, "workspace.list", json!({})).await.unwrap();
        assert_eq!(listed["workspaces"][0]["exists"], json!(true));
        let store = &*world.services.store;
        assert_eq!(folders(store, &"t_b".into()).await.unwrap(), []);
        let folder = Folder { path: real.join("inner"), writable: false };
        assert_eq!(folders(store, &"t_a".into()).await.unwrap(), [folder]);
        by(&world, "workspace.forbid", json!({ "path": real.join("inner") })).await.unwrap();
        let again = by(&world, "workspace.forbid", json!({ "path": real.join("inner") })).await;
        assert_eq!(again.unwrap_err(), "workspace-not-found");
        assert_eq!(folders(store, &"t_a".into()).await.unwrap(), []);
    }

    #[tokio::test]
    async fn the_whole_machine_and_the_servers_own_data_are_not_allowed() {
        let world = World::shipped();
        for (path, code) in [
            ("/", "path-not-allowed"),
            ("/var", "path-not-allowed"),
            ("relative", "input-invalid"),
            ("/no/such/folder", "folder-not-found"),
            ("/etc/passwd", "folder-not-found"),
        ] {
            assert_eq!(by(&world, "workspace.allow", json!({ "path": path })).await.unwrap_err(), code, "{path}");
        }
    }
}
