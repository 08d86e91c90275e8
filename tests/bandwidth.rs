//! `bandwidth`: bodies go no faster than it says, all of them together, evenly, and no time-out takes our own slowness for
//! the store's.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::proof::{self, Comparison, Content};
use crate::support::{Bucket, Sandbox, finish, noise};

/// A relay in front of a server that notes when how many bytes came.
struct Relay {
    address: std::net::SocketAddr,
    arrived: Arc<Mutex<Vec<(Instant, usize)>>>,
}

impl Relay {
    fn start(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let arrived: Arc<Mutex<Vec<(Instant, usize)>>> = Arc::default();
        let noted = Arc::clone(&arrived);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(&server).expect("the server");
                let (back, forth) = (client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
                let noted = Arc::clone(&noted);
                std::thread::spawn(move || {
                    relay(client, server, |count| {
                        noted.lock().expect("no panic").push((Instant::now(), count));
                    })
                });
                std::thread::spawn(move || relay(forth, back, |_| {}));
            }
        });
        Self { address, arrived }
    }

    /// The most bytes that came in any time of that length.
    fn most_within(&self, window: Duration) -> usize {
        let arrived = self.arrived.lock().expect("no panic");
        let from = |at: usize| {
            let end = arrived[at].0 + window;
            arrived[at..].iter().take_while(|(when, _)| *when < end).map(|(_, count)| count).sum()
        };
        (0..arrived.len()).map(from).max().unwrap_or(0)
    }
}

fn relay(mut from: TcpStream, mut to: TcpStream, note: impl Fn(usize)) {
    let mut buffer = vec![0; 256 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        note(count);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// Ships logs whose bytes don't compress; how long that took.
fn ship(sandbox: &Sandbox, bucket: &Bucket, relay: &Relay, lengths: &[usize]) -> Duration {
    let contents: Vec<_> = (0..lengths.len())
        .map(|n| {
            let bytes = noise(lengths[n]);
            sandbox.write_log(format!("{n}.log"), &bytes);
            Content::new(&n.to_string(), bytes)
        })
        .collect();
    let mut run = sandbox.logferry();
    run.envs(bucket.env()).env("AWS_ENDPOINT_URL", format!("http://{}", relay.address));
    let ended = finish(run.arg("run").arg(sandbox.path("log"))).quiet();
    let Comparison { lost, doubled, .. } = proof::compare_all(proof::of_bucket(&sandbox.path("s3/logs")), &contents);
    assert_eq!((lost, doubled), (0, 0));
    ended.took
}

fn relayed(sandbox: &Sandbox) -> (Bucket, Relay) {
    let bucket = Bucket::new(sandbox);
    let endpoint = bucket.server.endpoint();
    let relay = Relay::start(endpoint.trim_start_matches("http://").to_owned());
    (bucket, relay)
}

#[test]
fn all_bodies_together_stay_below_the_limit_in_any_moment() {
    let sandbox = Sandbox::new();
    sandbox.config_file("bandwidth = \"4MB/s\"\n");
    let (bucket, relay) = relayed(&sandbox);
    // One of several parts, and others beside it.
    let took = ship(&sandbox, &bucket, &relay, &[9_000_000, 1_000_000, 1_000_000, 1_000_000]);
    // 12 MB at 4 MB/s; what may go at once is far below the quarter of a second.
    assert!(took >= Duration::from_millis(2750), "{took:?}");
    // On a busy machine frames that were sent in time are seen late, many at once: those of a second, but not a part of 8 MiB.
    let most = relay.most_within(Duration::from_millis(250));
    assert!(most < 6_000_000, "{most} bytes in a quarter of a second");
}

#[test]
fn a_request_is_not_given_up_because_it_is_sent_slowly() {
    let sandbox = Sandbox::new();
    // Four share it: each gets 50,000 bytes a second, and its 150,000 take thrice as long as a request may without a limit
    // of our own, so that each would be given up and tried again.
    sandbox.config_file("bandwidth = \"100kB/s\"\n[s3]\ntimeout = \"1s\"\n");
    let (bucket, relay) = relayed(&sandbox);
    let took = ship(&sandbox, &bucket, &relay, &[150_000; 4]);
    assert!(took >= Duration::from_millis(5700), "{took:?}");
    let puts = bucket.server.requests();
    assert_eq!(puts.len(), 4, "{puts:?}");
}

#[test]
fn a_directory_is_no_exception_and_a_signal_ends_the_wait() {
    let sandbox = Sandbox::new();
    sandbox.config_file("bandwidth = \"1MB/s\"\n");
    sandbox.write_log("web.log", noise(1_000_000));
    assert!(sandbox.run_all().quiet().took >= Duration::from_millis(900));
    sandbox.config_file("bandwidth = \"20kB/s\"\n");
    sandbox.write_log("web.log", noise(10_000_000));
    let mut run = sandbox.logferry();
    let run = run.arg("run").arg(sandbox.path("log")).stderr(std::process::Stdio::piped()).spawn().expect("it starts");
    crate::support::wait_until("the put has begun", || {
        sandbox.files("store").iter().any(|path| path.extension().is_some_and(|end| end == "tmp"))
    });
    let pid = nix::unistd::Pid::from_raw(i32::try_from(run.id()).expect("a pid"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("it lives");
    let output = run.wait_with_output().expect("it ends");
    // It would take 500 seconds.
    assert_eq!(output.status.code(), Some(75), "{}", String::from_utf8_lossy(&output.stderr));
    sandbox.config_file("");
    sandbox.run_all().quiet();
    assert_eq!(sandbox.run(["cat", "web"]).expect(0).stdout.len(), 11_000_000);
}
