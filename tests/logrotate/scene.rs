//! A host of a test's own: a root with the real logrotate in it, its configuration, and logs of which some are ours.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use logferry::config::File;
use logferry::install::edit::{self, Edit};
use logferry::install::host::Host;
use logferry::install::logrotate::{self, InForce};
use logferry::install::{Logs, Plan};

use crate::support::{Ended, Sandbox, finish};

/// Which logrotate a scene has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Release {
    /// The one that is installed here: 3.21 or later.
    Installed,
    /// The same, but it says of itself that it is 3.18: what must be done for such a release is done with a real one.
    SaysOld,
    /// Another one, from a directory that is laid over the root: `LOGFERRY_LOGROTATES` names them, with colons between.
    Given(PathBuf),
}

impl Release {
    pub(super) fn all() -> Vec<Self> {
        let given = std::env::var_os("LOGFERRY_LOGROTATES").unwrap_or_default();
        let given = std::env::split_paths(&given).filter(|path| !path.as_os_str().is_empty()).map(Self::Given);
        [Self::Installed, Self::SaysOld].into_iter().chain(given).collect()
    }

    pub(super) fn ignores_duplicates(&self) -> bool {
        match self {
            Self::Installed => true,
            Self::SaysOld => false,
            Self::Given(path) => !path.to_string_lossy().contains("old"),
        }
    }
}

/// A host.
pub(super) struct Scene {
    pub(super) sandbox: Sandbox,
    pub(super) host: Host,
    pub(super) release: Release,
}

pub(super) const MAIN: &str = "weekly\nrotate 4\ncreate\ninclude /etc/logrotate.d\n";
pub(super) const APP: &str =
    "/var/log/app/*.log {\n\tdaily\n\tmissingok\n\trotate 3\n\tcompress\n\tnotifempty\n\tcreate 0640 root adm\n}\n";
const STATE: &str = "/var/lib/logrotate/status";
pub(super) const FRAGMENT: &str = "/etc/logrotate.d/00-logferry";

impl Scene {
    pub(super) fn new(release: &Release) -> Self {
        let sandbox = Sandbox::reopening();
        let root = sandbox.path("root");
        finish(Command::new("cp").args(["-a", "--reflink=auto"]).arg(template()).arg(&root)).quiet();
        let host = Host::at(&root).expect("a root");
        let scene = Self { sandbox, host, release: release.clone() };
        match release {
            Release::Installed => {}
            Release::SaysOld => scene.say_old(),
            Release::Given(overlay) => {
                finish(Command::new("cp").arg("-a").arg(overlay.join(".")).arg(&root)).quiet();
            }
        }
        scene.write("/etc/logrotate.conf", MAIN);
        scene
    }

    /// With neighbours of our log that sort before and after it, all named by one pattern.
    pub(super) fn with_neighbours(release: &Release) -> Self {
        let scene = Self::new(release);
        scene.write("/etc/logrotate.d/app", APP);
        for name in ["aaa", "web", "zzz"] {
            scene.log(name);
        }
        scene
    }

    fn say_old(&self) {
        let real = self.path("/usr/sbin/logrotate.real");
        std::fs::rename(self.path("/usr/sbin/logrotate"), &real).expect("logrotate is there");
        let script = "#!/bin/sh\n[ \"$1\" != --version ] || { echo logrotate 3.18.0; exit; }\n\
                      exec /usr/sbin/logrotate.real \"$@\"\n";
        self.write("/usr/sbin/logrotate", script);
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(self.path("/usr/sbin/logrotate"), executable).expect("chmod");
    }

    /// What an upgrade to 3.21 does.
    pub(super) fn upgrade_logrotate(&self) {
        std::fs::rename(self.path("/usr/sbin/logrotate.real"), self.path("/usr/sbin/logrotate")).expect("it said old");
    }

    /// Where a path of the host is.
    pub(super) fn path(&self, within: impl AsRef<Path>) -> PathBuf {
        let within = within.as_ref();
        self.sandbox.path("root").join(within.strip_prefix("/").unwrap_or(within))
    }

