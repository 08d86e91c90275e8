//! An S3 server inside the test process, or in a process of its own (the example `s3-server`).
//!
//! Promise: real HTTP(S) on the loopback with verified SigV4 signatures and checksums, conditional puts
//! of which exactly one wins, and multipart uploads that can be listed; what was answered with success
//! is there again when a server starts on the same root. Every request is recorded, and a hook can make
//! any of them fail.
//!
//! Flow of a request: record it, ask the fault hook, compare the clocks, let s3s authenticate and parse it, run it against
//! the storage, read whatever the client still sends (it would see a reset instead of the answer),
//! record the status, answer.
//!
//! How it fails: `start` reports what it can't bind or create; later errors are answered as S3 errors.
//! Dropping the server closes its connections and joins its thread.

#[path = "s3_server/checksum.rs"]
mod checksum;
#[path = "s3_server/listing.rs"]
mod listing;
#[path = "s3_server/operations.rs"]
mod operations;
#[path = "s3_server/storage.rs"]
mod storage;
#[path = "s3_server/take_in.rs"]
mod take_in;
#[path = "s3_server/tls.rs"]
mod tls;
#[path = "s3_server/wire.rs"]
mod wire;

use std::error::Error;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use s3s::auth::{S3Auth, SecretKey};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, S3Result, s3_error};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use operations::Operations;
use storage::Storage;
use wire::{Fate, Switch, Wire};

/// How far a client's clock may be off, as S3 has it.
const MOST_SKEW: Duration = Duration::from_secs(15 * 60);

/// How long requests may still run when the server is dropped.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) struct Options {
    /// Created if missing; holds one directory a bucket.
    pub(crate) root: PathBuf,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    /// 0 takes any free port.
    pub(crate) port: u16,
    pub(crate) transport: Transport,
    pub(crate) fault: Option<FaultHook>,
}

pub(crate) enum Transport {
    Http,
    /// `ca.pem` is written into the directory.
    Https(PathBuf),
}

/// Asked once a request, before anything is done with it.
pub(crate) type FaultHook = Arc<dyn Fn(&Parts) -> Fault + Send + Sync>;

/// What shall happen to a request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    Pass,
    /// Answer this HTTP status and S3 error code instead of doing anything.
    Status(u16, &'static str),
    /// Answer this instead of doing anything.
    Answer(Answer),
    /// Close the connection without reading the body.
    CloseBeforeBody,
    /// Reset the connection (RST) when so many bytes of the body have come, or all; nothing is done.
    ResetAfter(usize),
    /// Do what was asked, then reset the connection instead of answering.
    ResetAfterHandling,
    /// Do what was asked; of the answer only so many bytes go out.
    CutAnswer(usize),
    /// Do what was asked; the bytes of the answer go out one by one, with a pause before each.
    Drip(Duration),
    /// Read the body, then do nothing and never answer.
    Silence,
    /// Do what was asked, then never answer.
    SilenceAfterHandling,
    /// One bit of the body changes on its way in.
    Garble,
    /// Do what was asked, then close the connection instead of answering.
    CloseAfterHandling,
    /// Wait, then go on as usual.
    Stall(Duration),
}

/// An answer of a test's own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

/// A request as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// Percent-encoded, as sent.
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: HeaderMap,
    /// `None` while it is handled, and for ever when the answer was withheld.
    pub(crate) status: Option<u16>,
    pub(crate) arrived: Instant,
    pub(crate) answered: Option<Instant>,
}

pub(crate) struct S3Server {
    address: SocketAddr,
    ca_pem: Option<PathBuf>,
    storage: Arc<Storage>,
    record: Arc<Record>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl S3Server {
    /// Returns when connections are accepted.
    pub(crate) fn start(options: Options) -> io::Result<Self> {
        fs::create_dir_all(&options.root)?;
        let storage = Arc::new(Storage::open(&options.root)?);
        let (acceptor, ca_pem) = match &options.transport {
            Transport::Http => (None, None),
            Transport::Https(dir) => tls::acceptor(dir).map(|(acceptor, ca_pem)| (Some(acceptor), Some(ca_pem)))?,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;

        let mut builder = S3ServiceBuilder::new(Operations { storage: Arc::clone(&storage) });
        builder.set_auth(OneKey { access_key: options.access_key, secret_key: options.secret_key.into() });
        let record = Arc::new(Record::default());
        let site =
            Arc::new(Site { service: builder.build(), record: Arc::clone(&record), fault: options.fault, acceptor });
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let thread = std::thread::Builder::new().name("s3-server".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, site) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_timeout(PATIENCE);
        })?;
        Ok(Self { address, ca_pem, storage, record, stop: Some(stop), thread: Some(thread) })
    }

