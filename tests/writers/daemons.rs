//! Real daemons, each with a configuration and a process of its own; none of the system's is touched.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::support::{Sandbox, wait_until};

/// A program of the system that a test needs.
fn program(name: &str) -> PathBuf {
    let path = Path::new("/usr/sbin").join(name);
    assert!(path.exists(), "{} is missing: scripts/test installs it", path.display());
    path
}

/// A process that is ended with the test, and whatever it has started.
struct Daemon(Child);

impl Daemon {
    fn start(mut command: Command) -> Self {
        // nginx's workers outlive a master that is killed.
        Self(command.stdin(Stdio::null()).process_group(0).spawn().expect("it starts"))
    }

    fn end(&mut self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).expect("a pid"));
        kill(pid, signal).expect("it lives");
        let status = self.0.wait().expect("it ends");
        assert!(status.success(), "{status}");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.0.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = i32::try_from(self.0.id()).map(|pid| killpg(Pid::from_raw(pid), Signal::SIGKILL));
        }
        let _ = self.0.wait();
    }
}

/// What is written while it is not told to stop; and what that was.
pub(super) struct Source {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<u8>>,
}

impl Source {
    pub(super) fn start(write: impl FnMut(usize) -> Vec<u8> + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, mut write) = (Arc::clone(&stop), write);
        let thread = std::thread::spawn(move || {
            let mut written = Vec::new();
            for turn in 0.. {
                written.append(&mut write(turn));
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                // So that the volume stays bounded on a busy machine.
                std::thread::sleep(Duration::from_millis(20));
            }
            written
        });
        Self { stop, thread }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("no panic")
    }
}

/// Whether a log, or what a run has renamed it to, ends in these bytes.
fn ends_in(log: &Path, end: &[u8]) -> bool {
    fs::read(log).is_ok_and(|bytes| bytes.ends_with(end))
}

/// rsyslogd, which writes what HAProxy sends it.
pub(super) struct Rsyslog {
    daemon: Daemon,
    source: Option<(UnixStream, Source)>,
    socket: PathBuf,
    log: PathBuf,
}

impl Rsyslog {
    pub(super) fn start(sandbox: &Sandbox, log: PathBuf) -> Self {
        let (socket, config) = (sandbox.path("syslog.sock"), sandbox.path("rsyslog.conf"));
        // Each line goes from the socket to the file in the thread that reads it: whoever sends faster than that waits, and
        // nothing is dropped.
        let text = format!(
            "global(workDirectory=\"{}\")\nmain_queue(queue.type=\"Direct\")\nmodule(load=\"imptcp\")\n\
             input(type=\"imptcp\" path=\"{}\" unlink=\"on\")\ntemplate(name=\"raw\" type=\"string\" string=\"%rawmsg%\\n\")\n\
             action(type=\"omfile\" file=\"{}\" template=\"raw\")\n",
            config.with_file_name("").display().to_string().trim_end_matches('/'),
            socket.display(),
            log.display()
        );
        fs::write(&config, text).expect("a configuration");
        let mut command = Command::new(program("rsyslogd"));
        command.arg("-n").arg("-f").arg(&config).arg("-i").arg(sandbox.path("rsyslogd.pid"));
        let daemon = Daemon::start(command);
        wait_until("rsyslogd listens", || UnixStream::connect(&socket).is_ok());
        Self { daemon, source: None, socket, log }
    }

    /// Sends lines as HAProxy would, as fast as they are taken.
    pub(super) fn send(&mut self, lines_at_a_time: usize) {
        let mut socket = UnixStream::connect(&self.socket).expect("rsyslogd listens");
        // One connection for all of it: rsyslogd reads two of them side by side, so that what comes later may be written first.
        let connection = socket.try_clone().expect("a descriptor");
        let source = Source::start(move |turn| {
            let lines: String = (0..lines_at_a_time)
                .map(|line| {
                    format!(
                        "<134>Nov 21 19:25:{:02} web-1 haproxy[77]: 192.0.2.7:5{line:04} [21/Nov/2026] http-in app/app-{} \
                         0/0/1/9/10 200 {turn}{line:03} - - ---- 3/3/0/0/0 0/0 \"GET /{turn}/{line} HTTP/1.1\"\n",
                        turn % 60,
                        line % 7
                    )
                })
                .collect();
            socket.write_all(lines.as_bytes()).expect("rsyslogd reads");
            lines.into_bytes()
        });
        self.source = Some((connection, source));
        wait_until("it has written", || self.log.exists());
    }

    /// Ends it when it has written all that was sent; what that was.
    pub(super) fn stop(mut self) -> Vec<u8> {
        let (mut socket, source) = self.source.take().expect("something was sent");
        let mut written = source.finish();
        let last = b"<134>Nov 21 19:26:00 web-1 haproxy[77]: the last line\n";
        socket.write_all(last).expect("rsyslogd reads");
        wait_until("rsyslogd has written all of it", || ends_in(&self.log, last));
        written.extend_from_slice(last);
        self.daemon.end(Signal::SIGTERM);
        written
    }
}

