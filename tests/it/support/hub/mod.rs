//! A local Hub for tests: a real HTTP server with the Hub's own routes, headers and errors, over folders or repositories
//! made in code, and a second origin that stands for its CDN. `huggingface_hub` works against it (tests/it/hub_server.rs).
//!
//! ```ignore
//! let hub = Hub::start(vec![
//!     Repo::new("acme/harbor-1b").file("config.json", CONFIG).lfs("model.safetensors", bytes).downloads(120),
//!     Repo::new("acme/harbor-70b").file("config.json", CONFIG).tensors(tensors_json), // no disk, full sizes
//! ]);
//! let hub = Hub::fixtures();                    // tests/fixtures/hub; Hub::folder(root) for another
//! hub.endpoint()                                // HF_ENDPOINT; hub.cdn() is the second origin
//! hub.add(Repo::new("acme/late"));              // at any time; the same id again is a new commit on that branch
//! hub.fault(Fault::file("acme/harbor-1b", "model.safetensors").at(Origin::Cdn).times(2).status(503));
//! hub.fault(Fault::api("/api/models*").rate_limited(3));
//! hub.warm("acme/harbor-70b");                  // makes its shards before a measurement
//! hub.requests()                                // method, path, range, authorization, status, bytes sent, origin
//! hub.sent()                                    // body bytes over both origins; hub.forget() starts anew
//! hub.problems()                                // what a strict server objects to: token at the CDN, unknown parameters
//! ```
//!
//! Tokens: [`MEMBER`] may read the private and gated repositories, [`STRANGER`] is valid and may not, any other is refused
//! as the Hub refuses it, even for public ones. As on the Hub: small files answer 307 to `/api/resolve-cache/…` on the same
//! origin ([`Options::small_files`] for those who want them direct), LFS files 302 to the CDN with a signed query, which
//! wants no `Authorization` beside it; a renamed repository answers 307; without a token a missing, a private and a
//! mistyped repository are the same 401 with no error code; a gated one shows its info and tree and refuses its files.
//!
//! A folder root holds `<org>/<name>[@branch]/`; every file in it is served but `.hub/`: `.hub/repo.json` ([`Card`]) and
//! `.hub/tensors.json` ([`tensors`]: names, dtypes and shapes, from which shards of full size are made, data all zeros).
//!
//! Left out: Xet (no `X-Xet-Hash`, so clients take the HTTP way), datasets and spaces, gzip, writes. The sha256 of a made
//! file above 64 MiB is derived from its header and size, not from its zeros: nobody downloads those in a test.
//!
//! By hand: `HUB_PORT=8765 cargo test --test it serve_the_fixtures -- --ignored --nocapture`, then in another terminal
//! `HF_ENDPOINT=http://127.0.0.1:8765 mlxport discover …`; `HUB_ROOT=…` serves another folder.

mod body;
mod card;
mod fault;
mod file;
mod folder;
mod info;
mod list;
mod record;
mod repo;
mod resolve;
mod route;
mod store;
pub mod tensors;
mod tree;

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Runtime;

pub use card::Card;
pub use fault::Fault;
pub use record::{Origin, Request};
pub use repo::Repo;

use record::Log;
use store::Store;

/// A token that may read the private and the gated repositories.
pub const MEMBER: &str = "hf_memberMEMBERmemberMEMBERmember00";
/// A valid token that has been given nothing.
pub const STRANGER: &str = "hf_strangerSTRANGERstrangerSTRANG00";

/// How small files are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmallFiles {
    /// 307 to the same origin, as the Hub does now.
    ResolveCache,
    /// With the bytes at once, as the Hub did and mirrors do.
    Direct,
}

/// What differs between servers.
#[derive(Clone, Debug)]
pub struct Options {
    /// 0 for a free one.
    pub port: u16,
    /// The longest page of a listing, whatever `limit` asks.
    pub page: usize,
    pub small_files: SmallFiles,
}

impl Default for Options {
    fn default() -> Self {
        Self { port: 0, page: 1000, small_files: SmallFiles::ResolveCache }
    }
}

