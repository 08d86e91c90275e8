//! The instance metadata service of EC2, version 2, as the tests' own server on the loopback.
//!
//! Promise: what the real one does with tokens, headers and status codes, this one does; each path can be given any reply
//! at any time; every request is counted. The binary finds it by `AWS_EC2_METADATA_SERVICE_ENDPOINT` ([`ImdsServer::env`]).
//!
//! | request | answer |
//! | --- | --- |
//! | `PUT /latest/api/token`, lifetime 1 to 21600 s | 200, the token, its lifetime in a header |
//! | the same without a sound lifetime | 400 |
//! | the same with `X-Forwarded-For` | 403 |
//! | `GET` with an unknown or expired token, or none | 401 |
//! | `GET` of a path that was set | its [`Reply`] |
//! | `GET` of a directory (`…/`) of such paths | their names, a line each |
//! | anything else | 404, a page |
//!
//! Sources: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html> and
//! `instancedata-data-retrieval.html` beside it.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Below which the paths of [`ImdsServer::set`] are.
const ROOT: &str = "/latest/meta-data/";

/// What a path answers.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// 200 with this text.
    Text(String),
    /// A status, with an empty body.
    Status(u16),
    /// 200 with this content type and these bytes.
    Typed(&'static str, Vec<u8>),
    /// These bytes instead of an HTTP answer.
    Raw(Vec<u8>),
    /// Nothing, until the client gives up.
    Hang,
    /// 200 with this text, after that time.
    Late(Duration, String),
    /// 200 with this text, a byte at a time, with that time before each.
    Drip(Duration, String),
    /// 200 with a body that does not end, in chunks.
    Endless,
    /// 200 with a body of that many bytes, as its header says.
    Huge(u64),
}

