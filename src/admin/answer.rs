//! What the panel's API says when it says no, and how it reads what it is sent. Every error is
//! `{"error": {"code", "message"}}`: the code for programs, the message for people.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::Inner;
use crate::store::StoreError;

#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    code: &'static str,
    message: String,
    retry_secs: Option<u64>,
}

impl Refused {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_secs: None }
    }

    pub(super) fn retry_in(mut self, secs: u64) -> Self {
        self.retry_secs = Some(secs);
        self
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": { "code": self.code, "message": self.message } }));
        let mut response = (self.status, body).into_response();
        if let Some(secs) = self.retry_secs {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        response
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "the panel could not use the database");
        match error {
            StoreError::Busy => Self::busy(),
            _ => Self::new(StatusCode::SERVICE_UNAVAILABLE, "store_failed", format!("Nothing was kept: {error}.")),
        }
    }
}

impl From<getrandom::Error> for Refused {
    fn from(error: getrandom::Error) -> Self {
        tracing::error!(%error, "no random numbers from the system");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The system gave no random numbers.")
    }
}

impl Refused {
    pub(super) fn busy() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "The server is busy. Try again in a moment.").retry_in(2)
    }
}

/// A JSON body: small, whole within the time for headers, and called JSON, which a form of another page cannot do.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<std::sync::Arc<Inner>> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, inner: &std::sync::Arc<Inner>) -> Result<Self, Refused> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(Refused::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not_json",
                "The body must be JSON and say so: Content-Type: application/json.",
            ));
        }
        let limits = &inner.config.limits;
        let most = limits.admin_body_bytes_max;
        let patience = Duration::from_secs(limits.header_timeout_secs);
        let bytes: Bytes = tokio::time::timeout(patience, axum::body::to_bytes(request.into_body(), most))
            .await
            .map_err(|_| Refused::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "The body took too long."))?
            .map_err(|_| {
                Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("The body is over {most} bytes."))
            })?;
        serde_json::from_slice(&bytes).map(Body).map_err(|error| Refused::bad_request(format!("Bad JSON: {error}.")))
    }
}
