//! The embedded S3 server of the tests as a program, for scripts and for trying things by hand.
//!
//! ```text
//! s3-server --root DIR --access-key K --secret-key S [--bucket NAME]... [--port N] [--tls DIR]
//!           [--fault FAULT[:COUNT]] [--record FILE] [--until-stdin-closes]
//! ```
//!
//! The first line on stdout is the endpoint; with `--tls` a second one is the path of the certificate to
//! trust. It runs until SIGTERM or SIGINT, or until its stdin closes if asked to. `--fault` spoils all puts
//! and posts, or the first COUNT of them: `status=503/SlowDown`, `close-before-body`,
//! `close-after-handling`, `stall=MILLISECONDS`. `--record` writes a line of JSON a request at the end;
//! SIGHUP forgets the requests so far.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to its user")]

#[allow(dead_code, reason = "this program has no use for some of it")]
#[path = "../s3_server.rs"]
mod s3_server;

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use clap::Parser;
use s3_server::{Fault, FaultHook, Options, S3Server, Transport};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// An S3 server on the loopback, for tests.
#[derive(Parser)]
struct Arguments {
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    #[arg(long)]
    access_key: String,
    #[arg(long)]
    secret_key: String,
    /// Created if missing; may be given several times.
    #[arg(long, value_name = "NAME")]
    bucket: Vec<String>,
    /// 0 takes any free port.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Serve https; `ca.pem` is written into this directory.
    #[arg(long, value_name = "DIR")]
    tls: Option<PathBuf>,
    /// Spoil all puts and posts, or the first COUNT of them.
    #[arg(long, value_name = "FAULT[:COUNT]", value_parser = fault_hook)]
    fault: Option<FaultHook>,
    /// At the end, write a line of JSON a request.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    #[arg(long)]
    until_stdin_closes: bool,
}

enum Event {
    Stop,
    Forget,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("s3-server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Outcome<()> {
    let (sender, events) = mpsc::channel();
    listen_to_signals(sender.clone())?;
    if arguments.until_stdin_closes {
        listen_to_stdin(sender);
    }
    let server = S3Server::start(Options {
        root: arguments.root,
        access_key: arguments.access_key,
        secret_key: arguments.secret_key,
        port: arguments.port,
        transport: arguments.tls.map_or(Transport::Http, Transport::Https),
        fault: arguments.fault,
    })?;
    for bucket in &arguments.bucket {
        server.create_bucket(bucket)?;
    }
    println!("{}", server.endpoint());
    if let Some(ca_pem) = server.ca_pem() {
        println!("{}", ca_pem.display());
    }
    while let Event::Forget = events.recv()? {
        server.clear_requests();
    }
    match arguments.record {
        Some(path) => write_record(&path, &server),
        None => Ok(()),
    }
}

fn listen_to_signals(sender: Sender<Event>) -> Outcome<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            let event = if signal == SIGHUP { Event::Forget } else { Event::Stop };
            if sender.send(event).is_err() {
                return;
            }
        }
    });
    Ok(())
}

fn listen_to_stdin(sender: Sender<Event>) {
    std::thread::spawn(move || {
        // Whatever ends it: the one who started us is gone.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = sender.send(Event::Stop);
    });
}

fn write_record(path: &Path, server: &S3Server) -> Outcome<()> {
    let mut output = BufWriter::new(File::create(path)?);
    for request in server.requests() {
        let headers: serde_json::Map<_, _> = request
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
            .collect();
        let line = serde_json::json!({
            "method": request.method.as_str(),
            "path": request.path,
            "query": request.query,
            "headers": headers,
            "status": request.status,
        });
        writeln!(output, "{line}")?;
    }
    Ok(output.flush()?)
}

fn fault_hook(text: &str) -> Result<FaultHook, Box<dyn Error + Send + Sync>> {
    let (kind, count) = match text.split_once(':') {
        Some((kind, count)) => (kind, count.parse()?),
        None => (text, u64::MAX),
    };
    let (kind, value) = kind.split_once('=').unwrap_or((kind, ""));
    let fault = match kind {
        "status" => {
            let (status, code) = value.split_once('/').ok_or("status needs a value such as 503/SlowDown")?;
            // Once in the life of the program: a fault's code is static so that tests can spell it plainly.
            Fault::Status(status.parse()?, code.to_owned().leak())
        }
        "close-before-body" => Fault::CloseBeforeBody,
        "close-after-handling" => Fault::CloseAfterHandling,
        "stall" => Fault::Stall(Duration::from_millis(value.parse()?)),
        _ => return Err(format!("unknown fault {kind}").into()),
    };
    let seen = AtomicU64::new(0);
    Ok(Arc::new(move |request| {
        let writes = request.method == "PUT" || request.method == "POST";
        if writes && seen.fetch_add(1, Ordering::Relaxed) < count { fault.clone() } else { Fault::Pass }
    }))
}
