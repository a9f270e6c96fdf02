//! A thin typed wrapper over git; the only room that names git2. Reading is here: head, base, the four layers of each
//! changed file, identity, remotes, a file at a revision. Whatever changes the person's repository (index, commit,
//! push) is in [`acts`], needs a [`acts::PersonAct`] and may be imported by `pr` alone. Fetch, commit and push run the
//! `git` binary (hooks, signing, credentials); libgit2 reads.

pub mod acts;
mod branches;
mod checkpoint;
mod error;
mod hash;
mod layers;
mod remote;
mod repo;

pub use branches::BranchFile;
pub use checkpoint::{Caps, Difference, Kept, LeftOut, Photo};
pub use error::GitError;
pub use hash::blob_id;
pub use layers::{FileLayers, Mode, Obstacle, Side};
pub use remote::{Remote, RemoteUrl};
pub use repo::{Base, BaseFrom, Changed, Head, Identity, Repo, Setting, Status};
