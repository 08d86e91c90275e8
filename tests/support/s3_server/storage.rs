//! Buckets, objects and open multipart uploads in a directory.
//!
//! Promise: what was answered with success is there again when a server starts on the same root; an
//! object is either whole or absent; of several conditional puts to one key exactly one wins.
//!
//! Flow: bytes are first received into a file of their own (`NewFile`, deleted unless kept). A commit
//! takes the one lock, checks the condition, writes the record (temporary name, rename) and only then
//! forgets the data of the record that was replaced.
//!
//! ```text
//! ROOT/<bucket>/objects/<id>.data     the bytes
//!                       <id>.json     the record: key, size, checksum, metadata ...
//!              uploads/<id>/upload.json, <number>-<id>.data, <number>.json
//! ```
//!
//! How it fails: I/O errors become InternalError. Nothing is fsynced: a killed server loses nothing, a
//! power cut may.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use s3s::{S3Result, s3_error};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::checksum::{Algorithm, Checksum, Form};

/// What the client said about an object besides its bytes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Attributes {
    pub(crate) content_type: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) storage_class: Option<String>,
    pub(crate) server_side_encryption: Option<String>,
    pub(crate) kms_key_id: Option<String>,
    pub(crate) tag_count: Option<i32>,
    pub(crate) metadata: Option<std::collections::HashMap<String, String>>,
}

/// The record of one object.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Object {
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) size: u64,
    pub(crate) etag: String,
    pub(crate) modified: SystemTime,
    pub(crate) checksum: Checksum,
    pub(crate) attributes: Attributes,
}

/// The record of an open multipart upload; its parts have records of their own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Upload {
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) initiated: SystemTime,
    /// `None` when the client named no algorithm: then parts may use any.
    pub(crate) algorithm: Option<Algorithm>,
    pub(crate) form: Form,
    pub(crate) attributes: Attributes,
    #[serde(skip)]
    pub(crate) parts: BTreeMap<u16, Part>,
}

/// The record of one received part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) number: u16,
    pub(crate) file: String,
    pub(crate) size: u64,
    pub(crate) md5: [u8; 16],
    pub(crate) modified: SystemTime,
    pub(crate) checksum: Checksum,
}

#[derive(Default)]
struct Bucket {
    objects: BTreeMap<String, Arc<Object>>,
    uploads: BTreeMap<String, Upload>,
}

/// When an object may be put.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    Always,
    IfAbsent,
}

/// A received file that is deleted again unless it is kept.
pub(crate) struct NewFile {
    path: PathBuf,
    kept: bool,
}

impl NewFile {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn keep_as(mut self, destination: &Path) -> io::Result<()> {
        fs::rename(&self.path, destination)?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.kept {
            // Nothing to do about a failure: the name is never looked at again.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The root directory and the index of all records in it.
pub(crate) struct Storage {
    root: PathBuf,
    buckets: Mutex<BTreeMap<String, Bucket>>,
}

impl Storage {
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        let incoming = root.join(".incoming");
        if incoming.exists() {
            // Bodies that an earlier server was still receiving.
            fs::remove_dir_all(&incoming)?;
        }
        fs::create_dir_all(&incoming)?;

        let mut buckets = BTreeMap::new();
        for entry in fs::read_dir(root)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string()
                && !name.starts_with('.')
            {
                buckets.insert(name, load_bucket(&entry.path())?);
            }
        }
        Ok(Self { root: root.to_owned(), buckets: Mutex::new(buckets) })
    }

    pub(crate) fn new_file(&self) -> NewFile {
        NewFile { path: self.root.join(".incoming").join(new_id()), kept: false }
    }

    pub(crate) fn create_bucket(&self, bucket: &str) -> S3Result<()> {
        let mut buckets = self.lock();
        if buckets.contains_key(bucket) {
            return Err(s3_error!(BucketAlreadyOwnedByYou));
        }
        for part in ["objects", "uploads"] {
            fs::create_dir_all(self.root.join(bucket).join(part)).map_err(internal)?;
        }
        buckets.insert(bucket.to_owned(), Bucket::default());
        Ok(())
    }

    pub(crate) fn delete_bucket(&self, bucket: &str) -> S3Result<()> {
        let mut buckets = self.lock();
        if !find(&mut buckets, bucket)?.objects.is_empty() {
            return Err(s3_error!(BucketNotEmpty));
        }
        fs::remove_dir_all(self.root.join(bucket)).map_err(internal)?;
        buckets.remove(bucket);
        Ok(())
    }

