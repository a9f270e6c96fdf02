//! One file: locked, taken up where it was left, written, verified, put in its place.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::error::DownloadError;
use super::meter::Meter;
use super::place::{Place, size_of};
use crate::hub::data::{DownloadEvent, FileAt, RepoFile};
use crate::hub::remote::{Ask, Hub, Part, RemoteError};
use crate::util::fs::{FileLock, create_dir};

/// Small files are hashed whole.
const SMALL: u64 = 256 << 20;

/// One file of a download.
pub(super) struct File {
    pub hub: Hub,
    pub place: Arc<Place>,
    pub meter: Arc<Meter>,
    pub file: RepoFile,
}

/// What a wrong file is met with.
enum Checked {
    Right,
    Wrong(String),
}

impl File {
    /// Brings the file, or finds it there.
    pub(super) async fn fetch(self) -> Result<(), DownloadError> {
        let _lock = self.lock().await?;
        if self.place.is_whole(&self.file) {
            self.meter.had(self.file.size);
            self.say_kept();
        } else if let Some(cached) = self.place.in_cache(&self.file) {
            self.copy(&cached)?;
        } else {
            self.bring().await?;
        }
        self.place.settle(&self.file)?;
        self.meter.finished();
        Ok(())
    }

    async fn lock(&self) -> Result<FileLock, DownloadError> {
        let (path, meter, name) = (self.place.lock(&self.file), self.meter.clone(), self.file.path.clone());
        // Waiting for another process must not hold a thread that other transfers need.
        let wait = move || FileLock::wait(&path, || meter.say(DownloadEvent::Locked { path: name }));
        match tokio::task::spawn_blocking(wait).await {
            Ok(lock) => Ok(lock?),
            Err(_) => Err(DownloadError::Cancelled { kept: self.meter.done() }),
        }
    }

    fn say_kept(&self) {
        self.meter.say(DownloadEvent::Kept { path: self.file.path.clone(), bytes: self.file.size });
    }

    fn copy(&self, cached: &Path) -> Result<(), DownloadError> {
        let whole = self.place.whole(&self.file);
        if let Some(folder) = whole.parent() {
            create_dir(folder)?;
        }
        let failed = |source| DownloadError::Io { attempt: "copy into", path: whole.clone(), source };
        std::fs::copy(cached, &whole).map_err(failed)?;
        self.meter.had(self.file.size);
        self.say_kept();
        Ok(())
    }

    async fn bring(&self) -> Result<(), DownloadError> {
        let incomplete = self.place.incomplete(&self.file);
        for last in [false, true] {
            self.transfer(&incomplete).await?;
            match self.check(&incomplete)? {
                Checked::Right => {
                    let whole = self.place.whole(&self.file);
                    let failed = |source| DownloadError::Io { attempt: "write", path: whole.clone(), source };
                    if let Some(folder) = whole.parent() {
                        create_dir(folder)?;
                    }
                    std::fs::rename(&incomplete, &whole).map_err(failed)?;
                    self.meter
                        .say(DownloadEvent::Verified { path: self.file.path.clone(), bytes: self.file.size });
                    return Ok(());
                }
                Checked::Wrong(why) => {
                    self.meter.lost(size_of(&incomplete).unwrap_or(0));
                    let _ = std::fs::remove_file(&incomplete);
                    let path = self.file.path.clone();
                    if last {
                        let FileAt { repo, .. } = self.at();
                        return Err(DownloadError::Damaged { repo, path, why });
                    }
                    self.meter.say(DownloadEvent::Damaged { path, why });
                }
            }
        }
        Ok(())
    }

    fn at(&self) -> FileAt {
        match &*self.place {
            Place::Cache { repo, sha, .. } => {
                FileAt { repo: repo.clone(), revision: sha.clone(), path: self.file.path.clone() }
            }
            Place::Folder { cached, .. } => File { place: Arc::new((**cached).clone()), ..self.parts() }.at(),
        }
    }

    fn parts(&self) -> Self {
        Self {
            hub: self.hub.clone(),
            place: self.place.clone(),
            meter: self.meter.clone(),
            file: self.file.clone(),
        }
    }

