//! `airboat check-health`: asks the server on this machine how it is, for container images that have no `curl`.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

use crate::config::{Config, TlsMode};

const PATIENCE: Duration = Duration::from_secs(4);

/// An error, unless the server answers that it is alive.
pub fn check(config: &Config) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, config.port).into(), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(1024).read_to_string(&mut answer)?;
    // A port that speaks TLS only refuses a plain request in plain words, which only a living server does.
    let refuses_plain = config.tls == TlsMode::Required && answer.starts_with("HTTP/1.1");
    if answer.starts_with("HTTP/1.1 200") || refuses_plain {
        Ok(())
    } else {
        Err(io::Error::other("the server does not answer as it should"))
    }
}