    pub(crate) fn require_bucket(&self, bucket: &str) -> S3Result<()> {
        find(&mut self.lock(), bucket).map(|_| ())
    }

    pub(crate) fn check(&self, bucket: &str, key: &str, condition: Condition) -> S3Result<()> {
        check(find(&mut self.lock(), bucket)?, key, condition)
    }

    pub(crate) fn put(&self, bucket: &str, object: Object, data: NewFile, condition: Condition) -> S3Result<()> {
        let mut buckets = self.lock();
        let found = find(&mut buckets, bucket)?;
        check(found, &object.key, condition)?;
        self.commit(bucket, found, object, data)
    }

    pub(crate) fn object(&self, bucket: &str, key: &str) -> S3Result<Arc<Object>> {
        find(&mut self.lock(), bucket)?.objects.get(key).cloned().ok_or_else(|| s3_error!(NoSuchKey))
    }

    /// The record and its open data: opened under the lock, so that an overwrite can't come between.
    pub(crate) fn open_object(&self, bucket: &str, key: &str) -> S3Result<(Arc<Object>, File)> {
        let mut buckets = self.lock();
        let object = find(&mut buckets, bucket)?.objects.get(key).ok_or_else(|| s3_error!(NoSuchKey))?;
        let file = File::open(self.object_path(bucket, &object.id, "data")).map_err(internal)?;
        Ok((Arc::clone(object), file))
    }

    pub(crate) fn delete(&self, bucket: &str, key: &str) -> S3Result<()> {
        let mut buckets = self.lock();
        match find(&mut buckets, bucket)?.objects.remove(key) {
            Some(object) => self.forget(bucket, &object).map_err(internal),
            None => Ok(()),
        }
    }

    /// All objects whose key starts with `prefix`, in the order of their keys.
    pub(crate) fn list(&self, bucket: &str, prefix: &str) -> S3Result<Vec<Arc<Object>>> {
        let mut buckets = self.lock();
        let from_prefix = find(&mut buckets, bucket)?.objects.range(prefix.to_owned()..);
        Ok(from_prefix.take_while(|(key, _)| key.starts_with(prefix)).map(|(_, object)| Arc::clone(object)).collect())
    }

    pub(crate) fn create_upload(&self, bucket: &str, upload: Upload) -> S3Result<()> {
        let mut buckets = self.lock();
        let found = find(&mut buckets, bucket)?;
        let dir = self.upload_dir(bucket, &upload.id);
        fs::create_dir(&dir).map_err(internal)?;
        write_record(&dir.join("upload.json"), &upload).map_err(internal)?;
        found.uploads.insert(upload.id.clone(), upload);
        Ok(())
    }

    pub(crate) fn upload(&self, bucket: &str, key: &str, id: &str) -> S3Result<Upload> {
        let mut buckets = self.lock();
        find_upload(find(&mut buckets, bucket)?, key, id).cloned()
    }

    pub(crate) fn uploads(&self, bucket: &str) -> S3Result<Vec<Upload>> {
        Ok(find(&mut self.lock(), bucket)?.uploads.values().cloned().collect())
    }

    pub(crate) fn put_part(&self, bucket: &str, key: &str, upload: &str, part: Part, data: NewFile) -> S3Result<()> {
        let mut buckets = self.lock();
        let found = find_upload(find(&mut buckets, bucket)?, key, upload)?;
        let dir = self.upload_dir(bucket, upload);
        data.keep_as(&dir.join(&part.file)).map_err(internal)?;
        write_record(&dir.join(format!("{:05}.json", part.number)), &part).map_err(internal)?;
        if let Some(replaced) = found.parts.insert(part.number, part) {
            fs::remove_file(dir.join(replaced.file)).map_err(internal)?;
        }
        Ok(())
    }

    pub(crate) fn part_path(&self, bucket: &str, upload: &str, part: &Part) -> PathBuf {
        self.upload_dir(bucket, upload).join(&part.file)
    }

    /// Makes the joined parts an object and closes the upload; a failed condition leaves it open.
    pub(crate) fn complete(
        &self,
        bucket: &str,
        upload: &str,
        object: Object,
        data: NewFile,
        condition: Condition,
    ) -> S3Result<()> {
        let mut buckets = self.lock();
        let found = find(&mut buckets, bucket)?;
        find_upload(found, &object.key, upload)?;
        check(found, &object.key, condition)?;
        self.commit(bucket, found, object, data)?;
        self.close(bucket, found, upload)
    }