/// nginx with a master and two workers.
pub(super) struct Nginx {
    daemon: Daemon,
    source: Option<Source>,
    port: u16,
    log: PathBuf,
    config: PathBuf,
}

impl Nginx {
    pub(super) fn start(sandbox: &Sandbox, log: PathBuf) -> Self {
        let prefix = sandbox.path(log.file_stem().expect("a name"));
        let config = prefix.with_extension("conf");
        fs::create_dir(&prefix).expect("a directory");
        fs::set_permissions(sandbox.path(""), fs::Permissions::from_mode(0o711)).expect("its mode");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|of| format!("  {of}_temp_path {}/{of};\n", prefix.display()))
            .concat();
        // The workers may not make files where the log is, as in /var/log/nginx: the master gives them the new one.
        let text = format!(
            "user nobody nogroup;\nworker_processes 2;\ndaemon off;\npid {prefix}/nginx.pid;\nerror_log {prefix}/error.log;\n\
             events {{}}\nhttp {{\n{temporary}  log_format raw '$request_uri $http_user_agent';\n  access_log {log} raw;\n  \
             keepalive_requests 100000000;\n  server {{ listen 127.0.0.1:{port}; return 204; }}\n}}\n",
            prefix = prefix.display(),
            log = log.display()
        );
        fs::write(&config, text).expect("a configuration");
        let mut command = Command::new(program("nginx"));
        command.arg("-p").arg(&prefix).arg("-c").arg(&config).arg("-e").arg(prefix.join("error.log"));
        let daemon = Daemon::start(command);
        wait_until("nginx listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { daemon, source: None, port, log, config }
    }

    /// The command that has it open its logs anew, as TOML.
    pub(super) fn reopen(&self) -> String {
        let (config, prefix) = (self.config.display(), self.config.with_extension(""));
        format!(r#"["nginx", "-p", "{}", "-c", "{config}", "-s", "reopen"]"#, prefix.display())
    }

    fn ask(stream: &mut TcpStream, what: std::ops::Range<usize>) -> Vec<u8> {
        let requests: String = what
            .clone()
            .map(|n| {
                format!("GET /{n:09} HTTP/1.1\r\nHost: x\r\nUser-Agent: the tests of logferry, number {n}\r\n\r\n")
            })
            .collect();
        stream.write_all(requests.as_bytes()).expect("nginx reads");
        let mut answers = BufReader::new(stream);
        for _ in what.clone() {
            let mut line = String::new();
            while line != "\r\n" {
                line.clear();
                assert!(answers.read_line(&mut line).expect("nginx answers") > 0, "nginx has hung up");
            }
        }
        what.map(|n| format!("/{n:09} the tests of logferry, number {n}\n")).collect::<String>().into_bytes()
    }

    /// Sends requests on one connection, so that one worker logs them in their order.
    pub(super) fn send(&mut self) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("nginx listens");
        self.source = Some(Source::start(move |turn| Self::ask(&mut stream, turn * 100..(turn + 1) * 100)));
        wait_until("it has written", || fs::metadata(&self.log).is_ok_and(|log| log.len() > 0));
    }

    /// Ends it; what it has logged.
    pub(super) fn stop(mut self) -> Vec<u8> {
        let written = self.source.take().expect("something was sent").finish();
        self.daemon.end(Signal::SIGQUIT);
        written
    }
}

const WATCHED: &str = r#"
import logging, logging.handlers, signal, sys, time
going = True
def stop(*_):
    global going
    going = False
signal.signal(signal.SIGTERM, stop)
log = logging.getLogger("watched")
log.setLevel(logging.INFO)
handler = logging.handlers.WatchedFileHandler(sys.argv[1])
handler.setFormatter(logging.Formatter("%(message)s"))
log.addHandler(handler)
count = 0
while going:
    for _ in range(50):
        log.info("line %d of a WatchedFileHandler", count)
        count += 1
    time.sleep(0.01)
logging.shutdown()
print(count)
"#;

/// A Python program that logs through `WatchedFileHandler`: it looks at the path before each line.
pub(super) struct Watched(Daemon);

impl Watched {
    pub(super) fn start(log: &Path) -> Self {
        let mut command = Command::new("python3");
        command.args(["-c", WATCHED]).arg(log).stdout(Stdio::piped());
        let daemon = Daemon::start(command);
        wait_until("it has written", || log.exists());
        Self(daemon)
    }

    /// Ends it; what it has logged.
    pub(super) fn stop(mut self) -> Vec<u8> {
        self.0.end(Signal::SIGTERM);
        let mut count = String::new();
        self.0.0.stdout.take().expect("a pipe").read_to_string(&mut count).expect("its number of lines");
        let count: usize = count.trim().parse().expect("a number");
        (0..count).map(|n| format!("line {n} of a WatchedFileHandler\n")).collect::<String>().into_bytes()
    }
}
