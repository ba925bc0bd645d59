//! Raw QUIC, ALPN `airboat/1`: one stream of ours with length-prefixed frames both ways, and datagrams.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use quinn::{
    ClientConfig, Connection, Endpoint, RecvStream, SendStream, TransportConfig, VarInt,
    crypto::rustls::QuicClientConfig,
};

use super::{
    Received, Target, is_reliable, pin,
    stream::{FrameBuffer, prefixed},
};
use crate::Failure;

const ALPN: &[u8] = b"airboat/1";
const CHUNK: usize = 16 << 10;
/// What waits in a buffer is stale: small ones drop it.
const DATAGRAM_SEND_BUFFER: usize = 16 << 10;
const DATAGRAM_RECEIVE_BUFFER: usize = 256 << 10;

pub struct Quic {
    endpoint: Endpoint,
    connection: Connection,
    send: SendStream,
    receive: RecvStream,
    buffer: FrameBuffer,
}

impl Quic {
    /// Every bot has a socket of its own, as every player has.
    pub(super) async fn open(target: &Target, hello: &[u8]) -> Result<Self, Failure> {
        let local = SocketAddr::new(target.unspecified(), 0);
        let mut endpoint = Endpoint::client(local)?;
        endpoint.set_default_client_config(config(target)?);
        let connection = endpoint.connect(target.address, &target.host)?.await?;
        let (mut send, receive) = connection.open_bi().await?;
        send.write_all(&prefixed(hello)).await?;
        Ok(Self { endpoint, connection, send, receive, buffer: FrameBuffer::default() })
    }

    pub(super) async fn send(&mut self, frame: Bytes) -> Result<(), Failure> {
        if is_reliable(&frame) {
            self.send.write_all(&prefixed(&frame)).await?;
        } else {
            self.connection.send_datagram(frame)?;
        }
        Ok(())
    }

    pub(super) async fn receive(&mut self) -> Result<Received, Failure> {
        loop {
            if let Some(received) = self.buffer.next()? {
                return Ok(received);
            }
            tokio::select! {
                // The stream first: of a connection that was closed it may still hold the farewell.
                biased;
                chunk = self.receive.read_chunk(CHUNK, true) => {
                    self.buffer.push(&chunk?.ok_or("the stream ended")?.bytes);
                }
                datagram = self.connection.read_datagram() => {
                    let datagram = datagram?;
                    let bytes = datagram.len();
                    return Ok((datagram, bytes));
                }
            }
        }
    }

    pub(super) async fn close(&mut self, bye: Bytes) -> Result<(), Failure> {
        self.send.write_all(&prefixed(&bye)).await?;
        self.send.finish()?;
        // Until the server has read it; it may also close the connection itself.
        let _ = self.send.stopped().await;
        self.connection.close(VarInt::from_u32(0), b"");
        self.endpoint.wait_idle().await;
        Ok(())
    }
}

fn config(target: &Target) -> Result<ClientConfig, Failure> {
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(pin::tls(&target.pins, ALPN)?)?));
    config.transport_config(Arc::new(transport()?));
    Ok(config)
}

pub fn transport() -> Result<TransportConfig, Failure> {
    let mut transport = TransportConfig::default();
    transport.datagram_send_buffer_size(DATAGRAM_SEND_BUFFER);
    transport.datagram_receive_buffer_size(Some(DATAGRAM_RECEIVE_BUFFER));
    transport.max_idle_timeout(Some(Duration::from_secs(15).try_into()?));
    Ok(transport)
}
