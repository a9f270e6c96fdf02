//! Which request means what, and who may have it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request as Incoming, State};
use axum::http::{HeaderMap, Response};
use serde_json::{Value, json};

use super::body::{Answer, Asked, send};
use super::info::{Blobs, DETAIL, info};
use super::list::{expand, list};
use super::record::{Origin, Request};
use super::store::Entry;
use super::{MEMBER, STRANGER, Shared, resolve, tree};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Nobody,
    Stranger,
    Member,
    Invalid,
}

#[derive(Debug)]
enum Route {
    List,
    Info { id: String, revision: Option<String> },
    Tree { id: String, revision: String, inside: String },
    Paths { id: String, revision: String },
    Refs { id: String },
    Resolve { id: String, revision: String, path: String },
    Cached { id: String, sha: String, path: String },
    WhoAmI,
    Organization { name: String },
    Blob { key: String },
    Unknown,
}

pub fn router(shared: Arc<Shared>, origin: Origin) -> Router {
    Router::new().fallback(answer).with_state((shared, origin))
}

async fn answer(State((shared, origin)): State<(Arc<Shared>, Origin)>, incoming: Incoming) -> Response<Body> {
    let (parts, body) = incoming.into_parts();
    let (path, method) = (parts.uri.path().to_string(), parts.method.as_str().to_string());
    let query = Query::read(parts.uri.query().unwrap_or_default());
    let route = read(origin, &path);
    let subject = subject(&shared, &route, &path);
    let entry = shared.log.open(Request {
        origin,
        method: method.clone(),
        path: path.clone(),
        query: parts.uri.query().unwrap_or_default().into(),
        subject: subject.clone(),
        range: header(&parts.headers, "range"),
        if_none_match: header(&parts.headers, "if-none-match"),
        authorization: header(&parts.headers, "authorization"),
        user_agent: header(&parts.headers, "user-agent"),
        status: 0,
        sent: 0,
    });
    let acts = shared.faults.take(origin, &method, &subject);
    if acts.hang {
        return std::future::pending().await;
    }
    if let Some((status, headers, body)) = acts.answer.clone() {
        let mut answer = Answer::text(status, "application/json", body);
        answer.headers.extend(headers);
        return send(answer, acts, entry, method == "HEAD");
    }
    let body = axum::body::to_bytes(body, 16 << 20).await.unwrap_or_default();
    let call = Call { shared: &shared, path: &path, query: &query, headers: &parts.headers, body: &body };
    let answer = match (method.as_str(), &route) {
        ("POST", Route::Paths { .. }) | ("GET" | "HEAD", _) => call.answer(&route, &acts),
        _ => Answer::refusal(405, None, "Method not allowed"),
    };
    let answer = if origin == Origin::Hub { dress(answer, &route, &parts.headers) } else { answer };
    send(answer, acts, entry, method == "HEAD")
}

/// Adds what the Hub sends with everything.
fn dress(answer: Answer, route: &Route, headers: &HeaderMap) -> Answer {
    let (kind, limit) = match route {
        Route::Resolve { .. } | Route::Cached { .. } => ("resolvers", 3000),
        _ => ("api", 500),
    };
    let id = header(headers, "x-request-id").unwrap_or_else(|| "Root=1-local".into());
    answer
        .with("x-powered-by", "huggingface-moon (a local stand-in)")
        .with("x-request-id", &id)
        .with("ratelimit", &format!("\"{kind}\";r={};t=172", limit - 2))
        .with("ratelimit-policy", &format!("\"fixed window\";\"{kind}\";q={limit};w=300"))
}

struct Call<'a> {
    shared: &'a Shared,
    path: &'a str,
    query: &'a Query,
    headers: &'a HeaderMap,
    body: &'a [u8],
}

