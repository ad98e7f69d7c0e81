//! `key.create`, `key.list` and `key.revoke`: who may call.

use std::sync::Arc;

use affiant_journal::{Body, KeyRevoked, PrincipalId, TenantId, Timestamp};
use affiant_policy::{PrincipalKind, Role};
use serde::{Deserialize, Serialize};

use super::{services::Services, wire::Moment};
use crate::{
    auth::{KeyRecord, NewKey},
    gateway::{Context, Handlers},
    problem::Refusal,
};

/// The handlers of this domain.
pub fn handlers(services: &Services) -> Handlers {
    let [for_create, for_list, for_revoke] = [(); 3].map(|()| Arc::new(services.clone()));
    Handlers::new()
        .on("key.create", "^1", move |context, input| create(for_create.clone(), context, input))
        .on("key.list", "^1", move |context, input| std::future::ready(list(&for_list, &context, &input)))
        .on("key.revoke", "^1", move |context, input| revoke(for_revoke.clone(), context, input))
}

/// What a key lets its holder do, as callers write it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RoleWord {
    #[default]
    User,
    Admin,
}

impl RoleWord {
    fn of(role: Role) -> Self {
        if role == Role::Admin { Self::Admin } else { Self::User }
    }

    fn role(self) -> Role {
        match self {
            Self::User => Role::User,
            Self::Admin => Role::Admin,
        }
    }
}

/// Input of `key.create`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateInput {
    name: String,
    #[serde(default)]
    role: RoleWord,
    principal_id: Option<String>,
    expires_at: Option<Moment>,
}

/// Output of `key.create`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateOutput {
    key_id: Arc<str>,
    name: String,
    role: RoleWord,
    principal_id: PrincipalId,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    created_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Moment>,
}

async fn create(services: Arc<Services>, context: Context, input: CreateInput) -> Result<CreateOutput, Refusal> {
    let now = services.clock.now();
    if input.expires_at.is_some_and(|expires| expires.0 <= now) {
        return Err(Refusal::invalid_field("/expiresAt", "past", "must lie in the future"));
    }
    let _changing = services.keyring.changing().await;
    let principal = match input.principal_id {
        Some(principal) if !principal.trim().is_empty() => PrincipalId::from(principal),
        Some(_) => return Err(Refusal::invalid_field("/principalId", "blank", "must not be blank")),
        None => fresh_principal(&services, &context.who.tenant, &input.name),
    };
    let new = NewKey {
        tenant: context.who.tenant.clone(),
        principal: principal.clone(),
        kind: PrincipalKind::User,
        role: input.role.role(),
        label: Some(input.name.clone()),
        expires: input.expires_at.map(|expires| expires.0),
        created_by: context.who.id.clone(),
    };
    let (token, record) = KeyRecord::make(new, now, &*services.chance);
    services
        .recorder
        .record(&context.who.tenant, context.who.actor(), record.created(), vec![record.document()])
        .await?;
    services.keyring.put(record.clone());
    Ok(CreateOutput {
        key_id: record.id,
        name: input.name,
        role: input.role,
        principal_id: principal,
        secret: Some(token.reveal().to_owned()),
        created_at: now.into(),
        expires_at: input.expires_at,
    })
}

/// `u_` and the key's name; with a number behind it when another key stands for somebody of that name.
fn fresh_principal(services: &Services, tenant: &TenantId, name: &str) -> PrincipalId {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' };
    let base: String = name.trim().chars().map(plain).take(40).collect();
    let taken = services.keyring.of_tenant(tenant);
    let free = |id: &String| !taken.iter().any(|record| record.principal.id.as_str() == id);
    let numbered = (2..).map(|number| format!("u_{base}_{number}"));
    let id = std::iter::once(format!("u_{base}")).chain(numbered).find(free);
    PrincipalId::from(id.expect("there are more numbers than keys"))
}

/// Whether a key works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KeyStatus {
    Active,
    Expired,
    Revoked,
}