/// What the server does with requests for tokens.
#[derive(Clone, Debug, Default)]
pub(crate) enum Tokens {
    /// As the real one.
    #[default]
    Given,
    /// Each is good for so many requests only: it expires while it is in use.
    GoodFor(u32),
    /// No answer, as where the hop limit is too low: packets are dropped on their way back.
    Lost,
    /// A status: 403 where the service is switched off for the instance.
    Refused(u16),
    /// A token with this text for a lifetime.
    Lifetime(&'static str),
    /// A token without a lifetime.
    WithoutLifetime,
    /// A token of that many bytes.
    Huge(u64),
}

#[derive(Default)]
struct State {
    replies: BTreeMap<String, Reply>,
    tokens: Tokens,
    /// Those that are good: until when, and for how many requests.
    given: HashMap<String, (Instant, u32)>,
    /// How many were ever given.
    count: u64,
    /// Method and path of each request, tokens' included.
    requests: Vec<(String, String)>,
    /// How many bytes of endless bodies went out.
    sent: u64,
    is_stopped: bool,
}

/// The server. It stops taking connections when it is dropped.
pub(crate) struct ImdsServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl ImdsServer {
    /// A server that has nothing to say.
    pub(crate) fn empty() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if lock(&shared).is_stopped {
                    return;
                }
                let state = Arc::clone(&shared);
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(&stream);
                    while serve(&state, &mut reader, &stream).is_some() {}
                });
            }
        });
        Self { address, state }
    }

    /// A server of an instance with that id: an `m5.large` in `eu-central-1a`, in no group, without tags.
    pub(crate) fn of(instance: &str) -> Self {
        let server = Self::empty();
        server.set("instance-id", instance);
        server.set("instance-type", "m5.large");
        server.set("placement/availability-zone", "eu-central-1a");
        server.set("placement/region", "eu-central-1");
        server.set("ami-id", "ami-0abcdef1234567890");
        server.set("local-ipv4", "10.0.0.7");
        server
    }

    /// What the binary must know to find it; the variable that switches the service off must not be set.
    pub(crate) fn env(&self) -> [(&'static str, OsString); 2] {
        [("AWS_EC2_METADATA_SERVICE_ENDPOINT", self.endpoint().into()), ("AWS_EC2_METADATA_DISABLED", "false".into())]
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Has a path below `/latest/meta-data/` answer that text from now on.
    pub(crate) fn set(&self, path: &str, text: &str) {
        self.reply(path, Reply::Text(text.to_owned()));
    }

    /// Has a path below `/latest/meta-data/` answer so from now on.
    pub(crate) fn reply(&self, path: &str, reply: Reply) {
        lock(&self.state).replies.insert(format!("{ROOT}{path}"), reply);
    }

    /// Has a path answer 404 from now on.
    pub(crate) fn remove(&self, path: &str) {
        lock(&self.state).replies.remove(&format!("{ROOT}{path}"));
    }

    /// Has requests for tokens answered so from now on.
    pub(crate) fn tokens(&self, tokens: Tokens) {
        lock(&self.state).tokens = tokens;
    }

    /// How often a path was asked for, whatever came of it.
    pub(crate) fn asked(&self, path: &str) -> usize {
        let path = format!("{ROOT}{path}");
        lock(&self.state).requests.iter().filter(|(method, asked)| method == "GET" && *asked == path).count()
    }

    /// How often a token was asked for.
    pub(crate) fn tokens_asked(&self) -> usize {
        lock(&self.state).requests.iter().filter(|(method, _)| method == "PUT").count()
    }

    /// How many requests came, those for tokens included.
    pub(crate) fn requests(&self) -> usize {
        lock(&self.state).requests.len()
    }

    /// How many bytes of bodies that don't end, or are huge, went out.
    pub(crate) fn sent(&self) -> u64 {
        lock(&self.state).sent
    }
}

impl Drop for ImdsServer {
    fn drop(&mut self) {
        lock(&self.state).is_stopped = true;
        // It wakes up, and ends.
        let _ = TcpStream::connect(self.address);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A request without its body, which none has here.
struct Request {
    method: String,
    path: String,
    headers: HashMap<String, String>,
}

impl Request {
    fn read(reader: &mut BufReader<&TcpStream>) -> Option<Self> {
        let mut lines = reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty());
        let first = lines.next()?;
        let mut words = first.split(' ');
        let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
        let header = |line: String| {
            let (name, value) = line.split_once(':')?;
            Some((name.trim().to_lowercase(), value.trim().to_owned()))
        };
        Some(Self { method, path, headers: lines.filter_map(header).collect() })
    }
}

/// Answers one request; `None` when the connection is at its end.
fn serve(state: &Mutex<State>, reader: &mut BufReader<&TcpStream>, stream: &TcpStream) -> Option<()> {
    let request = Request::read(reader)?;
    let path = decoded(&request.path);
    lock(state).requests.push((request.method.clone(), path.clone()));
    match request.method.as_str() {
        "PUT" if path == "/latest/api/token" => give_token(state, &request, stream),
        "GET" if !is_known(state, &request) => answer(stream, 401, &[], b""),
        "GET" => {
            let reply = lock(state).replies.get(&path).cloned();
            let listed = || list(state, &path).map(Reply::Text);
            match reply.or_else(listed) {
                Some(reply) => give(state, &reply, stream),
                None => answer(stream, 404, &[("content-type", "text/html")], NOT_FOUND.as_bytes()),
            }
        }
        _ => answer(stream, 405, &[("allow", "OPTIONS, GET, HEAD, PUT")], b""),
    }
}

const NOT_FOUND: &str =
    "<html><head><title>404 - Not Found</title></head><body><h1>404 - Not Found</h1></body></html>\n";

fn decoded(path: &str) -> String {
    percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned()
}

fn is_known(state: &Mutex<State>, request: &Request) -> bool {
    let token = request.headers.get("x-aws-ec2-metadata-token");
    let mut state = lock(state);
    let given = token.and_then(|token| state.given.get_mut(token));
    given.is_some_and(|(until, left)| {
        let is_good = Instant::now() < *until && *left > 0;
        *left = left.saturating_sub(1);
        is_good
    })
}

fn give_token(state: &Mutex<State>, request: &Request, stream: &TcpStream) -> Option<()> {
    const LIFETIME: &str = "x-aws-ec2-metadata-token-ttl-seconds";
    let asked = request.headers.get(LIFETIME).and_then(|seconds| seconds.parse::<u64>().ok());
    let seconds = asked.filter(|seconds| (1..=21_600).contains(seconds));
    let Some(seconds) = seconds else { return answer(stream, 400, &[], b"") };
    if request.headers.contains_key("x-forwarded-for") {
        return answer(stream, 403, &[], b"");
    }
    let tokens = lock(state).tokens.clone();
    let token = {
        let mut state = lock(state);
        state.count += 1;
        let token = format!("AQAEA-token-{:08}==", state.count);
        let uses = if let Tokens::GoodFor(uses) = tokens { uses } else { u32::MAX };
        state.given.insert(token.clone(), (Instant::now() + Duration::from_secs(seconds), uses));
        token
    };
    let plain = ("content-type", "text/plain");
    match tokens {
        Tokens::Given | Tokens::GoodFor(_) => {
            answer(stream, 200, &[plain, (LIFETIME, &seconds.to_string())], token.as_bytes())
        }
        Tokens::Lost => hang(stream),
        Tokens::Refused(status) => answer(stream, status, &[], b""),
        Tokens::Lifetime(text) => answer(stream, 200, &[plain, (LIFETIME, text)], token.as_bytes()),
        Tokens::WithoutLifetime => answer(stream, 200, &[plain], token.as_bytes()),
        Tokens::Huge(length) => pour(state, stream, &format!("{LIFETIME}: 60\r\ncontent-length: {length}"), length),
    }
}

/// The names of what is in a directory.
fn list(state: &Mutex<State>, path: &str) -> Option<String> {
    let state = lock(state);
    let below = state.replies.keys().filter_map(|key| key.strip_prefix(path).filter(|_| path.ends_with('/')));
    let mut names: Vec<String> =
        below.map(|rest| rest.split_inclusive('/').next().unwrap_or(rest).to_owned()).collect();
    names.dedup();
    (!names.is_empty()).then(|| names.join("\n"))
}

fn give(state: &Mutex<State>, reply: &Reply, mut stream: &TcpStream) -> Option<()> {
    let text = |text: &str| answer(stream, 200, &[("content-type", "text/plain")], text.as_bytes());
    match reply {
        Reply::Text(value) => text(value),
        Reply::Status(status) => answer(stream, *status, &[], b""),
        Reply::Typed(kind, bytes) => answer(stream, 200, &[("content-type", kind)], bytes),
        Reply::Raw(bytes) => {
            stream.write_all(bytes).ok()?;
            None
        }
        Reply::Hang => hang(stream),
        Reply::Late(time, value) => {
            std::thread::sleep(*time);
            text(value)
        }
        Reply::Drip(pause, value) => {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", value.len()).ok()?;
            for byte in value.as_bytes() {
                std::thread::sleep(*pause);
                stream.write_all(&[*byte]).ok()?;
            }
            Some(())
        }
        Reply::Endless => pour(state, stream, "transfer-encoding: chunked", u64::MAX),
        Reply::Huge(length) => pour(state, stream, &format!("content-length: {length}"), *length),
    }
}

/// Waits until the client has gone.
fn hang(mut stream: &TcpStream) -> Option<()> {
    while stream.read(&mut [0; 64]).is_ok_and(|count| count > 0) {}
    None
}

/// Sends a large body, until it is sent or the client has had enough.
fn pour(state: &Mutex<State>, mut stream: &TcpStream, header: &str, length: u64) -> Option<()> {
    const CHUNK: usize = 0x1_0000;
    write!(stream, "HTTP/1.1 200 OK\r\n{header}\r\n\r\n").ok()?;
    let (bytes, mut left) = (vec![b'a'; CHUNK], length);
    while left > 0 {
        let count = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
        match length {
            u64::MAX => write!(stream, "{CHUNK:x}\r\n").and_then(|()| stream.write_all(&bytes)).ok()?,
            _ => stream.write_all(&bytes[..count]).ok()?,
        }
        if length == u64::MAX {
            stream.write_all(b"\r\n").ok()?;
        }
        left -= count as u64;
        lock(state).sent += count as u64;
    }
    Some(())
}

fn answer(mut stream: &TcpStream, status: u16, headers: &[(&str, &str)], body: &[u8]) -> Option<()> {
    let reason = match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        _ => "Something",
    };
    let mut text = format!("HTTP/1.1 {status} {reason}\r\nserver: EC2ws\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    text += "\r\n";
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    // In one piece, as the real one sends it.
    stream.write_all(&bytes).ok()
}
