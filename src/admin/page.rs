//! The page itself: files that `admin/` built, carried in the binary.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::answer::Refused;
use super::session::hash;

/// Shown to everybody: it dresses the page that says why one may not pass.
pub(super) const STYLE: &str = "/admin/panel.css";

struct File {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

macro_rules! files {
    ($( $name:literal as $kind:literal ),* $(,)?) => {
        &[$( File { name: $name, kind: $kind, bytes: include_bytes!(concat!("../../admin/dist/", $name)) } ),*]
    };
}

const FILES: &[File] = files! {
    "index.html" as "text/html; charset=utf-8",
    "panel.js" as "text/javascript; charset=utf-8",
    "panel.css" as "text/css; charset=utf-8",
    "icon.svg" as "image/svg+xml",
};

static TAGS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let tag = |file: &File| {
        // A tag only has to differ when the bytes do.
        let text = String::from_utf8_lossy(file.bytes);
        hash(&text)[..12].iter().fold(String::from("\""), |tag, byte| tag + &format!("{byte:02x}")) + "\""
    };
    FILES.iter().map(tag).collect()
});

/// Relative addresses in the page need the slash. The fragment, and the link's secret in it, stays with the browser.
pub(super) async fn to_page() -> Redirect {
    Redirect::permanent("/admin/")
}

pub(super) async fn index(headers: HeaderMap) -> Response {
    serve("index.html", &headers)
}

pub(super) async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    serve(&name, &headers)
}

/// Asked anew each time and answered with "not modified" mostly: a new server is a new panel at once.
fn serve(name: &str, headers: &HeaderMap) -> Response {
    let Some((file, tag)) = FILES.iter().zip(&*TAGS).find(|(file, _)| file.name == name) else {
        return Refused::new(StatusCode::NOT_FOUND, "not_found", "There is nothing at this address.").into_response();
    };
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok()).unwrap_or_default();
    let same = known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag);
    let mut response = if same {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, file.kind)], file.bytes).into_response()
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

pub(super) fn is_shown_to_a_person(path: &str) -> bool {
    matches!(path, "/admin" | "/admin/")
}

/// A refusal for a person. The messages are ours and hold nothing that came with the request.
pub(super) fn refusal(refused: &Refused) -> Response {
    let page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>Airboat: not this way</title>\
         <link rel=\"stylesheet\" href=\"{STYLE}\"><body><main class=\"gate\"><section class=\"card gate-card\">\
         <h1>Not this way</h1><p>{}</p></section></main></body></html>\n",
        refused.message()
    );
    (StatusCode::FORBIDDEN, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
}
