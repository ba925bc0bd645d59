//! What stands where nothing is: a page for people, an error with a code for programs.

use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Json, Response};
use serde_json::json;

use super::{Api, pages};
use crate::peer::Peer;

/// Any address that no route has.
pub(super) async fn anywhere(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if uri.path().starts_with("/api/") {
        coded()
    } else if accept.contains("text/html") {
        let page = ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], include_str!("missing.html"));
        pages::shown((StatusCode::NOT_FOUND, page).into_response(), &api, peer, &headers)
    } else if accept.contains("application/json") {
        coded()
    } else {
        plain()
    }
}

/// As the panel's errors are.
fn coded() -> Response {
    let error = json!({ "error": { "code": "not_found", "message": "There is nothing at this address." } });
    (StatusCode::NOT_FOUND, Json(error)).into_response()
}

pub(super) fn plain() -> Response {
    let mut response = (StatusCode::NOT_FOUND, "there is nothing here\n").into_response();
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