    pub(crate) fn endpoint(&self) -> String {
        let scheme = if self.ca_pem.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The certificate that an https client must trust.
    pub(crate) fn ca_pem(&self) -> Option<&Path> {
        self.ca_pem.as_deref()
    }

    /// A bucket that is there already, from an earlier server on the same root, is fine.
    pub(crate) fn create_bucket(&self, name: &str) -> io::Result<()> {
        if self.storage.require_bucket(name).is_ok() {
            return Ok(());
        }
        self.storage.create_bucket(name).map_err(io::Error::other)
    }

    /// Only an empty bucket can be deleted; its open uploads go with it.
    pub(crate) fn delete_bucket(&self, name: &str) -> io::Result<()> {
        self.storage.delete_bucket(name).map_err(io::Error::other)
    }

    /// How many uploads in parts are neither completed nor removed.
    pub(crate) fn open_uploads(&self, bucket: &str) -> usize {
        self.storage.uploads(bucket).map_or(0, |uploads| uploads.len())
    }

    /// All requests since the start or the last `clear_requests`, in the order of their arrival.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.record.lock().requests.clone()
    }

    pub(crate) fn clear_requests(&self) {
        let mut record = self.record.lock();
        record.cleared += record.requests.len();
        record.requests.clear();
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that the thread has ended already.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the S3 server's thread panicked");
        }
    }
}

/// What all connections share.
struct Site {
    service: S3Service,
    record: Arc<Record>,
    fault: Option<FaultHook>,
    acceptor: Option<TlsAcceptor>,
}

async fn accept(listener: TcpListener, site: Arc<Site>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a fresh non-blocking listener");
    loop {
        // An error here belongs to one connection that is gone again, or to a lack of descriptors.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let site = Arc::clone(&site);
        tokio::spawn(async move {
            let switch = Switch::default();
            let wire = Wire::new(stream, switch.clone());
            match site.acceptor.clone() {
                None => serve(wire, site, switch).await,
                Some(acceptor) => {
                    // A client that doesn't trust us ends the handshake: that is its own business.
                    if let Ok(stream) = acceptor.accept(wire).await {
                        serve(stream, site, switch).await;
                    }
                }
            }
        });
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, site: Arc<Site>, switch: Switch) {
    let service = service_fn(|request| handle(Arc::clone(&site), switch.clone(), request));
    // Errors are the client's going away, or a fault that asked for it.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

type Handled = Result<Response<Body>, Box<dyn Error + Send + Sync>>;

async fn handle(site: Arc<Site>, switch: Switch, request: hyper::Request<Incoming>) -> Handled {
    let (parts, body) = request.into_parts();
    let number = site.record.arrived(&parts);
    let fault = site.fault.as_ref().map_or(Fault::Pass, |hook| hook(&parts));
    let answer = match fault {
        Fault::Stall(time) => {
            tokio::time::sleep(time).await;
            perform(&site.service, parts, body, Transit::Sound).await?
        }
        Fault::Pass => perform(&site.service, parts, body, Transit::Sound).await?,
        Fault::Garble => perform(&site.service, parts, body, Transit::Garbled).await?,
        Fault::CutAnswer(bytes) => {
            let answer = perform(&site.service, parts, body, Transit::Sound).await?;
            switch.set(Fate::CutAfter(bytes));
            answer
        }
        Fault::Drip(pause) => {
            let answer = perform(&site.service, parts, body, Transit::Sound).await?;
            switch.set(Fate::Drip(pause));
            answer
        }
        Fault::Status(status, code) => {
            drain(body).await;
            refusal(status, code, "as the test asked")?
        }
        Fault::Answer(answer) => {
            drain(body).await;
            answer.into_response()?
        }
        withheld => return withhold(&site, &switch, withheld, parts, body).await,
    };
    site.record.answered(number, answer.status());
    Ok(answer)
}

/// The faults after which the client gets no answer.
async fn withhold(site: &Site, switch: &Switch, fault: Fault, parts: Parts, body: Incoming) -> Handled {
    match fault {
        Fault::ResetAfter(bytes) => {
            drain_to(body, bytes).await;
            switch.set(Fate::Reset);
        }
        Fault::CloseAfterHandling | Fault::ResetAfterHandling | Fault::SilenceAfterHandling => {
            perform(&site.service, parts, body, Transit::Sound).await?;
            match fault {
                Fault::ResetAfterHandling => switch.set(Fate::Reset),
                Fault::SilenceAfterHandling => std::future::pending().await,
                _ => {}
            }
        }
        Fault::Silence => {
            drain(body).await;
            std::future::pending().await
        }
        _ => {}
    }
    Err("no answer, as the test asked".into())
}

/// What happens to a body on its way in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Transit {
    Sound,
    Garbled,
}

async fn perform(service: &S3Service, parts: Parts, body: Incoming, transit: Transit) -> Handled {
    if is_skewed(&parts) {
        drain(body).await;
        let message = "The difference between the request time and the current time is too large.";
        return refusal(403, "RequestTimeTooSkewed", message);
    }
    let rest = Arc::new(Mutex::new(None));
    let lent = LentBody { body: Some(body), transit, rest: Arc::clone(&rest) };
    let request = http::Request::from_parts(parts, Body::http_body(lent));
    let answer = service.call(request).await?;
    let unread = rest.lock().expect("nothing panics while it holds this").take();
    if let Some(unread) = unread {
        drain(unread).await;
    }
    Ok(answer)
}

/// Whether the clocks of client and server differ by more than S3 allows.
fn is_skewed(parts: &Parts) -> bool {
    let date = parts.headers.get("x-amz-date").and_then(|date| date.to_str().ok());
    let Some(date) = date.and_then(|date| chrono::NaiveDateTime::parse_from_str(date, "%Y%m%dT%H%M%SZ").ok()) else {
        return false;
    };
    let now = chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now());
    now.signed_duration_since(date.and_utc()).abs().to_std().is_ok_and(|skew| skew > MOST_SKEW)
}

