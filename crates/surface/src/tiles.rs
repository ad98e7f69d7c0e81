//! Every tenant's log, read-only, as C2SP tlog-tiles has it: the signed head and the tiles of hashes below
//! `/log/TENANT/`, so that anybody can mirror the tree and hold the server to it.
//!
//! No key is needed. A tile holds hashes of events, from which nothing of an event can be read: personal values are no
//! part of an event, and every event holds a random id. The events themselves are not served here.

use std::sync::Arc;

use affiant_engine::{ports::Store, seal::Sealer};
use affiant_journal::TenantId;
use affiant_proof::tree::{TILE_WIDTH, Tile};
use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};

/// What the routes read.
struct Logs {
    sealer: Arc<Sealer>,
    store: Arc<dyn Store>,
}

/// `GET /log/TENANT/checkpoint` and `GET /log/TENANT/tile/LEVEL/PLACE[.p/WIDTH]`.
pub fn router(sealer: Arc<Sealer>, store: Arc<dyn Store>) -> Router {
    Router::new()
        .route("/log/{tenant}/checkpoint", get(checkpoint))
        .route("/log/{tenant}/tile/{*tile}", get(tile))
        .with_state(Arc::new(Logs { sealer, store }))
}

async fn checkpoint(State(logs): State<Arc<Logs>>, Path(tenant): Path<String>) -> Response {
    match logs.sealer.newest(&TenantId::from(tenant)).await {
        Ok(sealed) => text(StatusCode::OK, sealed.note.to_string()),
        Err(_) => text(StatusCode::NOT_FOUND, "there is no log of this name\n".to_owned()),
    }
}

async fn tile(State(logs): State<Arc<Logs>>, Path((tenant, path)): Path<(String, String)>) -> Response {
    let Ok(tile) = format!("tile/{path}").parse::<Tile>() else {
        return text(StatusCode::BAD_REQUEST, "a tile is named like tile/0/x001/x234/067.p/12\n".to_owned());
    };
    let tenant = TenantId::from(tenant);
    let signed = logs.sealer.newest(&tenant).await.map_or(0, |sealed| sealed.checkpoint.head.size);
    if !tile.is_in(signed) {
        return text(StatusCode::NOT_FOUND, "the signed log has no such tile\n".to_owned());
    }
    let first = tile.index * TILE_WIDTH;
    match logs.store.hashes(&tenant, tile.level, first, first + u64::from(tile.width)).await {
        Ok(hashes) if hashes.len() == usize::from(tile.width) => {
            let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
            let headers = [
                (header::CONTENT_TYPE, "application/octet-stream"),
                // What a tile of this width holds never changes.
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ];
            (headers, bytes).into_response()
        }
        // Why is in the server's log; here it would be told to anybody.
        _ => text(StatusCode::SERVICE_UNAVAILABLE, "storage does not answer\n".to_owned()),
    }
}

fn text(status: StatusCode, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}
