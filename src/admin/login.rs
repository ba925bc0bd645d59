//! Coming in and going out: the first admin by the one-time link, everybody else by name and password.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Json, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Inner;
use super::answer::{Body, Refused};
use super::session::Who;
use super::setup::SetupError;
use crate::clock::Clock;
use crate::peer::Peer;
use crate::store::Admin;

const NAME_CHARS_MAX: usize = 64;

/// What the page needs to know to choose what it shows.
pub(super) async fn me(State(inner): State<Arc<Inner>>, headers: HeaderMap) -> Json<Value> {
    let who = inner.sessions.find(&headers, inner.clock.now());
    Json(json!({
        "admin": who.map(|who| who.admin.to_string()),
        // Nobody is an admin yet: whoever has the printed link may become one.
        "setup": inner.setup.is_open(),
        "password_chars_min": inner.config.limits.admin_password_chars_min,
    }))
}

#[derive(Deserialize)]
pub(super) struct SetupBody {
    token: String,
    name: String,
    password: String,
}

pub(super) async fn setup(
    State(inner): State<Arc<Inner>>,
    Extension(peer): Extension<Peer>,
    Body(body): Body<SetupBody>,
) -> Result<Response, Refused> {
    let now = inner.clock.now();
    let refuse = |error| {
        inner.metrics.admin_logins_failed.add(1);
        setup_refused(&error)
    };
    // What is wrong with the form is told only to who has the link, and costs nobody the link.
    inner.setup.check(&body.token, now).map_err(refuse)?;
    let name = acceptable_name(&body.name)?;
    acceptable_password(&body.password, name, inner.config.limits.admin_password_chars_min)?;
    let taken = inner.setup.take(&body.token, now).map_err(refuse)?;
    let made = async {
        let password = inner.passwords.hash(body.password).await?;
        let admin = Admin { name: name.to_owned(), password };
        Ok::<_, Refused>(inner.store.create_first_admin(admin, Clock::unix_secs()).await?)
    };
    // Whoever hangs up in the middle loses the link: better than a link that somebody else could still use.
    match made.await {
        Ok(true) => {}
        Ok(false) => return Err(setup_refused(&SetupError::Unknown)),
        Err(refused) => {
            inner.setup.give_back(taken);
            return Err(refused);
        }
    }
    inner.note(name, peer.ip, "admin.setup", String::new()).await;
    welcome(&inner, peer, name)
}

fn setup_refused(error: &SetupError) -> Refused {
    let (code, message) = match error {
        SetupError::Unknown => ("link_invalid", "This link does not work, or not any more: it can be used once only."),
        SetupError::Expired => ("link_expired", "This link is too old. Restart the server and it prints a new one."),
    };
    Refused::new(StatusCode::FORBIDDEN, code, message)
}

fn acceptable_name(name: &str) -> Result<&str, Refused> {
    let name = name.trim();
    let fine = !name.is_empty() && name.chars().count() <= NAME_CHARS_MAX && !name.chars().any(char::is_control);
    let message = format!("A name has 1 to {NAME_CHARS_MAX} characters.");
    if fine { Ok(name) } else { Err(Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "name_refused", message)) }
}

fn acceptable_password(password: &str, name: &str, least: usize) -> Result<(), Refused> {
    let refuse = |message| Err(Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "password_refused", message));
    if password.chars().count() < least {
        return refuse(format!("A password has {least} characters or more. A few random words are good."));
    }
    if password.to_lowercase().contains(&name.to_lowercase()) && name.chars().count() > 3 {
        return refuse("The name is the first thing that is tried: leave it out of the password.".to_owned());
    }
    let first = password.chars().next();
    if password.chars().all(|c| Some(c) == first) {
        return refuse("One character over and over is too easy.".to_owned());
    }
    Ok(())
}

#[derive(Deserialize)]
pub(super) struct LoginBody {
    name: String,
    password: String,
}

pub(super) async fn login(
    State(inner): State<Arc<Inner>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Body(body): Body<LoginBody>,
) -> Result<Response, Refused> {
    let now = inner.clock.now();
    let name = acceptable_name(&body.name)?;
    let entered = inner.backoff.enter(name, peer, now).map_err(|wait| {
        inner.metrics.admin_logins_slowed.add(1);
        let secs = wait.div_ceil(1_000_000);
        let message = format!("Too many wrong passwords. Try again in {secs} s.");
        Refused::new(StatusCode::TOO_MANY_REQUESTS, "slow_down", message).retry_in(secs)
    })?;
    let checked = async {
        let admin = inner.store.find_admin(name).await?;
        let kept = admin.as_ref().map(|admin| admin.password.clone());
        let right = inner.passwords.check(body.password, kept).await?;
        Ok::<_, Refused>(admin.filter(|_| right))
    };
    let admin = match checked.await {
        Ok(admin) => admin,
        Err(refused) => {
            inner.backoff.unread(entered);
            return Err(refused);
        }
    };
    let Some(admin) = admin else {
        inner.metrics.admin_logins_failed.add(1);
        // The name stays out of the log: people type their password into the wrong field.
        tracing::warn!(address = %peer.ip, "wrong name or password for the panel");
        return Err(Refused::new(StatusCode::UNAUTHORIZED, "login_wrong", "Wrong name or password."));
    };
    inner.backoff.right(entered);
    // The session of before, if any, is not left behind.
    if let Some(before) = inner.sessions.find(&headers, now) {
        inner.sessions.end(&before.key);
    }
    inner.note(&admin.name, peer.ip, "admin.login", String::new()).await;
    welcome(&inner, peer, &admin.name)
}

fn welcome(inner: &Inner, peer: Peer, name: &str) -> Result<Response, Refused> {
    let secret = inner.sessions.begin(name, inner.clock.now())?;
    let mut response = Json(json!({ "admin": name })).into_response();
    if let Some(cookie) = inner.sessions.set_cookie(&secret, peer.https) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

pub(super) async fn logout(State(inner): State<Arc<Inner>>, Extension(peer): Extension<Peer>, who: Who) -> Response {
    inner.sessions.end(&who.key);
    inner.note(&who.admin, peer.ip, "admin.logout", String::new()).await;
    let mut response = Json(json!({})).into_response();
    if let Some(cookie) = inner.sessions.set_cookie("", peer.https) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_passwords_that_will_not_do() {
        for name in ["", "  ", "a\nb", &"x".repeat(65)] {
            assert!(acceptable_name(name).is_err(), "{name:?}");
        }
        assert_eq!(acceptable_name(" Ada Łovelace ").unwrap(), "Ada Łovelace");
        let fine = |password| acceptable_password(password, "Charles", 10).is_ok();
        assert!(fine("brass gears turn") && fine("äöüäöüäöüß"));
        assert!(!fine("short") && !fine("CHARLES1791") && !fine("aaaaaaaaaaaa"));
    }
}
