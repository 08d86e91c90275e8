//! Where a promise is tried: one server or directory, and in it a place of the promise's own.
//!
//! Promise: what one promise puts, no other one sees; after a promise that asked for faults or for other credentials,
//! everything is as it was.
//!
//! Flow: endpoint and credentials reach the store the way they reach it in the field, through the SDK's own files
//! (`AWS_CONFIG_FILE`, `AWS_SHARED_CREDENTIALS_FILE`, `AWS_CA_BUNDLE`). The environment names the files and never
//! changes; another endpoint or another key is another text in them, read by the next store that is opened.
//!
//! How it fails: whatever can't be set up breaks the promise that asked for it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, ensure};
use http::request::Parts;
use logferry::model::destination::Destination;
use logferry::model::s3_options::S3Options;
use logferry::store::{self, Store, StoreError};
use logferry::sys::signals::Stop;

use crate::probe::Probe;
use crate::s3_server::{Fault, FaultHook, Options, Request, S3Server, Transport};

pub(crate) type Outcome<T = ()> = anyhow::Result<T>;

pub(crate) const BUCKET: &str = "logs";

/// How a bucket is reached.
#[derive(Clone)]
pub(crate) struct Access {
    pub(crate) endpoint: String,
    /// Key and secret; `None`: there are none.
    pub(crate) key: Option<(String, String)>,
    /// The certificate of the authority to trust, where the endpoint is https.
    pub(crate) ca: Option<PathBuf>,
}

/// The server that promises are tried against.
pub(crate) enum Server {
    Directory,
    /// Records its requests and fails on demand.
    Embedded(S3Server, Access, Faults),
    Other(Access),
}

/// The fault hook in force; it can be changed while the server runs.
#[derive(Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<Option<FaultHook>>>);

impl Faults {
    fn hook(&self) -> FaultHook {
        let slot = Arc::clone(&self.0);
        Arc::new(move |request| {
            let hook = slot.lock().unwrap_or_else(PoisonError::into_inner).clone();
            hook.map_or(Fault::Pass, |hook| hook(request))
        })
    }

    fn set(&self, hook: Option<FaultHook>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = hook;
    }
}

/// Ends a fault.
pub(crate) struct Spoiled<'a>(&'a Faults);

impl Drop for Spoiled<'_> {
    fn drop(&mut self) {
        self.0.set(None);
    }
}

impl Server {
    /// An embedded server with its data in `dir`, and its authority's certificate where it speaks https.
    pub(crate) fn embedded(dir: &Path, https: bool) -> Outcome<Self> {
        let (access_key, secret_key) = ("AKIDTEST".to_owned(), "a secret of the tests".to_owned());
        let transport = if https { Transport::Https(dir.to_owned()) } else { Transport::Http };
        let faults = Faults::default();
        let key = Some((access_key.clone(), secret_key.clone()));
        let fault = Some(faults.hook());
        let server =
            S3Server::start(Options { root: dir.join("s3"), access_key, secret_key, port: 0, transport, fault })
                .context("start the embedded server")?;
        let access = Access { endpoint: server.endpoint(), key, ca: server.ca_pem().map(Path::to_owned) };
        Ok(Self::Embedded(server, access, faults))
    }
}

/// Makes the bucket, unless it is there.
pub(crate) fn make_bucket(server: &Arc<Server>, dir: &Path) -> Outcome {
    match server.as_ref() {
        Server::Directory => Ok(()),
        Server::Embedded(server, ..) => server.create_bucket(BUCKET).context("make the bucket"),
        Server::Other(_) => Scene::new(Arc::clone(server), dir, "setup")?.probe()?.make_bucket(),
    }
}

/// A promise's place.
pub(crate) struct Scene {
    server: Arc<Server>,
    dir: PathBuf,
    /// The name of the promise, which is the prefix (or directory) that is its own.
    name: &'static str,
}

impl Scene {
    pub(crate) fn new(server: Arc<Server>, dir: &Path, name: &'static str) -> Outcome<Self> {
        let scene = Self { server, dir: dir.to_owned(), name };
        match scene.access() {
            Some(access) => scene.write_files(access)?,
            None => std::fs::create_dir_all(scene.directory()).context("make the store's directory")?,
        }
        Ok(scene)
    }

