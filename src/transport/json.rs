//! JSON over HTTP, so that `curl` can play: a client of the protocol that lives on the server's side of the wire.
//!
//! It holds a mirror of the room for its player and speaks whole states in real units instead of deltas: about forty
//! times larger, and readable. Everything else is `poll`'s.

use std::net::IpAddr;

use axum::http::HeaderMap;
use bytes::Bytes;

use super::poll::Polls;

#[derive(Default)]
pub(super) struct Player {}

pub(super) struct Ask {}

pub(super) fn ask(_: &HeaderMap, _: &Bytes) -> Option<Result<Ask, String>> {
    None
}

pub(super) async fn answer(_: &Polls, _: Ask, _: IpAddr) -> Bytes {
    Bytes::new()
}