/// The running server; it ends when dropped. Usable from tests with and without a runtime of their own.
pub struct Hub {
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

/// What both origins share.
struct Shared {
    store: Store,
    faults: fault::Faults,
    log: Log,
    options: Options,
    endpoint: String,
    cdn: String,
}

impl Hub {
    /// Serves these repositories on a free port.
    pub fn start(repos: Vec<Repo>) -> Self {
        Self::with(Options::default(), repos)
    }

    /// Serves the committed fixtures.
    pub fn fixtures() -> Self {
        Self::folder(&fixtures())
    }

    /// Serves a folder of repositories.
    pub fn folder(root: &Path) -> Self {
        Self::start(folder::read(root))
    }

    /// Serves with options; see [`read_folder`] for the repositories of a folder.
    pub fn with(options: Options, repos: Vec<Repo>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("hub")
            .enable_all()
            .build()
            .expect("a runtime");
        let bind = |port: u16| {
            let listener = std::net::TcpListener::bind(("127.0.0.1", port)).expect("a free port");
            listener.set_nonblocking(true).expect("a socket that does not block");
            let url = format!("http://127.0.0.1:{}", listener.local_addr().expect("an address").port());
            (listener, url)
        };
        let ((hub, endpoint), (cdn, cdn_url)) = (bind(options.port), bind(0));
        let shared = Arc::new(Shared {
            store: Store::default(),
            faults: fault::Faults::default(),
            log: Log::default(),
            options,
            endpoint,
            cdn: cdn_url,
        });
        repos.into_iter().for_each(|repo| shared.store.add(repo));
        for (listener, origin) in [(hub, Origin::Hub), (cdn, Origin::Cdn)] {
            let app = route::router(shared.clone(), origin);
            runtime.spawn(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                axum::serve(listener, app).await.expect("the server runs");
            });
        }
        Self { shared, runtime: Some(runtime) }
    }

    /// Gives the Hub's base URL, for `HF_ENDPOINT`.
    pub fn endpoint(&self) -> &str {
        &self.shared.endpoint
    }

    /// Gives the base URL of the second origin, where large files lie.
    pub fn cdn(&self) -> &str {
        &self.shared.cdn
    }

    /// Adds a repository, a branch of one, or a new commit on a branch.
    pub fn add(&self, repo: Repo) {
        self.shared.store.add(repo);
    }

    /// Gives the commit that a branch of a repository is at.
    pub fn sha(&self, id: &str, branch: &str) -> String {
        let entry = self.shared.store.get(id).unwrap_or_else(|| panic!("no repository {id}"));
        entry.at(branch).unwrap_or_else(|| panic!("no branch {branch} of {id}")).sha().to_string()
    }

    /// Makes a repository's shards now; a debug build takes seconds for the widest, which no measured request should.
    pub fn warm(&self, id: &str) {
        let entry = self.shared.store.get(id).unwrap_or_else(|| panic!("no repository {id}"));
        entry.branches.values().for_each(|repo| drop(repo.files()));
    }

    /// Gives how many bytes LFS stores for `main` of a repository.
    pub fn stored(&self, id: &str) -> u64 {
        self.shared.store.get(id).unwrap_or_else(|| panic!("no repository {id}")).main().stored()
    }

    /// Arms a fault; faults that match the same request all act.
    pub fn fault(&self, fault: Fault) {
        self.shared.faults.add(fault);
    }

    /// Disarms all faults.
    pub fn heal(&self) {
        self.shared.faults.clear();
    }

    /// Gives the requests so far, at both origins, in order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.log.requests()
    }

    /// Gives the requests for a file, at both origins.
    pub fn requests_of(&self, id: &str, path: &str) -> Vec<Request> {
        let subject = format!("{id}/{path}");
        self.requests().into_iter().filter(|request| request.subject == subject).collect()
    }

    /// Gives the body bytes handed to the sockets so far, redirects and errors included, headers not.
    pub fn sent(&self) -> u64 {
        self.requests().iter().map(|request| request.sent).sum()
    }

    /// Forgets the requests and problems so far.
    pub fn forget(&self) {
        self.shared.log.clear();
    }

    /// Gives what a strict server objects to in the requests so far.
    pub fn problems(&self) -> Vec<String> {
        self.shared.log.problems()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Gives the folder of the committed fixtures.
pub fn fixtures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/hub")
}

/// Reads the repositories of a folder.
pub fn read_folder(root: &Path) -> Vec<Repo> {
    folder::read(root)
}