    /// Writes what is missing, however often the transfer is cut; a cut after some bytes is not counted as a failure.
    async fn transfer(&self, incomplete: &Path) -> Result<(), DownloadError> {
        let failed = |source| DownloadError::Io { attempt: "write", path: incomplete.to_path_buf(), source };
        if let Some(folder) = incomplete.parent() {
            create_dir(folder)?;
        }
        let mut options = std::fs::OpenOptions::new();
        let mut out =
            options.create(true).truncate(false).write(true).read(true).open(incomplete).map_err(failed)?;
        let mut have = out.seek(SeekFrom::End(0)).map_err(failed)?;
        if have > self.file.size {
            out.set_len(0).map_err(failed)?;
            have = out.seek(SeekFrom::Start(0)).map_err(failed)?;
        }
        if have > 0 {
            self.meter.had(have);
            self.meter.say(DownloadEvent::Resumed { path: self.file.path.clone(), from: have });
        }
        let mut attempts = self.hub.attempts(&self.file.path);
        while have < self.file.size {
            let before = have;
            match self.piece(&mut out, &mut have).await {
                Ok(()) => {}
                Err(DownloadError::Remote(error)) => {
                    if have > before {
                        attempts.moved();
                    }
                    attempts.pause(error).await?;
                }
                Err(other) => return Err(other),
            }
        }
        out.sync_all().map_err(failed)
    }

    /// One request, from `have` to the end or the cut.
    async fn piece(&self, out: &mut std::fs::File, have: &mut u64) -> Result<(), DownloadError> {
        let path = self.place.incomplete(&self.file);
        let failed = |source| DownloadError::Io { attempt: "write", path: path.clone(), source };
        let range = (*have > 0).then_some(*have..self.file.size);
        let ask = Ask { range, limit: self.file.size, what: self.file.path.clone(), ..Ask::default() };
        let mut reply = self.hub.file_once(&self.at(), ask).await?;
        if reply.part == Part::Whole && *have > 0 {
            // The server does not resume.
            self.meter.lost(*have);
            out.set_len(0).map_err(failed)?;
            *have = out.seek(SeekFrom::Start(0)).map_err(failed)?;
        }
        if matches!(reply.part, Part::Beyond | Part::Unchanged) {
            let host = self.hub.origin().host();
            let why = format!("it has no bytes from {have} on, of {}", self.file.size);
            return Err(RemoteError::Malformed { host, what: self.file.path.clone(), why }.into());
        }
        while let Some(bytes) = reply.piece().await? {
            out.write_all(&bytes).map_err(failed)?;
            *have += bytes.len() as u64;
            self.meter.came(bytes.len() as u64);
        }
        match *have < self.file.size {
            // The length that the server told was met, but it is not the file's.
            true => Err(RemoteError::Cut {
                host: self.hub.origin().host(),
                what: self.file.path.clone(),
                got: *have,
                wanted: Some(self.file.size),
            }
            .into()),
            false => Ok(()),
        }
    }

    fn check(&self, incomplete: &Path) -> Result<Checked, DownloadError> {
        let failed = |source| DownloadError::Io { attempt: "read", path: incomplete.to_path_buf(), source };
        let size = size_of(incomplete).unwrap_or(0);
        if size != self.file.size {
            return Ok(Checked::Wrong(format!("{size} bytes instead of {}", self.file.size)));
        }
        let (wanted, found) = match &self.file.sha256 {
            Some(wanted) => (wanted, sha256(incomplete).map_err(failed)?),
            None if size <= SMALL => {
                (&self.file.oid, crate::git::blob_id(&std::fs::read(incomplete).map_err(failed)?)?)
            }
            None => return Ok(Checked::Right),
        };
        Ok(match wanted.eq_ignore_ascii_case(&found) {
            true => Checked::Right,
            false => Checked::Wrong(format!("hash {found} instead of {wanted}")),
        })
    }
}

fn sha256(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hash.update(&buffer[..read]),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
