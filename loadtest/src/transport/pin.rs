//! TLS that accepts the certificates whose SHA-256 the server published, and no others: as a browser does it.

use std::sync::Arc;

use rustls::{ClientConfig, version::TLS13};
use wtransport::tls::{Sha256Digest, client::ServerHashVerification};

use crate::Failure;

pub fn tls(pins: &[[u8; 32]], alpn: &[u8]) -> Result<ClientConfig, Failure> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = ServerHashVerification::new(pins.iter().copied().map(Sha256Digest::new));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    Ok(config)
}