async fn drain(body: Incoming) {
    drain_to(body, usize::MAX).await;
}

async fn drain_to(mut body: Incoming, bytes: usize) {
    let mut read = 0;
    while read < bytes
        && let Some(Ok(frame)) = body.frame().await
    {
        read += frame.data_ref().map_or(0, Bytes::len);
    }
}

fn refusal(status: u16, code: &str, message: &str) -> Handled {
    Answer { status, headers: Vec::new(), body: error_body(code, message) }.into_response()
}

/// The body of an S3 error.
pub(crate) fn error_body(code: &str, message: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    )
}

impl Answer {
    fn into_response(self) -> Handled {
        let mut answer = Response::builder().status(StatusCode::from_u16(self.status)?);
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            answer = answer.header(http::header::CONTENT_TYPE, "application/xml");
        }
        for (name, value) in self.headers {
            answer = answer.header(name, value);
        }
        Ok(answer.body(Body::from(self.body))?)
    }
}

/// A request's body that comes back when the handler is through with it.
struct LentBody {
    body: Option<Incoming>,
    transit: Transit,
    rest: Arc<Mutex<Option<Incoming>>>,
}

impl hyper::body::Body for LentBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = std::task::ready!(Pin::new(body).poll_frame(cx));
        match frame {
            Some(Ok(frame))
                if self.transit == Transit::Garbled && frame.data_ref().is_some_and(|data| !data.is_empty()) =>
            {
                self.transit = Transit::Sound;
                Poll::Ready(Some(Ok(frame.map_data(|data| {
                    let mut garbled = BytesMut::from(data.as_ref());
                    garbled[0] ^= 1;
                    garbled.freeze()
                }))))
            }
            frame => Poll::Ready(frame),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(|body| body.size_hint()).unwrap_or_default()
    }
}

impl Drop for LentBody {
    fn drop(&mut self) {
        if let Ok(mut rest) = self.rest.lock() {
            *rest = self.body.take();
        }
    }
}

/// Like s3s's SimpleAuth, but an unknown key is refused with the code that AWS uses.
struct OneKey {
    access_key: String,
    secret_key: SecretKey,
}

#[async_trait::async_trait]
impl S3Auth for OneKey {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == self.access_key {
            return Ok(self.secret_key.clone());
        }
        Err(s3_error!(InvalidAccessKeyId, "The AWS Access Key Id you provided does not exist in our records."))
    }
}

#[derive(Default)]
struct Record(Mutex<Recorded>);

#[derive(Default)]
struct Recorded {
    requests: Vec<Request>,
    /// How many were cleared: the number of the first request that is still in the list.
    cleared: usize,
}

impl Record {
    fn lock(&self) -> MutexGuard<'_, Recorded> {
        self.0.lock().expect("nothing panics while it holds the record")
    }

    fn arrived(&self, parts: &Parts) -> usize {
        let mut record = self.lock();
        record.requests.push(Request {
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().map(str::to_owned),
            headers: parts.headers.clone(),
            status: None,
            arrived: Instant::now(),
            answered: None,
        });
        record.cleared + record.requests.len() - 1
    }

    fn answered(&self, number: usize, status: StatusCode) {
        let mut record = self.lock();
        let index = number.checked_sub(record.cleared);
        if let Some(request) = index.and_then(|index| record.requests.get_mut(index)) {
            request.status = Some(status.as_u16());
            request.answered = Some(Instant::now());
        }
    }
}