impl Call<'_> {
    fn answer(&self, route: &Route, acts: &super::fault::Acts) -> Answer {
        let texts = ["range", "if-range", "if-none-match"].map(|name| header(self.headers, name));
        let [range, if_range, if_none_match] = texts.each_ref().map(|text| text.as_deref());
        let asked = Asked { range, if_range, if_none_match };
        if let Route::Blob { key } = route {
            let authorized = self.headers.contains_key("authorization");
            return resolve::cdn(self.shared, key, self.query, authorized, &asked, acts);
        }
        let who = self.who();
        if who == Who::Invalid {
            return Answer::refusal(401, None, "Invalid credentials in Authorization header");
        }
        match self.routed(route, who, &asked, acts) {
            Ok(answer) | Err(answer) => answer,
        }
    }

    fn routed(
        &self,
        route: &Route,
        who: Who,
        asked: &Asked<'_>,
        acts: &super::fault::Acts,
    ) -> Result<Answer, Answer> {
        let (shared, query) = (self.shared, self.query);
        Ok(match route {
            Route::List => list(shared, self.path, query, who),
            Route::Info { id, revision } => {
                let entry = self.entry(id, who)?;
                let repo = commit(&entry, revision.as_deref().unwrap_or("main"))?;
                let named = query.all("expand");
                let fields = if named.is_empty() { DETAIL.to_vec() } else { expand(&named)? };
                let blobs = if query.yes("blobs") { Blobs::Told } else { Blobs::Left };
                Answer::json(&info(&entry, &repo, &fields, blobs))
            }
            Route::Tree { id, revision, inside } => {
                let entry = self.entry(id, who)?;
                let repo = commit(&entry, revision)?;
                tree::tree(shared, self.path, query, &repo, revision, inside)
            }
            Route::Paths { id, revision } => {
                let entry = self.entry(id, who)?;
                let repo = commit(&entry, revision)?;
                tree::paths(&repo, &self.paths())
            }
            Route::Refs { id } => tree::refs(&*self.entry(id, who)?, query),
            Route::Resolve { id, revision, path } => {
                let entry = self.entry(id, who)?;
                gate(&entry, who)?;
                resolve::resolve(shared, &commit(&entry, revision)?, path, self.path, asked, acts)
            }
            Route::Cached { id, sha, path } => {
                let entry = self.entry(id, who)?;
                gate(&entry, who)?;
                if sha.len() != 40 {
                    return Err(Answer::refusal(400, None, "Invalid revision"));
                }
                resolve::cached(&commit(&entry, sha)?, path, asked, acts)
            }
            Route::WhoAmI => whoami(who)?,
            Route::Organization { name } => organization(shared, name)?,
            Route::Blob { .. } | Route::Unknown => {
                return Err(Answer::refusal(404, None, "Sorry, we can't find the page you are looking for."));
            }
        })
    }

    fn who(&self) -> Who {
        let token = header(self.headers, "authorization");
        match token.as_deref().map(|token| token.strip_prefix("Bearer ").unwrap_or_default()) {
            None => Who::Nobody,
            Some(MEMBER) => Who::Member,
            Some(STRANGER) => Who::Stranger,
            Some(_) => Who::Invalid,
        }
    }

    /// Finds a repository, for those who may know of it.
    fn entry(&self, id: &str, who: Who) -> Result<Arc<Entry>, Answer> {
        let found = self.shared.store.get(id);
        if found.is_none()
            && let Some(new) = self.shared.store.moved(id)
        {
            let query = self.query.text();
            let mark = if query.is_empty() { "" } else { "?" };
            let path = self.path.replacen(id, &new, 1);
            return Err(Answer::redirect(307, &format!("{path}{mark}{query}")));
        }
        let seen = found.filter(|entry| !entry.main().card.private || who == Who::Member);
        match (seen, who) {
            (Some(entry), _) if entry.main().card.disabled => {
                Err(Answer::refusal(403, None, "Access to this resource is disabled."))
            }
            (Some(entry), _) => Ok(entry),
            (None, Who::Nobody) => Err(Answer::refusal(401, None, "Invalid username or password.")),
            (None, _) => Err(Answer::refusal(404, Some("RepoNotFound"), "Repository not found")),
        }
    }

    /// Reads the paths asked for: JSON from some clients, a form from others.
    fn paths(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(self.body);
        match serde_json::from_str::<Value>(&text) {
            Ok(value) => {
                let paths = value["paths"].as_array().into_iter().flatten();
                paths.filter_map(|path| path.as_str().map(str::to_string)).collect()
            }
            Err(_) => Query::read(&text).all("paths").iter().map(|path| (*path).to_string()).collect(),
        }
    }
}

fn commit(entry: &Entry, revision: &str) -> Result<Arc<super::Repo>, Answer> {
    let found = entry.at(revision).cloned();
    found
        .ok_or_else(|| Answer::refusal(404, Some("RevisionNotFound"), &format!("Invalid rev id: {revision}")))
}

fn gate(entry: &Entry, who: Who) -> Result<(), Answer> {
    let id = &entry.id;
    if entry.main().card.gated.is_none() || who == Who::Member {
        return Ok(());
    }
    let (status, rest) = match who {
        Who::Nobody => {
            (401, "You must have access to it and be authenticated to access it. Please log in.".to_string())
        }
        _ => (403, format!("Visit https://huggingface.co/{id} to ask for access.")),
    };
    let how = if status == 401 {
        "is restricted."
    } else {
        "is restricted and you are not in the authorized list."
    };
    Err(Answer::refusal(status, Some("GatedRepo"), &format!("Access to model {id} {how} {rest}")))
}