    /// The directory of a directory store.
    pub(crate) fn directory(&self) -> PathBuf {
        self.dir.join("store").join(self.name)
    }

    pub(crate) fn destination(&self) -> String {
        match self.access() {
            Some(_) => format!("s3://{BUCKET}/{}", self.name),
            None => format!("file://{}", self.directory().display()),
        }
    }

    /// The store at the promise's place.
    pub(crate) fn open(&self) -> Outcome<Box<dyn Store>> {
        Ok(self.open_at(&self.destination(), &S3Options::default())?)
    }

    pub(crate) fn open_with(&self, options: &S3Options) -> Outcome<Box<dyn Store>> {
        Ok(self.open_at(&self.destination(), options)?)
    }

    pub(crate) fn open_at(&self, to: &str, options: &S3Options) -> Result<Box<dyn Store>, StoreError> {
        self.open_until(to, options, &Stop::default())
    }

    pub(crate) fn open_until(&self, to: &str, options: &S3Options, stop: &Stop) -> Result<Box<dyn Store>, StoreError> {
        let to = Destination::parse(to).expect("a destination of the suite");
        store::open(&to, options, stop)
    }

    /// How the bucket is reached; nothing for a directory.
    pub(crate) fn access(&self) -> Option<&Access> {
        match self.server.as_ref() {
            Server::Directory => None,
            Server::Embedded(_, access, _) | Server::Other(access) => Some(access),
        }
    }

    pub(crate) fn bucket(&self) -> Outcome<&Access> {
        self.access().context("this promise is about buckets")
    }

    /// Tries something with a store that is reached in another way.
    pub(crate) fn with_access(&self, access: &Access, run: impl FnOnce(&dyn Store) -> Outcome) -> Outcome {
        self.write_files(access)?;
        let result = self.open().and_then(|store| run(store.as_ref()));
        self.write_files(self.bucket()?)?;
        result
    }

    fn write_files(&self, access: &Access) -> Outcome {
        let config = format!("[default]\nregion = us-east-1\nendpoint_url = {}\n", access.endpoint);
        std::fs::write(file_of("AWS_CONFIG_FILE")?, config).context("write the SDK's configuration")?;
        let keys = access.key.as_ref().map_or(String::new(), |(key, secret)| {
            format!("[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n")
        });
        std::fs::write(file_of("AWS_SHARED_CREDENTIALS_FILE")?, keys).context("write the credentials")?;
        if let Some(ca) = &access.ca {
            let pem = std::fs::read(ca).with_context(|| format!("read {}", ca.display()))?;
            std::fs::write(file_of("AWS_CA_BUNDLE")?, pem).context("write the trusted certificates")?;
        }
        Ok(())
    }

    /// A look behind the store's back.
    pub(crate) fn probe(&self) -> Outcome<Probe> {
        Probe::open(self.name)
    }

    fn embedded(&self) -> Outcome<(&S3Server, &Faults)> {
        match self.server.as_ref() {
            Server::Embedded(server, _, faults) => Ok((server, faults)),
            _ => anyhow::bail!("this promise needs the embedded server"),
        }
    }

    /// Lets requests fail until the answer is dropped.
    pub(crate) fn spoil(&self, hook: impl Fn(&Parts) -> Fault + Send + Sync + 'static) -> Outcome<Spoiled<'_>> {
        let (_, faults) = self.embedded()?;
        faults.set(Some(Arc::new(hook)));
        Ok(Spoiled(faults))
    }

    /// The requests that something sends.
    pub(crate) fn requests_of(&self, run: impl FnOnce() -> Outcome) -> Outcome<Vec<Request>> {
        let (server, _) = self.embedded()?;
        server.clear_requests();
        run()?;
        let requests = server.requests();
        ensure!(!requests.is_empty(), "nothing was sent");
        // With an endpoint of one's own the bucket is part of the path, not of the host's name.
        let astray = requests.iter().find(|request| !request.path.starts_with("/logs"));
        ensure!(astray.is_none(), "{astray:?}");
        Ok(requests)
    }
}

fn file_of(variable: &str) -> Outcome<PathBuf> {
    let path = std::env::var_os(variable).with_context(|| format!("{variable} must name a file in --dir"))?;
    Ok(path.into())
}
