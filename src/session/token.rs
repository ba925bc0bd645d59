//! Resume tokens: session id, generation, and an HMAC over both by the server's key.
//!
//! Nothing about them is stored: a token is as good as its session. The device's secret is asked for besides, so a token
//! that leaks through a log or a screenshot takes no seat.

use ring::hmac;

/// Random, unguessable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

impl std::fmt::Display for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    pub session: SessionId,
    pub generation: u32,
}

/// Signs and checks tokens.
#[derive(Debug, Clone)]
pub struct TokenKey(hmac::Key);

const CONTENT: usize = 12;
const MAC: usize = 16;

impl TokenKey {
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    pub fn sign(&self, token: Token) -> Vec<u8> {
        let mut out = token.session.0.to_be_bytes().to_vec();
        out.extend_from_slice(&token.generation.to_be_bytes());
        let mac = hmac::sign(&self.0, &out);
        out.extend_from_slice(&mac.as_ref()[..MAC]);
        out
    }

    /// What names one attachment in HTTP requests: known to nobody who does not hold the key.
    pub fn link_token(&self, token: Token) -> [u8; 16] {
        let mut content = b"link".to_vec();
        content.extend_from_slice(&token.session.0.to_be_bytes());
        content.extend_from_slice(&token.generation.to_be_bytes());
        let mut out = [0; 16];
        out.copy_from_slice(&hmac::sign(&self.0, &content).as_ref()[..16]);
        out
    }

    /// The token, if these bytes were signed by this key.
    pub fn open(&self, bytes: &[u8]) -> Option<Token> {
        let (content, mac) = bytes.split_at_checked(CONTENT)?;
        let expected = hmac::sign(&self.0, content);
        // Compared in one go whatever differs, so that time tells nothing about the expected bytes.
        let differs = expected.as_ref()[..MAC].iter().zip(mac).fold(0, |all, (a, b)| all | (a ^ b));
        if mac.len() != MAC || differs != 0 {
            return None;
        }
        let (session, generation) = content.split_first_chunk::<8>()?;
        Some(Token {
            session: SessionId(u64::from_be_bytes(*session)),
            generation: u32::from_be_bytes(generation.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_untouched_tokens_open() {
        let key = TokenKey::new(&[7; 32]);
        let token = Token { session: SessionId(0x0123_4567_89ab_cdef), generation: 3 };
        let bytes = key.sign(token);
        assert_eq!(key.open(&bytes), Some(token));
        assert_eq!(TokenKey::new(&[8; 32]).open(&bytes), None);
        assert_eq!(key.open(&bytes[..bytes.len() - 1]), None);
        for place in 0..bytes.len() {
            let mut forged = bytes.clone();
            forged[place] ^= 1;
            assert_eq!(key.open(&forged), None);
        }
    }
}
