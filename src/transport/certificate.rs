//! One certificate with its key: read from PEM files, or made for development.
//!
//! Development certificates are what browsers accept by hash: ECDSA P-256 and at most 14 days long. They come in pairs,
//! the one in use and the one that follows, so that a page can be told both hashes ahead of a rotation.

use std::fs;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, DnType, KeyPair, SanType};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// Browsers accept at most 14 days for a certificate known by its hash.
const DEVELOPMENT_LENGTH: i64 = 13 * DAY;
/// Rotated when this much is left.
pub(super) const DEVELOPMENT_SPARE: i64 = 3 * DAY;
/// Starts early, for clocks that run behind.
const BACKDATED: i64 = HOUR;

#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: std::io::Error },
    #[error("{path} is not a usable certificate or key: {why}")]
    Content { path: PathBuf, why: String },
    #[error("cannot make a development certificate: {0}")]
    Make(#[from] rcgen::Error),
}

/// A chain with its key, ready for rustls.
#[derive(Debug, Clone)]
pub(super) struct Certificate {
    pub(super) key: Arc<CertifiedKey>,
    /// SHA-256 of the leaf's DER form: what `serverCertificateHashes` wants.
    pub(super) hash: [u8; 32],
    pub(super) not_before: i64,
    pub(super) not_after: i64,
}

impl Certificate {
    /// Chain and key from two PEM texts; the paths are for the error only.
    fn parse(chain: (&Path, &[u8]), key: (&Path, &[u8])) -> Result<Self, CertificateError> {
        let content = |path: &Path, why: &dyn std::fmt::Display| CertificateError::Content {
            path: path.to_owned(),
            why: why.to_string(),
        };
        let ders =
            CertificateDer::pem_slice_iter(chain.1).collect::<Result<Vec<_>, _>>().map_err(|e| content(chain.0, &e))?;
        let Some(leaf) = ders.first() else {
            return Err(content(chain.0, &"no certificate in it"));
        };
        let (_, parsed) = x509_parser::parse_x509_certificate(leaf).map_err(|e| content(chain.0, &e))?;
        let validity = parsed.validity();
        let (not_before, not_after) = (validity.not_before.timestamp(), validity.not_after.timestamp());
        let hash = sha256(leaf);
        let private = PrivateKeyDer::from_pem_slice(key.1).map_err(|e| content(key.0, &e))?;
        let certified = CertifiedKey::from_der(ders, private, &rustls::crypto::ring::default_provider())
            .map_err(|e| content(key.0, &e))?;
        Ok(Self { key: Arc::new(certified), hash, not_before, not_after })
    }

    pub(super) fn read(chain: &Path, key: &Path) -> Result<Self, CertificateError> {
        let read =
            |path: &Path| fs::read(path).map_err(|source| CertificateError::Read { path: path.to_owned(), source });
        Self::parse((chain, &read(chain)?), (key, &read(key)?))
    }

    /// Makes a development certificate valid from `start` and keeps it, with its key, in one file.
    fn make(path: &Path, start: i64, names: &[Name]) -> Result<Self, CertificateError> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Airboat development");
        params.not_before = moment(start);
        params.not_after = moment(start + DEVELOPMENT_LENGTH);
        for name in names {
            params.subject_alt_names.push(match name {
                Name::Host(host) => SanType::DnsName(host.as_str().try_into()?),
                Name::Address(address) => SanType::IpAddress(*address),
            });
        }
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let pem = format!("{}{}", params.self_signed(&key)?.pem(), key.serialize_pem());
        write_private(path, pem.as_bytes())
            .map_err(|source| CertificateError::Write { path: path.to_owned(), source })?;
        Self::parse((path, pem.as_bytes()), (path, pem.as_bytes()))
    }
}

/// The development certificate in use and the one that follows it.
#[derive(Debug, Clone)]
pub(super) struct DevelopmentPair {
    folder: PathBuf,
    names: Vec<Name>,
    pub(super) current: Certificate,
    pub(super) next: Certificate,
}

impl DevelopmentPair {
    /// Takes what the folder holds while it is good, makes what is missing.
    pub(super) fn load_or_make(folder: &Path, names: Vec<Name>, now: i64) -> Result<Self, CertificateError> {
        fs::create_dir_all(folder).map_err(|source| CertificateError::Write { path: folder.to_owned(), source })?;
        let (current_path, next_path) = paths(folder);
        let kept = |path: &Path| Certificate::read(path, path).ok().filter(|c| c.not_after - DEVELOPMENT_SPARE > now);
        let current = match kept(&current_path).filter(|c| c.not_before <= now) {
            Some(current) => current,
            None => Self::promote(&current_path, &next_path, kept(&next_path), &names, now)?,
        };
        let next = match kept(&next_path).filter(|n| n.hash != current.hash && n.not_after > current.not_after) {
            Some(next) => next,
            None => Certificate::make(&next_path, following(&current), &names)?,
        };
        Ok(Self { folder: folder.to_owned(), names, current, next })
    }