fn whoami(who: Who) -> Result<Answer, Answer> {
    let name = match who {
        Who::Member => "member",
        Who::Stranger => "stranger",
        Who::Nobody | Who::Invalid => {
            return Err(Answer::refusal(401, None, "Invalid username or password."));
        }
    };
    Ok(Answer::json(&json!({
        "type": "user", "id": "000000000000000000000001", "name": name, "fullname": name, "isPro": false,
        "orgs": [], "auth": {"type": "access_token", "accessToken": {"displayName": "test", "role": "read"}},
    })))
}

fn organization(shared: &Shared, name: &str) -> Result<Answer, Answer> {
    let models = shared.store.all().iter().filter(|entry| entry.id.starts_with(&format!("{name}/"))).count();
    if models == 0 {
        return Err(Answer::refusal(404, None, "This organization does not exist"));
    }
    Ok(Answer::json(
        &json!({"name": name, "fullname": name, "numModels": models, "numFollowers": 10 * models}),
    ))
}

fn read(origin: Origin, path: &str) -> Route {
    let parts = path.trim_start_matches('/').split('/').map(decode).collect::<Vec<_>>();
    let parts = parts.iter().map(String::as_str).collect::<Vec<_>>();
    if origin == Origin::Cdn {
        return Route::Blob { key: parts.last().copied().unwrap_or_default().into() };
    }
    match parts.as_slice() {
        ["api", "models"] => Route::List,
        ["api", "whoami-v2"] => Route::WhoAmI,
        ["api", "organizations", name, "overview"] => Route::Organization { name: (*name).into() },
        ["api", "resolve-cache", "models", org, name, sha, path @ ..] => {
            Route::Cached { id: format!("{org}/{name}"), sha: (*sha).into(), path: path.join("/") }
        }
        ["api", "models", rest @ ..] => {
            let (id, rest) = id(rest);
            match rest {
                [] => Route::Info { id, revision: None },
                ["revision", revision] => Route::Info { id, revision: Some((*revision).into()) },
                ["tree", revision, inside @ ..] => {
                    Route::Tree { id, revision: (*revision).into(), inside: inside.join("/") }
                }
                ["paths-info", revision] => Route::Paths { id, revision: (*revision).into() },
                ["refs"] => Route::Refs { id },
                _ => Route::Unknown,
            }
        }
        _ => match id(&parts) {
            (id, ["resolve", revision, path @ ..]) => {
                Route::Resolve { id, revision: (*revision).into(), path: path.join("/") }
            }
            _ => Route::Unknown,
        },
    }
}

/// Splits an id of one or two parts off.
fn id<'a>(parts: &'a [&'a str]) -> (String, &'a [&'a str]) {
    const VERBS: [&str; 6] = ["resolve", "revision", "tree", "paths-info", "refs", "commits"];
    match parts {
        [org, name, rest @ ..] if !VERBS.contains(name) => (format!("{org}/{name}"), rest),
        [name, rest @ ..] => ((*name).into(), rest),
        [] => (String::new(), parts),
    }
}

/// Gives what faults and tests know the request by.
fn subject(shared: &Shared, route: &Route, path: &str) -> String {
    match route {
        Route::Resolve { id, path, .. } | Route::Cached { id, path, .. } => format!("{id}/{path}"),
        Route::Blob { key } => match shared.store.blob(key) {
            Some(blob) => format!("{}/{}", blob.repo.id, blob.path),
            None => path.into(),
        },
        _ => path.into(),
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_string)
}

/// A query string in pairs.
pub struct Query(Vec<(String, String)>);

impl Query {
    pub fn read(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(&name.replace('+', " ")), decode(&value.replace('+', " ")))
        });
        Self(pairs.collect())
    }

    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn one(&self, name: &str) -> Option<&str> {
        self.pairs().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// Gives all values of a name, also written with brackets.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let same = |own: &str| own == name || own.strip_suffix("[]") == Some(name);
        self.pairs().filter(|(own, _)| same(own)).map(|(_, value)| value).collect()
    }

    pub fn yes(&self, name: &str) -> bool {
        self.one(name).is_some_and(|value| !["false", "False", "0"].contains(&value))
    }

    pub fn text(&self) -> String {
        let pairs = self.pairs().map(|(name, value)| format!("{}={}", encode(name, ""), encode(value, "")));
        pairs.collect::<Vec<_>>().join("&")
    }

    pub fn with(&self, name: &str, value: &str) -> String {
        let mut pairs = self.0.clone();
        pairs.retain(|(own, _)| own != name);
        pairs.push((name.into(), value.into()));
        Self(pairs).text()
    }
}

pub fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let escaped = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match escaped.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

pub fn encode(text: &str, keep: &str) -> String {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || keep.as_bytes().contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
