//! A connection that can be made to misbehave below HTTP: reset, drip, break off.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// What shall become of the connection from now on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Fate {
    #[default]
    Sound,
    /// It is closed by a reset (RST), not by an end (FIN).
    Reset,
    /// One byte goes out, then there is a pause.
    Drip(Duration),
    /// So many bytes still go out, then it is closed.
    CutAfter(usize),
}

/// Through which the handler of a request decides the fate of its connection.
#[derive(Clone, Default)]
pub(crate) struct Switch(Arc<Mutex<Fate>>);

impl Switch {
    pub(crate) fn set(&self, fate: Fate) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fate;
    }

    fn get(&self) -> Fate {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The server's end of a connection.
pub(crate) struct Wire {
    stream: TcpStream,
    switch: Switch,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, switch: Switch) -> Self {
        Self { stream, switch, pause: None }
    }

    fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if matches!(self.switch.get(), Fate::Reset) {
            // A connection that is gone already needs no reset.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.switch.get() {
            Fate::Sound => self.write(cx, bytes),
            Fate::Reset | Fate::CutAfter(0) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Fate::CutAfter(left) => {
                let written = ready!(self.write(cx, &bytes[..left.min(bytes.len())]))?;
                self.switch.set(Fate::CutAfter(left - written));
                Poll::Ready(Ok(written))
            }
            Fate::Drip(pause) => {
                ready!(self.pause.get_or_insert_with(|| Box::pin(sleep(pause))).as_mut().poll(cx));
                let written = ready!(self.write(cx, &bytes[..bytes.len().min(1)]))?;
                self.pause = None;
                Poll::Ready(Ok(written))
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.switch.get() {
            // An orderly end would come before the reset.
            Fate::Reset => Poll::Ready(Ok(())),
            _ => Pin::new(&mut self.stream).poll_shutdown(cx),
        }
    }
}