    /// The prepared certificate becomes the current one if its time has come, otherwise a new one is made.
    fn promote(
        current: &Path,
        next: &Path,
        kept: Option<Certificate>,
        names: &[Name],
        now: i64,
    ) -> Result<Certificate, CertificateError> {
        match kept.filter(|c| c.not_before <= now) {
            Some(certificate) => {
                fs::rename(next, current)
                    .map_err(|source| CertificateError::Write { path: current.to_owned(), source })?;
                Ok(certificate)
            }
            None => Certificate::make(current, now - BACKDATED, names),
        }
    }

    /// Whether the current certificate is to be replaced.
    pub(super) const fn is_due(&self, now: i64) -> bool {
        self.current.not_after - DEVELOPMENT_SPARE <= now
    }

    pub(super) fn rotate(&self, now: i64) -> Result<Self, CertificateError> {
        Self::load_or_make(&self.folder, self.names.clone(), now)
    }
}

/// What a certificate is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Name {
    Host(String),
    Address(IpAddr),
}

/// Names this machine is reached by: loopback, its own host name, and the addresses given.
pub(super) fn names(addresses: &[IpAddr]) -> Vec<Name> {
    let mut names = vec![
        Name::Host("localhost".into()),
        Name::Address(IpAddr::from([127, 0, 0, 1])),
        Name::Address(std::net::Ipv6Addr::LOCALHOST.into()),
    ];
    if let Ok(host) = fs::read_to_string("/proc/sys/kernel/hostname") {
        let host = host.trim().to_ascii_lowercase();
        let valid = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
        if valid && host != "localhost" {
            names.push(Name::Host(format!("{host}.local")));
            names.push(Name::Host(host));
        }
    }
    for address in addresses {
        if !names.contains(&Name::Address(*address)) {
            names.push(Name::Address(*address));
        }
    }
    names
}

fn paths(folder: &Path) -> (PathBuf, PathBuf) {
    (folder.join("development.pem"), folder.join("development-next.pem"))
}

/// The next certificate is good from an hour before its predecessor is due.
const fn following(current: &Certificate) -> i64 {
    current.not_after - DEVELOPMENT_SPARE - BACKDATED
}

fn moment(unix: i64) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(unix).unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}

/// Written beside and renamed, readable by the owner only: it holds a key.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension("tmp");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A folder of its own, gone with the guard.
    pub(in crate::transport) struct Folder(pub PathBuf);

    impl Folder {
        pub(in crate::transport) fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("airboat-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const START: i64 = 1_800_000_000;

    #[test]
    fn is_kept_over_restarts_while_three_days_remain() {
        let folder = Folder::new("kept");
        let first = DevelopmentPair::load_or_make(&folder.0, names(&[]), START).unwrap();
        let length = first.current.not_after - first.current.not_before;
        assert_eq!(length, DEVELOPMENT_LENGTH);
        assert!(first.current.not_before < START);
        let again = DevelopmentPair::load_or_make(&folder.0, names(&[]), START + 9 * DAY).unwrap();
        assert_eq!((again.current.hash, again.next.hash), (first.current.hash, first.next.hash));
    }

    #[test]
    fn rotation_brings_the_announced_certificate_into_use() {
        let folder = Folder::new("rotation");
        let first = DevelopmentPair::load_or_make(&folder.0, names(&[]), START).unwrap();
        assert!(!first.is_due(START));
        let due = START + 10 * DAY;
        assert!(first.is_due(due));
        let second = first.rotate(due).unwrap();
        assert_eq!(second.current.hash, first.next.hash, "what was announced comes next");
        assert_ne!(second.next.hash, first.next.hash);
        assert!(second.current.not_before <= due && second.current.not_after > due + 9 * DAY);
        assert!(second.next.not_before <= second.current.not_after - DEVELOPMENT_SPARE);
    }

    #[test]
    fn after_a_long_rest_both_are_new() {
        let folder = Folder::new("rest");
        let first = DevelopmentPair::load_or_make(&folder.0, names(&[]), START).unwrap();
        let later = DevelopmentPair::load_or_make(&folder.0, names(&[]), START + 100 * DAY).unwrap();
        assert_ne!(later.current.hash, first.current.hash);
        assert_ne!(later.current.hash, first.next.hash);
        assert!(!later.is_due(START + 100 * DAY));
    }

    #[test]
    fn a_broken_file_is_replaced() {
        let folder = Folder::new("broken");
        fs::write(folder.0.join("development.pem"), b"not a certificate").unwrap();
        let pair = DevelopmentPair::load_or_make(&folder.0, names(&[]), START).unwrap();
        assert!(!pair.is_due(START));
    }
}