fn status_of(record: &KeyRecord, now: Timestamp) -> KeyStatus {
    match (record.revoked_at, record.expires_at) {
        (Some(_), _) => KeyStatus::Revoked,
        (None, Some(expires)) if expires <= now => KeyStatus::Expired,
        _ => KeyStatus::Active,
    }
}

/// Input of `key.list`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListInput {
    status: Option<KeyStatus>,
}

/// Output of `key.list`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListOutput {
    keys: Vec<Row>,
}

/// One key in a list.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Row {
    key_id: Arc<str>,
    name: String,
    role: RoleWord,
    principal_id: PrincipalId,
    status: KeyStatus,
    created_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Moment>,
}

fn list(services: &Services, context: &Context, input: &ListInput) -> Result<ListOutput, Refusal> {
    let now = services.clock.now();
    let mut records = services.keyring.of_tenant(&context.who.tenant);
    records.retain(|record| input.status.is_none_or(|status| status_of(record, now) == status));
    records.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
    let row = |record: &Arc<KeyRecord>| Row {
        key_id: record.id.clone(),
        name: record.label.clone().unwrap_or_default(),
        role: RoleWord::of(record.principal.role),
        principal_id: record.principal.id.clone(),
        status: status_of(record, now),
        created_at: record.created_at.into(),
        expires_at: record.expires_at.map(Moment),
        // Kept by the minute; nobody has used a key before it was made.
        last_used_at: services.keyring.last_used(&record.id).map(|used| Moment(used.max(record.created_at))),
        revoked_at: record.revoked_at.map(Moment),
    };
    Ok(ListOutput { keys: records.iter().map(row).collect() })
}

/// Input of `key.revoke`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevokeInput {
    key_id: String,
    #[serde(default, rename = "reason")]
    _reason: Option<String>,
}

/// Output of `key.revoke`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevokeOutput {
    key_id: Arc<str>,
    revoked_at: Moment,
}

async fn revoke(services: Arc<Services>, context: Context, input: RevokeInput) -> Result<RevokeOutput, Refusal> {
    let _changing = services.keyring.changing().await;
    let now = services.clock.now();
    let keys = services.keyring.of_tenant(&context.who.tenant);
    let found = keys.iter().find(|record| *record.id == *input.key_id);
    let record = found.ok_or_else(|| Refusal::plain("key-not-found"))?;
    if let Some(revoked) = record.revoked_at {
        return Ok(RevokeOutput { key_id: record.id.clone(), revoked_at: revoked.into() });
    }
    let works = |other: &&Arc<KeyRecord>| {
        let lasting = !other.session && other.principal.role == Role::Admin;
        other.id != record.id && lasting && status_of(other, now) == KeyStatus::Active
    };
    if !record.session
        && status_of(record, now) == KeyStatus::Active
        && record.principal.role == Role::Admin
        && !keys.iter().any(|other| works(&other))
    {
        let detail = "It is the last admin key that works. Create another one first.";
        let refusal = Refusal::declared(&context.operation, "last-admin-key", detail);
        return Err(refusal.unwrap_or_else(|| Refusal::new("conflict", detail)));
    }
    let revoked = KeyRecord { revoked_at: Some(now), ..KeyRecord::clone(record) };
    let body = Body::from(KeyRevoked { key: revoked.id.clone() });
    services.recorder.record(&context.who.tenant, context.who.actor(), body, vec![revoked.document()]).await?;
    services.keyring.put(revoked);
    Ok(RevokeOutput { key_id: record.id.clone(), revoked_at: now.into() })
}

#[cfg(test)]
mod tests {
    use affiant_contract::Pick;
    use serde_json::{Value, json};

    use crate::{
        auth::Credential,
        gateway::{Call, SurfaceName},
        testing::World,
    };

    async fn call(world: &World, credential: Credential, key: &str, input: Value) -> Result<Value, String> {
        let call = Call { credential, ..Call::new(key, Pick::Newest, input, SurfaceName::Rest) };
        let outcome = world.gateway.call(call).await.outcome;
        outcome.map(|done| done.value()).map_err(|problem| format!("{}: {}", problem.code(), problem.detail()))
    }

