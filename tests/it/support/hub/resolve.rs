//! Files: `/resolve/`, the small ones behind `/api/resolve-cache/`, and the CDN with its signed links.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::body::{Answer, Asked, file};
use super::fault::Acts;
use super::file::sha256;
use super::repo::Repo;
use super::route::{Query, encode};
use super::{Shared, SmallFiles};

const SECRET: &[u8] = b"known to both origins";
const LINK_LASTS: Duration = Duration::from_secs(3600);

/// Answers `/{id}/resolve/{revision}/{path}` once the repository and the commit are found.
pub fn resolve(
    shared: &Shared,
    repo: &Arc<Repo>,
    path: &str,
    asked_path: &str,
    asked: &Asked<'_>,
    acts: &Acts,
) -> Answer {
    let Some(found) = repo.get(path) else {
        return Answer::refusal(404, Some("EntryNotFound"), "Entry not found")
            .with("x-repo-commit", repo.sha());
    };
    if found.lfs {
        let link = link(shared, repo, path, acts);
        return Answer::redirect(302, &link)
            .with("x-repo-commit", repo.sha())
            .with("x-linked-size", &found.size().to_string())
            .with("x-linked-etag", &format!("\"{}\"", found.etag()))
            .with("accept-ranges", "bytes");
    }
    match shared.options.small_files {
        SmallFiles::Direct => cached(repo, path, asked, acts),
        SmallFiles::ResolveCache => {
            let (id, sha, inside) = (&repo.id, repo.sha(), encode(path, "/"));
            let (asked_path, etag) = (encode(asked_path, ""), found.etag());
            let query = format!("{asked_path}=&etag=%22{etag}%22");
            let location = format!("/api/resolve-cache/models/{id}/{sha}/{inside}?{query}");
            Answer::redirect(307, &location).with("x-repo-commit", repo.sha())
        }
    }
}

/// Answers with a small file itself.
pub fn cached(repo: &Arc<Repo>, path: &str, asked: &Asked<'_>, acts: &Acts) -> Answer {
    let Some(found) = repo.get(path).filter(|found| !found.lfs) else {
        return Answer::refusal(404, Some("EntryNotFound"), "Entry not found")
            .with("x-repo-commit", repo.sha());
    };
    let etag = format!("\"{}\"", found.etag());
    let name = path.rsplit('/').next().unwrap_or(path);
    file(repo.clone(), path, &etag, asked, acts)
        .with("x-repo-commit", repo.sha())
        .with("content-disposition", &format!("inline; filename*=UTF-8''{name}; filename=\"{name}\";"))
}

fn link(shared: &Shared, repo: &Arc<Repo>, path: &str, acts: &Acts) -> String {
    let key = shared.store.key(repo, path);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let expires = (now + LINK_LASTS).as_secs();
    let signature = sign(&key, &expires.to_string());
    let name = encode(&format!("inline; filename*=UTF-8''{path}; filename=\"{path}\";"), "");
    let base = acts.link_to.as_deref().unwrap_or(&shared.cdn);
    format!(
        "{base}/xet-bridge-us/{key}?response-content-disposition={name}&Expires={expires}&Signature={signature}&Key-Pair-Id=K000000000000"
    )
}

fn sign(key: &str, expires: &str) -> String {
    sha256(&[SECRET, key.as_bytes(), expires.as_bytes()])
}

/// Answers at the CDN, which knows no tokens and no repositories, only signed links.
pub fn cdn(
    shared: &Shared,
    key: &str,
    query: &Query,
    authorized: bool,
    asked: &Asked<'_>,
    acts: &Acts,
) -> Answer {
    let xml = |status, code: &str, text: &str| {
        let body =
            format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{text}</Message></Error>");
        Answer::text(status, "application/xml", body)
    };
    if authorized {
        shared.log.problem("Authorization was sent to the CDN".into());
        return xml(400, "InvalidArgument", "Only one auth mechanism allowed");
    }
    let expires = query.one("Expires").unwrap_or_default();
    if acts.expired || query.one("Signature") != Some(&sign(key, expires)) {
        return xml(403, "AccessDenied", "Request has expired");
    }
    let Some(blob) = shared.store.blob(key) else { return xml(403, "AccessDenied", "Access denied") };
    // The CDN's own ETag, which is not the sha256 that the Hub linked.
    let etag = format!("\"{}-2\"", &sha256(&[key.as_bytes()])[..32]);
    file(blob.repo, &blob.path, &etag, asked, acts).with("last-modified", "Fri, 20 Feb 2026 12:00:00 GMT")
}
