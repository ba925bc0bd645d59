//! TLS for both sides of the port: the certificate in use, how it is swapped while connections go on, and the two
//! rustls configurations (TCP speaks http/1.1, UDP speaks h3 and airboat/1).
//!
//! A handshake asks the swappable resolver for the certificate, so a rotation or a changed file touches new handshakes
//! only. Real certificates are `cert.pem` and `key.pem` in the folder; without them a development pair is made.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::certificate::{self, Certificate, CertificateError, DevelopmentPair};
use crate::clock::Clock;
use crate::metrics::Metrics;

/// How often files and dates are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
pub(super) const ALPN_H3: &[u8] = b"h3";
pub(super) const ALPN_AIRBOAT: &[u8] = b"airboat/1";

/// The certificate new handshakes get.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

#[derive(Debug)]
enum Source {
    Files { chain: PathBuf, key: PathBuf, seen: (Option<SystemTime>, Option<SystemTime>) },
    Development(Box<DevelopmentPair>),
}

/// The certificate source, its rotation and the configurations made from it.
#[derive(Debug)]
pub struct Tls {
    source: Source,
    current: Arc<Current>,
    /// Hashes of development certificates, current first; empty with real ones.
    hashes: watch::Sender<Vec<[u8; 32]>>,
    metrics: Arc<Metrics>,
}

impl Tls {
    /// `addresses` are this machine's, for the development certificate's names.
    pub fn open(
        folder: &Path,
        addresses: &[IpAddr],
        now: i64,
        metrics: Arc<Metrics>,
    ) -> Result<Self, CertificateError> {
        let (chain, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        let (source, first) = if chain.exists() || key.exists() {
            let seen = (changed(&chain), changed(&key));
            let first = Certificate::read(&chain, &key)?;
            (Source::Files { chain, key, seen }, first)
        } else {
            let pair = DevelopmentPair::load_or_make(folder, certificate::names(addresses), now)?;
            let first = pair.current.clone();
            (Source::Development(Box::new(pair)), first)
        };
        metrics.tls_certificate_expiry_timestamp_seconds.set(first.not_after);
        Ok(Self {
            hashes: watch::Sender::new(source.hashes()),
            current: Arc::new(Current(RwLock::new(first.key))),
            source,
            metrics,
        })
    }

    /// Hashes to publish: the certificate in use and the next one. Follows rotations.
    pub fn hashes(&self) -> watch::Receiver<Vec<[u8; 32]>> {
        self.hashes.subscribe()
    }

    pub const fn is_development(&self) -> bool {
        matches!(self.source, Source::Development(_))
    }

    pub(super) fn for_tcp(&self) -> Result<Arc<rustls::ServerConfig>, rustls::Error> {
        let versions = &[&rustls::version::TLS13, &rustls::version::TLS12];
        self.configuration(versions, vec![b"http/1.1".to_vec()]).map(Arc::new)
    }

    pub(super) fn for_udp(&self) -> Result<rustls::ServerConfig, rustls::Error> {
        let mut config =
            self.configuration(&[&rustls::version::TLS13], vec![ALPN_H3.to_vec(), ALPN_AIRBOAT.to_vec()])?;
        // Early data could be replayed; a hello must not be.
        config.max_early_data_size = 0;
        Ok(config)
    }

    fn configuration(
        &self,
        versions: &[&'static rustls::SupportedProtocolVersion],
        alpn: Vec<Vec<u8>>,
    ) -> Result<rustls::ServerConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)?
            .with_no_client_auth()
            .with_cert_resolver(self.current.clone());
        config.alpn_protocols = alpn;
        Ok(config)
    }

    /// Looks at files and dates once; true when another certificate came into use. On an error the old one stays.
    pub(super) fn look(&mut self, now: i64) -> Result<bool, CertificateError> {
        let fresh = match &mut self.source {
            Source::Files { chain, key, seen } => {
                let found = (changed(chain), changed(key));
                if found == *seen {
                    return Ok(false);
                }
                // Remembered before reading, so that a broken file is complained about once.
                *seen = found;
                Certificate::read(chain, key)?
            }
            Source::Development(pair) => {
                if !pair.is_due(now) {
                    return Ok(false);
                }
                **pair = pair.rotate(now)?;
                pair.current.clone()
            }
        };
        self.metrics.tls_certificate_expiry_timestamp_seconds.set(fresh.not_after);
        *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = fresh.key;
        self.hashes.send_replace(self.source.hashes());
        Ok(true)
    }

