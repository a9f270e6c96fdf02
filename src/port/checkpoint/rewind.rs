//! Going back: first a look at what would change, then the files, one whole file at a time. What there was is kept
//! before, so that going back can be gone back from; what fails half way is put back as it was.

use std::io;
use std::path::{Path, PathBuf};

use super::rows::text;
use super::{Checkpoint, CheckpointError, Checkpoints, missing};
use crate::git::{Difference, Photo, Repo};
use crate::port::data::checkpoint::{Back, FileBack, Missing, Moment, Preview, Rewound};
use crate::util::fs::FileLock;

/// What going back to one snapshot comes to.
struct Plan {
    target: Checkpoint,
    photo: Photo,
    differences: Vec<Difference>,
    left_out: Vec<Missing>,
}

impl Checkpoints {
    /// Says what going back to a snapshot would change. Changes nothing.
    pub fn preview(&self, number: u32) -> Result<Preview, CheckpointError> {
        let _one = self.lock();
        let repo = self.open()?;
        let plan = self.plan(&repo, number)?;
        let files = plan.differences.iter().map(file_back).collect();
        let outside = match self.all(&repo)?.last() {
            Some(last) => repo.differences(&last.tree, &plan.photo.tree)?,
            None => Vec::new(),
        };
        let outside = outside.into_iter().map(|difference| difference.path).collect();
        Ok(Preview { number, now: plan.photo.tree, files, left_out: plan.left_out, outside })
    }

    /// Puts the files back as a snapshot holds them. `seen` is the working tree that the person was shown: when it has
    /// changed since, nothing is done.
    pub fn rewind(&self, number: u32, seen: Option<&str>) -> Result<Rewound, CheckpointError> {
        let now = self.lock();
        let repo = self.open()?;
        let plan = self.plan(&repo, number)?;
        if seen.is_some_and(|seen| seen != plan.photo.tree) {
            return Err(CheckpointError::Stale);
        }
        for difference in &plan.differences {
            inside(repo.root(), &difference.path)?;
        }
        let undo = self.keep(&repo, &now, (Moment::Rewind, &plan.photo))?;
        let (written, removed) = put_back(&repo, &plan)?;
        self.take(&repo, &now, Moment::Rewound)?;
        Ok(Rewound { number, undo: undo.number, written, removed, left_out: plan.left_out })
    }

    fn plan(&self, repo: &Repo, number: u32) -> Result<Plan, CheckpointError> {
        let found = self.all(repo)?.into_iter().find(|checkpoint| checkpoint.number == number);
        let session = self.session.clone();
        let target = found.ok_or(CheckpointError::NoSuch { number, session })?;
        let photo = repo.photograph(self.caps)?;
        let mut left_out = target.note.left_out.clone();
        left_out.extend(missing(&photo));
        left_out.sort_by(|a, b| a.path.cmp(&b.path));
        left_out.dedup_by(|a, b| a.path == b.path);
        let mut differences = repo.differences(&photo.tree, &target.tree)?;
        differences.retain(|difference| !left_out.iter().any(|file| file.path == difference.path));
        Ok(Plan { target, photo, differences, left_out })
    }
}

fn file_back(difference: &Difference) -> FileBack {
    let kind = match (&difference.old, &difference.new) {
        (None, _) => Back::Made,
        (Some(_), None) => Back::Removed,
        (Some(_), Some(_)) => Back::Changed,
    };
    let (before, after) = (text(difference.old.as_ref()), text(difference.new.as_ref()));
    FileBack { path: difference.path.clone(), kind, before, after }
}

/// Refuses a path that a link would lead elsewhere.
fn inside(root: &Path, path: &str) -> Result<(), CheckpointError> {
    let mut walked = root.to_path_buf();
    let parents = Path::new(path).parent().into_iter().flat_map(Path::components);
    for part in parents {
        walked.push(part);
        if walked.symlink_metadata().is_ok_and(|meta| meta.is_symlink()) {
            return Err(CheckpointError::Link { path: path.to_string(), link: walked });
        }
    }
    Ok(())
}

