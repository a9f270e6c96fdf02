//! One file of a repository: its bytes, or how they are made, and the hashes by which the Hub knows it.

use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::OnceLock;

use axum::body::Bytes;
use sha2::{Digest, Sha256};

/// Above this the sha256 of a made file is derived, not computed.
const HASHED: u64 = 64 << 20;
const PIECE: usize = 64 << 10;

pub enum Content {
    Bytes(Bytes),
    Disk(PathBuf, u64),
    /// A head, then zeros up to the size.
    Made(Bytes, u64),
}

pub struct File {
    content: Content,
    /// Whether LFS stores it, so that the Hub answers with a redirect to the CDN.
    pub lfs: bool,
    sha256: OnceLock<String>,
    oid: OnceLock<String>,
}

impl File {
    pub fn new(content: Content, lfs: bool) -> Self {
        Self { content, lfs, sha256: OnceLock::new(), oid: OnceLock::new() }
    }

    pub fn size(&self) -> u64 {
        match &self.content {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Disk(_, size) | Content::Made(_, size) => *size,
        }
    }

    /// Gives up to a piece of the bytes from `at`, at most to `end`.
    pub fn piece(&self, at: u64, end: u64) -> Bytes {
        static ZEROS: [u8; PIECE] = [0; PIECE];
        let length = (end - at).min(PIECE as u64) as usize;
        let start = at as usize;
        match &self.content {
            Content::Bytes(bytes) => bytes.slice(start..start + length),
            Content::Made(head, _) if at < head.len() as u64 => {
                head.slice(start..(start + length).min(head.len()))
            }
            Content::Made(..) => Bytes::from_static(&ZEROS[..length]),
            Content::Disk(path, _) => {
                let mut file = std::fs::File::open(path).expect("a served file stays");
                file.seek(SeekFrom::Start(at)).expect("a place in the file");
                let mut piece = vec![0; length];
                file.read_exact(&mut piece).expect("a served file keeps its size");
                piece.into()
            }
        }
    }

    /// Reads the whole file; for small ones.
    pub fn all(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < self.size() {
            bytes.extend_from_slice(&self.piece(bytes.len() as u64, self.size()));
        }
        bytes
    }

    /// Gives the sha256 of the content, by which LFS knows it.
    pub fn sha256(&self) -> &str {
        self.sha256.get_or_init(|| {
            if let Content::Made(head, size) = &self.content
                && *size > HASHED
            {
                return sha256(&[b"made", head, &size.to_le_bytes()]);
            }
            let (mut hasher, mut at) = (Sha256::new(), 0);
            while at < self.size() {
                let piece = self.piece(at, self.size());
                hasher.update(&piece);
                at += piece.len() as u64;
            }
            hex(&hasher.finalize())
        })
    }

    /// Gives git's id of the blob: of the content, or of the LFS pointer.
    pub fn oid(&self) -> &str {
        self.oid.get_or_init(|| {
            let bytes = if self.lfs { self.pointer().into_bytes() } else { self.all() };
            git2::Oid::hash_object(git2::ObjectType::Blob, &bytes).expect("a hash").to_string()
        })
    }

    pub fn pointer(&self) -> String {
        format!(
            "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n",
            self.sha256(),
            self.size()
        )
    }

    /// Gives the ETag that names the content, without quotes.
    pub fn etag(&self) -> &str {
        if self.lfs { self.sha256() } else { self.oid() }
    }

    /// Adds what tells this content from another, cheaply.
    pub fn fingerprint(&self, hasher: &mut Sha256) {
        match &self.content {
            Content::Bytes(bytes) => hasher.update(bytes),
            Content::Made(head, _) => hasher.update(head),
            Content::Disk(path, _) => hasher.update(path.as_os_str().as_encoded_bytes()),
        }
        hasher.update(self.size().to_le_bytes());
    }
}

pub fn sha256(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hex(&hasher.finalize())
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
