//! The rooms of all modules: the list, and the end of one.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Json;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Inner;
use super::answer::{Body, Refused};
use super::session::Who;
use crate::peer::Peer;

pub(super) async fn list(State(inner): State<Arc<Inner>>, _: Who) -> Json<Value> {
    Json(json!({ "rooms": inner.directory.rooms() }))
}

#[derive(Deserialize)]
pub(super) struct Which {
    module: String,
    name: String,
}

/// Ends a room for good: its players hear `room closed`.
pub(super) async fn close(
    State(inner): State<Arc<Inner>>,
    Extension(peer): Extension<Peer>,
    who: Who,
    Body(which): Body<Which>,
) -> Result<Json<Value>, Refused> {
    let Which { module, name } = which;
    if !inner.directory.close_room(&module, &name).await {
        let message = "There is no such room, or its worker did not answer in time.";
        return Err(Refused::new(StatusCode::NOT_FOUND, "no_such_room", message));
    }
    inner.note(&who.admin, peer.ip, "room.close", format!("{module}/{name}")).await;
    Ok(Json(json!({ "closed": { "module": module, "name": name } })))
}
