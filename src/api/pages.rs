//! The demo pages and the browser client, carried in the binary: what a person sees who opens the server's address.
//!
//! Nothing is loaded from elsewhere, and the policy says so. Files are asked for anew each time and mostly answered with
//! "not modified": a new server is a new page at once.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::LazyLock;

use axum::Router;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde::Deserialize;

use super::{Api, host, host_name, missing};
use crate::peer::Peer;

struct File {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

// By name and not as a folder: cargo then knows what to build anew when a page changes.
macro_rules! files {
    ($( $folder:literal / $name:literal as $kind:literal ),* $(,)?) => {
        &[$( File {
            name: $name,
            kind: $kind,
            bytes: include_bytes!(concat!("../../clients/web/", $folder, "/", $name)),
        } ),*]
    };
}

const FILES: &[File] = files! {
    "demos/dist" / "index.html" as "text/html; charset=utf-8",
    "demos/dist" / "play.html" as "text/html; charset=utf-8",
    "demos/dist" / "any.html" as "text/html; charset=utf-8",
    "demos/dist" / "sample.html" as "text/html; charset=utf-8",
    "demos/dist" / "front.js" as "text/javascript; charset=utf-8",
    "demos/dist" / "play.js" as "text/javascript; charset=utf-8",
    "demos/dist" / "any.js" as "text/javascript; charset=utf-8",
    "demos/dist" / "sample.js" as "text/javascript; charset=utf-8",
    "demos/dist" / "site.css" as "text/css; charset=utf-8",
    "demos/dist" / "icon.svg" as "image/svg+xml",
    "dist" / "airboat.mjs" as "text/javascript; charset=utf-8",
    "dist" / "airboat.iife.js" as "text/javascript; charset=utf-8",
};

/// A tag only has to differ when the bytes do.
static TAGS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let tag = |file: &File| {
        let mut hasher = DefaultHasher::new();
        file.bytes.hash(&mut hasher);
        format!("\"{:016x}\"", hasher.finish())
    };
    FILES.iter().map(tag).collect()
});

pub(super) fn router() -> Router<Api> {
    Router::new()
        .route("/", get(page_index))
        .route("/play", get(page_play))
        .route("/play/", get(page_play))
        .route("/favicon.ico", get(|headers: HeaderMap| async move { file("icon.svg", &headers) }))
        .route("/assets/{name}", get(asset))
        .route("/airboat.mjs", get(|headers: HeaderMap| async move { client("airboat.mjs", &headers) }))
        .route("/airboat.iife.js", get(|headers: HeaderMap| async move { client("airboat.iife.js", &headers) }))
}

async fn page_index(State(api): State<Api>, Extension(peer): Extension<Peer>, headers: HeaderMap) -> Response {
    page("index.html", &api, peer, &headers)
}

#[derive(Deserialize)]
struct Played {
    module: Option<String>,
    view: Option<String>,
}

async fn page_play(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    Query(played): Query<Played>,
    headers: HeaderMap,
) -> Response {
    page(page_of(played.module.as_deref(), played.view.as_deref()), &api, peer, &headers)
}

/// A module's own page where it has one; else, and by `view=plain`, the one that plays any module.
fn page_of(module: Option<&str>, view: Option<&str>) -> &'static str {
    match module {
        _ if view == Some("plain") => "any.html",
        None | Some("warbattles") => "play.html",
        Some("sample") => "sample.html",
        Some(_) => "any.html",
    }
}

async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    // Pages have addresses of their own, with their policy.
    if name.ends_with(".html") { missing::plain() } else { file(&name, &headers) }
}

/// The library, which pages of other origins may use too.
fn client(name: &str, headers: &HeaderMap) -> Response {
    let mut response = file(name, headers);
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

fn page(name: &str, api: &Api, peer: Peer, headers: &HeaderMap) -> Response {
    shown(file(name, headers), api, peer, headers)
}

/// With what a page for people says to browsers about itself.
pub(super) fn shown(mut response: Response, api: &Api, peer: Peer, headers: &HeaderMap) -> Response {
    let host = host(headers, peer);
    let policy = policy(host.as_deref(), api.offer.udp.then_some(api.offer.port));
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    let constant = [
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (header, value) in constant {
        response.headers_mut().insert(header, HeaderValue::from_static(value));
    }
    response
}

/// Everything from here and nothing inline. `'self'` should cover the sockets of the same host; older browsers do not
/// think so, and WebTransport may go to another name of this machine.
fn policy(host: Option<&str>, udp: Option<u16>) -> String {
    let mut connect = String::from("'self'");
    // A policy has no way to write an IPv6 address; there `'self'` has to do.
    if let Some(host) = host.filter(|host| !host.starts_with('[')) {
        connect += &format!(" ws://{host} wss://{host}");
        if let Some(port) = udp {
            let name = host_name(host);
            let name = if name == "localhost" { "127.0.0.1" } else { name };
            connect += &format!(" https://{name}:{port}");
        }
    }
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src {connect}; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
}

fn file(name: &str, headers: &HeaderMap) -> Response {
    let Some((file, tag)) = FILES.iter().zip(&*TAGS).find(|(file, _)| file.name == name) else {
        return missing::plain();
    };
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok()).unwrap_or_default();
    let same = known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag);
    let mut response = if same {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, file.kind)], file.bytes).into_response()
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_known_is_not_sent_again() {
        let first = file("site.css", &HeaderMap::new());
        assert_eq!(first.status(), StatusCode::OK);
        assert_eq!(first.headers()[header::CONTENT_TYPE], "text/css; charset=utf-8");
        assert_eq!(first.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        assert_eq!(file("site.css", &headers).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(file("front.js", &headers).status(), StatusCode::OK);
        assert_eq!(file("../Cargo.toml", &headers).status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn every_module_has_a_page() {
        assert_eq!(page_of(None, None), "play.html");
        assert_eq!(page_of(Some("sample"), None), "sample.html");
        assert_eq!(page_of(Some("sample"), Some("plain")), "any.html");
        assert_eq!(page_of(Some("tank8"), None), "any.html");
        for page in ["play.html", "sample.html", "any.html"] {
            assert_eq!(file(page, &HeaderMap::new()).status(), StatusCode::OK, "{page}");
        }
    }

    #[test]
    fn the_policy_names_this_server_only() {
        let local = policy(Some("localhost:7777"), Some(7777));
        assert!(local.contains("connect-src 'self' ws://localhost:7777 wss://localhost:7777 https://127.0.0.1:7777;"));
        assert!(policy(Some("[::1]:7777"), Some(7777)).contains("connect-src 'self';"));
        for one in [policy(None, None), local] {
            assert!(one.starts_with("default-src 'none';") && !one.contains("unsafe") && !one.contains('*'), "{one}");
        }
    }
}