    pub(crate) fn abort(&self, bucket: &str, key: &str, upload: &str) -> S3Result<()> {
        let mut buckets = self.lock();
        let found = find(&mut buckets, bucket)?;
        find_upload(found, key, upload)?;
        self.close(bucket, found, upload)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Bucket>> {
        self.buckets.lock().expect("no request panicked while it held the index")
    }

    fn commit(&self, bucket: &str, index: &mut Bucket, object: Object, data: NewFile) -> S3Result<()> {
        data.keep_as(&self.object_path(bucket, &object.id, "data")).map_err(internal)?;
        write_record(&self.object_path(bucket, &object.id, "json"), &object).map_err(internal)?;
        match index.objects.insert(object.key.clone(), Arc::new(object)) {
            Some(replaced) => self.forget(bucket, &replaced).map_err(internal),
            None => Ok(()),
        }
    }

    fn close(&self, bucket: &str, index: &mut Bucket, upload: &str) -> S3Result<()> {
        index.uploads.remove(upload);
        fs::remove_dir_all(self.upload_dir(bucket, upload)).map_err(internal)
    }

    fn forget(&self, bucket: &str, object: &Object) -> io::Result<()> {
        fs::remove_file(self.object_path(bucket, &object.id, "json"))?;
        fs::remove_file(self.object_path(bucket, &object.id, "data"))
    }

    fn object_path(&self, bucket: &str, id: &str, extension: &str) -> PathBuf {
        self.root.join(bucket).join("objects").join(format!("{id}.{extension}"))
    }

    fn upload_dir(&self, bucket: &str, upload: &str) -> PathBuf {
        self.root.join(bucket).join("uploads").join(upload)
    }
}

/// A name that was never used before and sorts after all earlier ones.
pub(crate) fn new_id() -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:020}-{:08}", since_epoch.as_nanos(), COUNTER.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn internal(error: io::Error) -> s3s::S3Error {
    s3s::S3Error::internal_error(error)
}

fn find<'a>(buckets: &'a mut BTreeMap<String, Bucket>, bucket: &str) -> S3Result<&'a mut Bucket> {
    buckets.get_mut(bucket).ok_or_else(|| s3_error!(NoSuchBucket, "The specified bucket does not exist"))
}

fn find_upload<'a>(bucket: &'a mut Bucket, key: &str, id: &str) -> S3Result<&'a mut Upload> {
    let upload = bucket.uploads.get_mut(id).filter(|upload| upload.key == key);
    upload.ok_or_else(|| s3_error!(NoSuchUpload, "The specified multipart upload does not exist"))
}

fn check(bucket: &Bucket, key: &str, condition: Condition) -> S3Result<()> {
    if condition == Condition::IfAbsent && bucket.objects.contains_key(key) {
        return Err(s3_error!(PreconditionFailed, "At least one of the pre-conditions you specified did not hold"));
    }
    Ok(())
}

fn write_record(path: &Path, record: &impl Serialize) -> io::Result<()> {
    let temporary = path.with_extension("new");
    fs::write(&temporary, serde_json::to_vec(record)?)?;
    fs::rename(temporary, path)
}

fn load_bucket(dir: &Path) -> io::Result<Bucket> {
    let mut bucket = Bucket::default();
    // Ids sort by age: where a crash left two records of one key, the newer one stays.
    for object in records::<Object>(&dir.join("objects"), |_| true)? {
        bucket.objects.insert(object.key.clone(), Arc::new(object));
    }
    for entry in fs::read_dir(dir.join("uploads"))? {
        let dir = entry?.path();
        let Some(mut upload) = records::<Upload>(&dir, |name| name == "upload.json")?.pop() else {
            continue;
        };
        for part in records::<Part>(&dir, |name| name != "upload.json")? {
            upload.parts.insert(part.number, part);
        }
        bucket.uploads.insert(upload.id.clone(), upload);
    }
    Ok(bucket)
}

fn records<T: DeserializeOwned>(dir: &Path, wanted: impl Fn(&str) -> bool) -> io::Result<Vec<T>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        if let Ok(name) = entry?.file_name().into_string()
            && name.ends_with(".json")
            && wanted(&name)
        {
            names.push(name);
        }
    }
    names.sort();
    names.iter().map(|name| Ok(serde_json::from_slice(&fs::read(dir.join(name))?)?)).collect()
}