    pub(super) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(&path, text).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("chmod");
    }

    pub(super) fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub(super) fn exists(&self, path: &str) -> bool {
        self.path(path).symlink_metadata().is_ok()
    }

    /// A log with a line in it.
    pub(super) fn log(&self, name: &str) {
        self.write(&format!("/var/log/app/{name}.log"), format!("a line of {name}\n"));
    }

    /// Our logs, as a configuration with these lines in `[[logs]]` says, and as they are now.
    pub(super) fn logs(&self, set: &str) -> Logs {
        let file = File::parse(Path::new("test.toml"), format!("[[logs]]\n{set}\n")).expect("a sound configuration");
        Logs::find(&self.host, file.sets).expect("they can be looked for")
    }

    /// `web.log` is ours.
    pub(super) fn web(&self) -> Logs {
        self.logs("paths = '/var/log/app/web.log'")
    }

    /// Installs as the command does: plans, applies, proves, undoes if there is no proof.
    pub(super) fn install(&self, logs: &Logs) -> Result<Plan, String> {
        let before = logrotate::treatment(&self.host).map_err(|problem| problem.to_string())?;
        let plan = logrotate::plan_install(&self.host, logs).map_err(|problem| problem.to_string())?;
        let applied = edit::apply(&self.host, &plan.edits).map_err(|problem| problem.to_string())?;
        let proved = logrotate::treatment(&self.host)
            .and_then(|after| logrotate::prove(&self.host, &before, &after, logs))
            .map_err(|problem| problem.to_string());
        if proved.is_err() {
            applied.undo().expect("it can be undone");
        }
        proved.map(|()| plan)
    }

    pub(super) fn uninstall(&self) {
        let plan = logrotate::plan_uninstall(&self.host).expect("a plan");
        edit::apply(&self.host, &plan.edits).expect("it can be done");
    }

    /// What `in_force` finds; empty where all is well.
    pub(super) fn problems(&self, logs: &Logs) -> String {
        match logrotate::in_force(&self.host, logs).expect("it can be asked") {
            InForce::Yes => String::new(),
            InForce::NoLogrotate => "no logrotate".to_owned(),
            InForce::No(problems) => problems.iter().map(|problem| format!("{problem}\n")).collect(),
        }
    }

    /// The daily run, long after the last: every log is due.
    pub(super) fn daily(&self) -> Ended {
        let mut state = "logrotate state -- version 2\n".to_owned();
        for entry in walkdir::WalkDir::new(self.path("/var/log")) {
            let entry = entry.expect("an entry");
            // No line of the state file can hold such a name.
            if entry.path().as_os_str().as_encoded_bytes().contains(&b'\n') {
                continue;
            }
            let below = entry.path().strip_prefix(self.sandbox.path("root")).expect("below the root");
            let quoted = below.display().to_string().replace('\\', "\\\\").replace('"', "\\\"");
            state.push_str(&format!("\"/{quoted}\" 2020-1-1-0:0:0\n"));
        }
        self.write(STATE, state);
        // Logrotate complains of one that others may read, since they could lock it.
        std::fs::set_permissions(self.path(STATE), std::fs::Permissions::from_mode(0o640)).expect("chmod");
        self.rotate(&[])
    }

    pub(super) fn forced(&self) -> Ended {
        self.rotate(&["-f"])
    }

    fn rotate(&self, args: &[&str]) -> Ended {
        let mut chroot = Command::new("chroot");
        chroot.arg(self.sandbox.path("root")).arg("/usr/sbin/logrotate").args(args);
        chroot.args(["-s", STATE, "/etc/logrotate.conf"]);
        finish(chroot.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"))
    }

    /// How often a log was rotated.
    pub(super) fn rotations(&self, path: &str) -> usize {
        (1..10).filter(|n| self.exists(&format!("{path}.{n}")) || self.exists(&format!("{path}.{n}.gz"))).count()
    }

    /// Fails unless the neighbours were rotated that often, and our log never.
    #[track_caller]
    pub(super) fn assert_rotated(&self, neighbours: usize) {
        let rotations = |name: &str| self.rotations(&format!("/var/log/app/{name}.log"));
        let found = ["aaa", "web", "zzz"].map(rotations);
        assert_eq!(found, [neighbours, 0, neighbours], "{:?}", self.release);
        assert_eq!(self.text("/var/log/app/web.log"), "a line of web\n", "{:?}", self.release);
    }

    /// All of `/etc`: modes and bytes.
    pub(super) fn etc(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let entries = walkdir::WalkDir::new(self.path("/etc")).into_iter().map(|entry| entry.expect("an entry"));
        let entries = entries.map(|entry| {
            let mode = entry.metadata().expect("its mode").permissions().mode();
            (entry.path().to_owned(), (mode, std::fs::read(entry.path()).unwrap_or_default()))
        });
        entries.collect()
    }
}

/// Every path that a plan writes to.
pub(super) fn written(plan: &Plan) -> Vec<&Path> {
    let written = plan.edits.iter().filter_map(|edit| match edit {
        Edit::Write { path, .. } => Some(path.as_path()),
        _ => None,
    });
    written.collect()
}

/// A root with nothing but what logrotate needs, made once.
fn template() -> &'static Path {
    static TEMPLATE: OnceLock<tempfile::TempDir> = OnceLock::new();
    let dir = TEMPLATE.get_or_init(|| {
        let dir = tempfile::Builder::new().prefix("logferry-test-").tempdir().expect("a temporary directory");
        let root = dir.path().join("root");
        for name in ["etc/logrotate.d", "var/log/app", "var/lib/logrotate", "tmp", "dev", "proc", "usr/sbin"] {
            std::fs::create_dir_all(root.join(name)).expect("a directory");
        }
        std::fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nsyslog:x:104:110::/:/bin/sh\n")
            .expect("a file");
        std::fs::write(root.join("etc/group"), "root:x:0:\nadm:x:4:\nsyslog:x:110:\n").expect("a file");
        let logrotate = Path::new("/usr/sbin/logrotate");
        assert!(logrotate.exists(), "logrotate is missing: scripts/test installs it");
        for program in [logrotate, Path::new("/bin/sh"), Path::new("/bin/gzip")] {
            copy_program(program, &root);
        }
        dir
    });
    // The directory in it, so that a copy has the name that the copy is given.
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| dir.path().join("root"))
}

/// Copies a program and the libraries that it needs to the same places below `root`.
pub(super) fn copy_program(program: &Path, root: &Path) {
    let libraries = finish(Command::new("ldd").arg(program)).expect(0).text();
    let words = libraries.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from);
    for file in words.chain([program.to_owned()]) {
        // What is there stays: another logrotate may have brought libraries of its own.
        finish(Command::new("cp").args(["-L", "--parents", "--no-clobber"]).arg(&file).arg(root)).quiet();
    }
}
