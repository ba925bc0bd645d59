//! WebTransport on `/wt`: framed as raw QUIC is.

use std::net::SocketAddr;

use bytes::Bytes;
use wtransport::{ClientConfig, Connection, Endpoint, RecvStream, SendStream, VarInt, endpoint::endpoint_side::Client};

use super::{
    Received, Target, is_reliable, pin, quic,
    stream::{FrameBuffer, prefixed},
};
use crate::Failure;

const ALPN: &[u8] = b"h3";
const CHUNK: usize = 4 << 10;

pub struct Webtransport {
    endpoint: Endpoint<Client>,
    connection: Connection,
    send: SendStream,
    receive: RecvStream,
    buffer: FrameBuffer,
}

impl Webtransport {
    pub(super) async fn open(target: &Target, hello: &[u8]) -> Result<Self, Failure> {
        let config = ClientConfig::builder()
            .with_bind_address(SocketAddr::new(target.unspecified(), 0))
            .with_custom_tls_and_transport(pin::tls(&target.pins, ALPN)?, quic::transport()?)
            .build();
        let endpoint = Endpoint::client(config)?;
        let connection = endpoint.connect(format!("https://{}/wt", target.authority)).await?;
        let (mut send, receive) = connection.open_bi().await?.await?;
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
        let mut chunk = [0; CHUNK];
        loop {
            if let Some(received) = self.buffer.next()? {
                return Ok(received);
            }
            tokio::select! {
                // The stream first: of a connection that was closed it may still hold the farewell.
                biased;
                read = self.receive.read(&mut chunk) => {
                    let length = read?.ok_or("the stream ended")?;
                    self.buffer.push(&chunk[..length]);
                }
                datagram = self.connection.receive_datagram() => {
                    let frame = datagram?.payload();
                    let bytes = frame.len();
                    return Ok((frame, bytes));
                }
            }
        }
    }

    pub(super) async fn close(&mut self, bye: Bytes) -> Result<(), Failure> {
        self.send.write_all(&prefixed(&bye)).await?;
        self.send.finish().await?;
        let _ = self.send.quic_stream_mut().stopped().await;
        self.connection.close(VarInt::from_u32(0), b"");
        self.endpoint.wait_idle().await;
        Ok(())
    }
}
