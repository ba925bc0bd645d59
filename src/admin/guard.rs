//! What a request must prove before anything else: that it did not travel in the clear, that it is meant for this host,
//! and, before it may change anything, that our own page sent it. And the headers that every answer carries.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::answer::Refused;
use super::{Inner, page};
use crate::peer::Peer;

/// No inline script or style, no other origin, no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

pub(super) async fn guard(State(inner): State<Arc<Inner>>, request: Request, next: Next) -> Response {
    let mut response = match check(&inner, &request) {
        Ok(()) => next.run(request).await,
        Err(refused) if page::is_shown_to_a_person(request.uri().path()) => page::refusal(&refused),
        Err(refused) => refused.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn check(inner: &Inner, request: &Request) -> Result<(), Refused> {
    // The looks of the page that says why one may not pass.
    if request.uri().path() == page::STYLE {
        return Ok(());
    }
    let internal = || Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "No address is known.");
    let peer = *request.extensions().get::<Peer>().ok_or_else(internal)?;
    private(peer, request.headers(), inner.config.admin_plain_http)?;
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads { not_embedded(request) } else { own_page(peer, request.headers()) }
}

/// Over https, or from this machine to itself.
fn private(peer: Peer, headers: &HeaderMap, plain_http: bool) -> Result<(), Refused> {
    let refuse = |code, message: &str| Err(Refused::new(StatusCode::FORBIDDEN, code, message));
    if peer.https || plain_http {
        return Ok(());
    }
    if peer.proxied || !peer.ip.is_loopback() {
        return refuse(
            "https_needed",
            "The panel is not shown over plain http, where anybody between could read the password. Use https (a \
             development certificate brings a warning of the browser), an SSH tunnel to this port, or, in a network \
             you trust, the setting admin_plain_http = true.",
        );
    }
    // A proxy on this machine makes strangers look local.
    if ["forwarded", "x-forwarded-for", "x-real-ip"].iter().any(|name| headers.contains_key(*name)) {
        return refuse(
            "proxy_unknown",
            "This request came through a proxy that the server does not know. Name it in the setting trusted_proxies, \
             and let it say https in X-Forwarded-Proto.",
        );
    }
    // Another site's name can be pointed at 127.0.0.1.
    if !host(peer, headers).is_some_and(names_this_machine) {
        return refuse("host_refused", "Over plain http the panel answers to localhost and 127.0.0.1 only.");
    }
    Ok(())
}

/// A write: browsers say where it comes from, and it must be our own page. Same site is not enough, as that takes all
/// ports of a host for one.
fn own_page(peer: Peer, headers: &HeaderMap) -> Result<(), Refused> {
    let refuse = || {
        let message =
            "This request did not come from the panel's own page. Behind a proxy, let it pass the Host header.";
        Err(Refused::new(StatusCode::FORBIDDEN, "origin_refused", message))
    };
    let site = text(headers, &HeaderName::from_static("sec-fetch-site"));
    if site.is_some_and(|site| site != "same-origin") {
        return refuse();
    }
    let scheme = if peer.https { "https" } else { "http" };
    match (text(headers, &header::ORIGIN), host(peer, headers)) {
        (Some(origin), Some(host)) if origin.eq_ignore_ascii_case(&format!("{scheme}://{host}")) => Ok(()),
        (None, _) if site.is_some() && !headers.contains_key(header::ORIGIN) => Ok(()),
        _ => refuse(),
    }
}

/// A read by another site's page: it would see nothing, and there is no reason to answer. Following a link is fine.
fn not_embedded(request: &Request) -> Result<(), Refused> {
    let site = text(request.headers(), &HeaderName::from_static("sec-fetch-site"));
    let followed = text(request.headers(), &HeaderName::from_static("sec-fetch-mode")) == Some("navigate")
        && page::is_shown_to_a_person(request.uri().path());
    match site {
        None | Some("same-origin" | "none") => Ok(()),
        Some(_) if followed => Ok(()),
        Some(_) => Err(Refused::new(StatusCode::FORBIDDEN, "origin_refused", "The panel answers its own page only.")),
    }
}

fn host(peer: Peer, headers: &HeaderMap) -> Option<&str> {
    peer.host(text(headers, &header::HOST), text(headers, &HeaderName::from_static("x-forwarded-host")))
}

fn names_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// A header that stands there once. Twice is nobody's honest doing.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).into_iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(ip: &str, https: bool, proxied: bool) -> Peer {
        Peer { ip: ip.parse().unwrap(), https, proxied }
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        let local = [("host", "127.0.0.1:7777")];
        let ok = |peer, pairs: &[_], plain| private(peer, &headers(pairs), plain).is_ok();
        assert!(ok(peer("127.0.0.1", false, false), &local, false));
        assert!(ok(peer("::1", false, false), &[("host", "[::1]:7777")], false));
        assert!(ok(peer("127.0.0.1", false, false), &[("host", "LOCALHOST")], false));
        assert!(!ok(peer("192.0.2.1", false, false), &local, false));
        assert!(ok(peer("192.0.2.1", true, false), &[("host", "play.example.org")], false));
        assert!(ok(peer("192.0.2.1", false, false), &local, true), "the operator said so");
        // A trusted proxy that does not say https, even one on this machine.
        assert!(!ok(peer("192.0.2.1", false, true), &local, false));
        assert!(!ok(peer("127.0.0.1", false, true), &local, false));
        assert!(ok(peer("192.0.2.1", true, true), &local, false));
        // An unknown proxy on this machine, and a foreign name that leads here.
        assert!(!ok(peer("127.0.0.1", false, false), &[local[0], ("x-forwarded-for", "192.0.2.1")], false));
        assert!(!ok(peer("127.0.0.1", false, false), &[("host", "evil.example:7777")], false));
        assert!(!ok(peer("127.0.0.1", false, false), &[("host", "127.0.0.1.evil.example")], false));
        assert!(!ok(peer("127.0.0.1", false, false), &[], false));
    }

    #[test]
    fn only_our_own_page_writes() {
        let here = peer("127.0.0.1", false, false);
        let host = ("host", "127.0.0.1:7777");
        let ok = |peer, pairs: &[_]| own_page(peer, &headers(pairs)).is_ok();
        assert!(ok(here, &[host, ("origin", "http://127.0.0.1:7777")]));
        assert!(ok(here, &[host, ("origin", "http://127.0.0.1:7777"), ("sec-fetch-site", "same-origin")]));
        assert!(ok(here, &[host, ("sec-fetch-site", "same-origin")]));
        for origin in ["http://127.0.0.1:8888", "https://127.0.0.1:7777", "http://evil.example", "null", ""] {
            assert!(!ok(here, &[host, ("origin", origin)]), "{origin}");
            assert!(!ok(here, &[host, ("origin", origin), ("sec-fetch-site", "same-origin")]), "{origin}");
        }
        for site in ["same-site", "cross-site", "none"] {
            assert!(!ok(here, &[host, ("sec-fetch-site", site)]), "{site}");
            assert!(!ok(here, &[host, ("sec-fetch-site", site), ("origin", "http://127.0.0.1:7777")]), "{site}");
        }
        assert!(!ok(here, &[host]), "who does not say where it comes from");
        assert!(!ok(here, &[host, ("origin", "http://127.0.0.1:7777"), ("origin", "http://evil.example")]));
        let proxied = peer("192.0.2.1", true, true);
        let origin = ("origin", "https://play.example.org");
        assert!(ok(proxied, &[host, ("x-forwarded-host", "play.example.org"), origin]));
        assert!(!ok(here, &[host, ("x-forwarded-host", "play.example.org"), origin]), "not from anybody");
    }
}