/// Lays both states out beside each other, then moves file by file.
fn put_back(repo: &Repo, plan: &Plan) -> Result<(Vec<String>, Vec<String>), CheckpointError> {
    let folder = repo.own_folder().join("mlxport-rewind");
    let _alone = FileLock::try_now(&folder.with_extension("lock")).map_err(|_| CheckpointError::Busy)?;
    let _gone = Folder::make(&folder)?;
    let paths = |has: fn(&Difference) -> bool| -> Vec<String> {
        plan.differences.iter().filter(|file| has(file)).map(|file| file.path.clone()).collect()
    };
    let (written, removed) = (paths(|file| file.new.is_some()), paths(|file| file.new.is_none()));
    let (then, now) = (folder.join("then"), folder.join("now"));
    for (tree, paths, folder) in
        [(&plan.target.tree, &written, &then), (&plan.photo.tree, &paths(|file| file.old.is_some()), &now)]
    {
        std::fs::create_dir_all(folder).map_err(|error| failed_folder(folder, &error))?;
        repo.lay_out(tree, paths, folder)?;
    }
    // What goes makes room for what comes: a file may stand where a folder was.
    let mut done: Vec<&str> = Vec::new();
    let steps = removed.iter().map(|path| (path, None)).chain(written.iter().map(|path| (path, Some(&then))));
    for (path, from) in steps {
        let moved = match from {
            Some(from) => place(&from.join(path), &repo.root().join(path)),
            None => remove(repo.root(), path),
        };
        if let Err(error) = moved {
            return Err(half_way(repo.root(), &now, (&done, path, &error)));
        }
        done.push(path);
    }
    Ok((written, removed))
}

/// Puts back what was moved already, and says whether that worked.
fn half_way(root: &Path, now: &Path, (done, path, error): (&[&str], &str, &io::Error)) -> CheckpointError {
    let mut lost = Vec::new();
    for path in done.iter().rev() {
        let old = now.join(path);
        let back =
            if old.symlink_metadata().is_ok() { place(&old, &root.join(path)) } else { remove(root, path) };
        if back.is_err() {
            lost.push(*path);
        }
    }
    let restored = match lost.is_empty() {
        true => "Nothing was changed: what had been put back was undone".to_string(),
        false => format!("These could not be undone and are as in the snapshot: {}", lost.join(", ")),
    };
    CheckpointError::HalfWay { path: path.to_string(), text: error.to_string(), restored }
}

/// Moves a laid-out file into its place; one file system, so that it is there whole or not at all.
fn place(from: &Path, to: &Path) -> io::Result<()> {
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent)?;
    }
    if to.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
        std::fs::remove_dir(to)?;
    }
    match std::fs::rename(from, to) {
        // A worktree whose git folder lies on another disk.
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let name = to.file_name().unwrap_or_default().to_string_lossy();
            let beside = to.with_file_name(format!(".{name}.mlxport-rewind"));
            match from.read_link() {
                Ok(target) => std::os::unix::fs::symlink(target, &beside)?,
                Err(_) => std::fs::copy(from, &beside).map(|_| ())?,
            }
            std::fs::rename(&beside, to)
        }
        moved => moved,
    }
}

/// Removes a file, and the folders that are empty without it, as git does.
fn remove(root: &Path, path: &str) -> io::Result<()> {
    let full = root.join(path);
    match std::fs::remove_file(&full) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut parent = full.parent();
    while let Some(folder) = parent.filter(|folder| *folder != root) {
        if std::fs::remove_dir(folder).is_err() {
            break;
        }
        parent = folder.parent();
    }
    Ok(())
}

fn failed_folder(path: &Path, error: &io::Error) -> CheckpointError {
    CheckpointError::Folder { path: path.to_path_buf(), text: error.to_string() }
}

/// A folder that goes away by itself.
struct Folder(PathBuf);

impl Folder {
    fn make(path: &Path) -> Result<Self, CheckpointError> {
        // One that a killed run left holds copies only.
        let _ = std::fs::remove_dir_all(path);
        std::fs::create_dir_all(path).map_err(|error| failed_folder(path, &error))?;
        Ok(Self(path.to_path_buf()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
