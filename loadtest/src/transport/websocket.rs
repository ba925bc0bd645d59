//! `ws://host/ws`: a binary message is a frame.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

use super::{Received, Target};
use crate::Failure;

pub struct Websocket(WebSocketStream<TcpStream>);

impl Websocket {
    pub async fn open(target: &Target, hello: Bytes) -> Result<Self, Failure> {
        // The default buffers (128 KiB a connection) cost more CPU than the frames; frames go out at once.
        let config = WebSocketConfig::default().read_buffer_size(8 << 10).write_buffer_size(0);
        let stream = target.tcp().await?;
        let (socket, _) =
            client_async_with_config(format!("ws://{}/ws", target.authority), stream, Some(config)).await?;
        let mut websocket = Self(socket);
        websocket.send(hello).await?;
        Ok(websocket)
    }

    pub async fn send(&mut self, frame: Bytes) -> Result<(), Failure> {
        Ok(self.0.send(Message::Binary(frame)).await?)
    }

    pub async fn receive(&mut self) -> Result<Received, Failure> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Binary(frame))) => {
                    let bytes = frame.len();
                    return Ok((frame, bytes));
                }
                Some(Ok(Message::Close(Some(close)))) => return Err(format!("closed with code {}", close.code).into()),
                Some(Ok(Message::Text(_))) => return Err("a text message, where only binary ones belong".into()),
                Some(Ok(_)) => {} // pings are answered by the library
                Some(Err(error)) => return Err(error.into()),
                None => return Err("the connection ended".into()),
            }
        }
    }

    pub async fn close(mut self, bye: Bytes) -> Result<(), Failure> {
        self.send(bye).await?;
        self.0.close(None).await?;
        while let Some(Ok(_)) = self.0.next().await {}
        Ok(())
    }
}