    async fn by(world: &World, caller: &str, key: &str, input: Value) -> Result<Value, String> {
        call(world, world.credential(caller), key, input).await
    }

    #[tokio::test]
    async fn a_key_works_from_the_moment_it_is_made_to_the_moment_it_is_revoked() {
        let world = World::shipped();
        let made = by(&world, "admin", "key.create", json!({ "name": "CI, nightly" })).await.unwrap();
        assert_eq!((&made["principalId"], &made["role"]), (&json!("u_ci__nightly"), &json!("user")));
        let key = || Credential::Key(made["secret"].as_str().unwrap().to_owned());
        let status = call(&world, key(), "server.status", json!({})).await.unwrap();
        assert_eq!((&status["tenant"], &status["principal"]["role"]), (&json!("t_a"), &json!("user")));
        let refused = call(&world, key(), "key.list", json!({})).await.unwrap_err();
        assert!(refused.starts_with("forbidden"), "{refused}");
        by(&world, "admin", "key.revoke", json!({ "keyId": made["keyId"] })).await.unwrap();
        let refused = call(&world, key(), "server.status", json!({})).await.unwrap_err();
        assert_eq!(refused, "unauthenticated: The key was revoked.");
        let events = world.admin_events("t_a", 0).await.join("\n");
        assert!(!events.contains(made["secret"].as_str().unwrap()));
        insta::assert_snapshot!(events, @r#"
        u_admin key.created {"key":"key_01JDA3K9W2ZB8R5M0C7T000012","principal":"u_ci__nightly","role":"user"}
        u_admin key.revoked {"key":"key_01JDA3K9W2ZB8R5M0C7T000012"}
        "#);
    }

    #[tokio::test]
    async fn the_list_says_what_became_of_each_key_and_never_a_secret() {
        let world = World::shipped();
        let listed = by(&world, "admin", "key.list", json!({})).await.unwrap();
        let line = |row: &Value| format!("{} {} {}", row["principalId"], row["status"], row["lastUsedAt"]);
        let rows: Vec<String> = listed["keys"].as_array().unwrap().iter().map(line).collect();
        insta::assert_snapshot!(rows.join("\n"), @r#"
        "u_admin" "active" "2026-11-22T15:00:00.000Z"
        "u_user" "active" null
        "u_expired" "expired" null
        "u_revoked" "revoked" null
        "#);
    }

    #[tokio::test]
    async fn the_last_admin_key_stays_and_a_key_of_another_tenant_is_not_there() {
        let world = World::shipped();
        let own = world.services.keyring.of_tenant(&"t_a".into());
        let admin = own.iter().find(|record| record.principal.id.as_str() == "u_admin").unwrap();
        let refused = by(&world, "admin", "key.revoke", json!({ "keyId": admin.id })).await.unwrap_err();
        assert_eq!(refused, "last-admin-key: It is the last admin key that works. Create another one first.");
        let refused = by(&world, "other tenant", "key.revoke", json!({ "keyId": admin.id })).await.unwrap_err();
        assert!(refused.starts_with("key-not-found"), "{refused}");
        by(&world, "admin", "key.create", json!({ "name": "second", "role": "admin" })).await.unwrap();
        by(&world, "admin", "key.revoke", json!({ "keyId": admin.id })).await.unwrap();
    }

    #[tokio::test]
    async fn every_new_name_is_a_principal_of_its_own() {
        let world = World::shipped();
        for expected in ["u_ci", "u_ci_2", "u_ci_3"] {
            let made = by(&world, "admin", "key.create", json!({ "name": "ci" })).await.unwrap();
            assert_eq!(made["principalId"], json!(expected));
        }
        let past = json!({ "name": "late", "expiresAt": "2020-01-01T00:00:00Z" });
        let refused = by(&world, "admin", "key.create", past).await.unwrap_err();
        assert_eq!(refused, "input-invalid: `expiresAt` must lie in the future.");
    }
}