    /// Keeps the certificate fresh until the server closes.
    pub(crate) async fn watch(mut self, closing: CancellationToken) {
        let mut every = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                () = closing.cancelled() => return,
                _ = every.tick() => {}
            }
            match self.look(Clock::unix_secs()) {
                Ok(true) => tracing::info!("another certificate is in use now"),
                Ok(false) => {}
                Err(error) => tracing::error!("the certificate in use stays: {error}"),
            }
        }
    }
}

impl Source {
    fn hashes(&self) -> Vec<[u8; 32]> {
        match self {
            Self::Files { .. } => Vec::new(),
            Self::Development(pair) => vec![pair.current.hash, pair.next.hash],
        }
    }
}

fn changed(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|m| m.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::super::certificate::tests::Folder;
    use super::*;

    const START: i64 = 1_800_000_000;
    const DAY: i64 = 86_400;

    fn write_files(folder: &Path, from: &Path) {
        let pem = std::fs::read(from).unwrap();
        // Both files may hold both parts: each reader takes what it looks for.
        std::fs::write(folder.join("cert.pem"), &pem).unwrap();
        std::fs::write(folder.join("key.pem"), &pem).unwrap();
    }

    fn hash_in_use(tls: &Tls) -> Vec<u8> {
        tls.current.0.read().unwrap().cert[0].as_ref().to_vec()
    }

    #[test]
    fn rotation_changes_what_new_handshakes_get_and_what_is_published() {
        let folder = Folder::new("tls-rotation");
        let mut tls = Tls::open(&folder.0, &[], START, Arc::default()).unwrap();
        let hashes = tls.hashes();
        let before = hashes.borrow().clone();
        let used = hash_in_use(&tls);
        assert!(!tls.look(START + DAY).unwrap());
        assert!(tls.look(START + 10 * DAY).unwrap());
        assert_eq!(hashes.borrow()[0], before[1]);
        assert_ne!(hash_in_use(&tls), used);
    }

    #[test]
    fn real_files_are_used_and_reloaded_and_a_broken_one_keeps_the_old() {
        let (folder, other) = (Folder::new("tls-files"), Folder::new("tls-other"));
        Tls::open(&other.0, &[], START, Arc::default()).unwrap();
        write_files(&folder.0, &other.0.join("development.pem"));
        let mut tls = Tls::open(&folder.0, &[], START, Arc::default()).unwrap();
        assert!(!tls.is_development() && tls.hashes().borrow().is_empty());
        let used = hash_in_use(&tls);

        write_files(&folder.0, &other.0.join("development-next.pem"));
        touch(&folder.0.join("cert.pem"), 10);
        assert!(tls.look(START).unwrap());
        let newer = hash_in_use(&tls);
        assert_ne!(newer, used);

        std::fs::write(folder.0.join("cert.pem"), b"broken").unwrap();
        touch(&folder.0.join("cert.pem"), 20);
        let error = tls.look(START).unwrap_err().to_string();
        assert!(error.contains("cert.pem") && !error.contains('\n'), "{error}");
        assert!(!tls.look(START).unwrap(), "complains once");
        assert_eq!(hash_in_use(&tls), newer);
    }

    #[test]
    fn a_key_without_certificate_is_one_clear_line() {
        let folder = Folder::new("tls-half");
        std::fs::write(folder.0.join("key.pem"), b"x").unwrap();
        let error = Tls::open(&folder.0, &[], START, Arc::default()).unwrap_err().to_string();
        assert!(error.contains("cert.pem") && !error.contains('\n'), "{error}");
    }

    /// File times may be coarse; a test sets them.
    fn touch(path: &Path, later: u64) {
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() + Duration::from_secs(later)).unwrap();
    }
}
