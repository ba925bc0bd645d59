//! Who is logged in: a random cookie in the browser, its hash in here. In memory only: a restart logs everybody out, and
//! there is nothing in the database that could be stolen.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use ring::digest;

use super::Inner;
use super::answer::Refused;
use crate::config::Limits;
use crate::protocol::Micros;

type Key = [u8; 32];

#[derive(Debug)]
struct Session {
    admin: Arc<str>,
    began: Micros,
}

#[derive(Debug)]
pub(super) struct Sessions {
    open: Mutex<HashMap<Key, Session>>,
    max: usize,
    lifetime: Micros,
    cookie: String,
}

/// The admin who asks. As an extractor it refuses everybody else.
#[derive(Debug, Clone)]
pub(super) struct Who {
    pub(super) admin: Arc<str>,
    pub(super) key: Key,
}

impl Sessions {
    pub(super) fn new(limits: &Limits, port: u16) -> Self {
        Self {
            open: Mutex::default(),
            max: limits.admin_sessions_max,
            lifetime: limits.admin_session_hours * 3_600_000_000,
            // Cookies do not tell ports apart, and developers run several servers.
            cookie: format!("airboat_admin_{port}"),
        }
    }

    /// Begins a session; returns the value of its cookie.
    pub(super) fn begin(&self, admin: &str, now: Micros) -> Result<String, getrandom::Error> {
        let secret = random_text()?;
        let mut open = self.lock();
        open.retain(|_, session| now < session.began + self.lifetime);
        if open.len() >= self.max
            && let Some(oldest) = open.iter().min_by_key(|(_, session)| session.began).map(|(key, _)| *key)
        {
            open.remove(&oldest);
        }
        open.insert(hash(&secret), Session { admin: admin.into(), began: now });
        Ok(secret)
    }

    /// Whose cookie this is.
    pub(super) fn find(&self, headers: &HeaderMap, now: Micros) -> Option<Who> {
        let key = hash(self.cookie_in(headers)?);
        let admin = self.lock().get(&key).filter(|session| now < session.began + self.lifetime)?.admin.clone();
        Some(Who { admin, key })
    }

    pub(super) fn holds(&self, key: &Key, now: Micros) -> bool {
        self.lock().get(key).is_some_and(|session| now < session.began + self.lifetime)
    }

    pub(super) fn end(&self, key: &Key) {
        self.lock().remove(key);
    }

    /// `Set-Cookie` for a session, or with an empty secret for its end.
    pub(super) fn set_cookie(&self, secret: &str, https: bool) -> Option<HeaderValue> {
        let age = if secret.is_empty() { 0 } else { self.lifetime / 1_000_000 };
        let secure = if https { "; Secure" } else { "" };
        let name = &self.cookie;
        let text = format!("{name}={secret}; Path=/admin; Max-Age={age}; HttpOnly; SameSite=Strict{secure}");
        HeaderValue::from_str(&text).ok()
    }

    fn cookie_in<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
        let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == self.cookie).map(|(_, value)| value)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FromRequestParts<Arc<Inner>> for Who {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, inner: &Arc<Inner>) -> Result<Self, Refused> {
        inner
            .sessions
            .find(&parts.headers, inner.clock.now())
            .ok_or_else(|| Refused::new(StatusCode::UNAUTHORIZED, "login_needed", "Log in first."))
    }
}

/// 256 random bits as hex: nothing to guess, so a plain hash of it is enough to keep.
pub(super) fn random_text() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Looking up by the hash leaks nothing of the secret by its timing.
pub(super) fn hash(secret: &str) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Micros = 3_600_000_000;

    fn with_cookie(text: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(text).unwrap())])
    }

    #[test]
    fn sessions_end_by_themselves_and_by_logout() {
        let sessions = Sessions::new(&Limits::default(), 7777);
        let secret = sessions.begin("Ada", 0).unwrap();
        let headers = with_cookie(&format!("other=1; airboat_admin_7777={secret}"));
        let who = sessions.find(&headers, 12 * HOUR - 1).unwrap();
        assert_eq!(&*who.admin, "Ada");
        assert!(sessions.find(&headers, 12 * HOUR).is_none() && !sessions.holds(&who.key, 12 * HOUR));
        sessions.end(&who.key);
        assert!(sessions.find(&headers, 1).is_none());
        assert!(sessions.find(&with_cookie("airboat_admin_7777="), 1).is_none());
        assert!(sessions.find(&with_cookie(&format!("airboat_admin_8888={secret}")), 1).is_none());
    }

    #[test]
    fn one_more_than_allowed_ends_the_oldest() {
        let limits = Limits { admin_sessions_max: 2, ..Limits::default() };
        let sessions = Sessions::new(&limits, 1);
        let secrets: Vec<_> = (0..3).map(|n| sessions.begin("Ada", n).unwrap()).collect();
        let held = |secret: &String| sessions.find(&with_cookie(&format!("airboat_admin_1={secret}")), 3).is_some();
        assert_eq!(secrets.iter().map(held).collect::<Vec<_>>(), [false, true, true]);
    }

    #[test]
    fn the_cookie_says_what_it_must() {
        let sessions = Sessions::new(&Limits::default(), 7777);
        let text = |secret, https| sessions.set_cookie(secret, https).unwrap().to_str().unwrap().to_owned();
        assert_eq!(text("s", false), "airboat_admin_7777=s; Path=/admin; Max-Age=43200; HttpOnly; SameSite=Strict");
        assert!(text("s", true).ends_with("; Secure"));
        assert!(text("", false).contains("Max-Age=0"));
    }
}
