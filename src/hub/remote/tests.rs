//! The client against small servers that behave badly on purpose. The whole Hub is played in tests/it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;

use super::*;
use crate::config::{Env, Flags};
use crate::hub::data::RepoId;

/// What a server saw: path, range, token.
type Seen = Arc<Mutex<Vec<(String, Option<String>, Option<String>)>>>;
type Answer = Arc<dyn Fn(&str, usize) -> Response + Send + Sync>;

#[derive(Clone)]
struct Server {
    seen: Seen,
    answer: Answer,
    times: Arc<Mutex<BTreeMap<String, usize>>>,
}

async fn handle(State(server): State<Server>, request: Request) -> Response {
    let path = request.uri().path().to_string();
    let header =
        |name: &str| request.headers().get(name).map(|value| value.to_str().expect("text").to_string());
    server.seen.lock().expect("lock").push((path.clone(), header("range"), header("authorization")));
    let nth = {
        let mut times = server.times.lock().expect("lock");
        let nth = times.entry(path.clone()).or_default();
        *nth += 1;
        *nth
    };
    (server.answer)(&path, nth)
}

/// Serves until the runtime of the test ends; gives the address and what was seen.
#[expect(clippy::disallowed_methods, reason = "a server of the test, not a job")]
async fn serve(answer: impl Fn(&str, usize) -> Response + Send + Sync + 'static) -> (String, Seen) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let seen = Seen::default();
    let server = Server { seen: seen.clone(), answer: Arc::new(answer), times: Arc::default() };
    let app = Router::new().fallback(handle).with_state(server);
    tokio::task::spawn(async move { axum::serve(listener, app).await });
    (url, seen)
}

fn hub(url: &str, vars: &[(&str, &str)]) -> (Hub, Arc<Mutex<Vec<Wait>>>) {
    let env = vars
        .iter()
        .fold(Env::of([("HF_ENDPOINT", url), ("HF_HOME", "/nowhere")]), |env, (k, v)| env.with(k, *v));
    let settings =
        Settings::load(Flags { home: Some("/nowhere".into()), ..Flags::default() }, &env).expect("settings");
    let quick = Patience {
        idle: Duration::from_millis(300),
        pause: Duration::from_millis(5),
        longest: Duration::from_secs(2),
        attempts: 3,
        ..Patience::default()
    };
    let waits = Arc::new(Mutex::new(Vec::new()));
    let told = waits.clone();
    let sink = Arc::new(move |wait| told.lock().expect("lock").push(wait));
    (Hub::at(Origin::of(&settings).expect("an origin").patience(quick), sink).expect("a hub"), waits)
}

fn at(path: &str) -> FileAt {
    FileAt { repo: RepoId::parse("org/name").expect("a name"), revision: "main".into(), path: path.into() }
}

fn ask(limit: u64) -> Ask {
    Ask { limit, ..Ask::default() }
}

fn coded(status: u16, code: &'static str) -> Response {
    (StatusCode::from_u16(status).expect("a status"), [("x-error-code", code), ("x-error-message", "said")])
        .into_response()
}

#[tokio::test]
async fn the_token_goes_to_its_own_origin_only_and_the_hash_comes_from_the_redirect() {
    let (storage, stored) = serve(|_, _| ([("etag", "\"storage\"")], "weights").into_response()).await;
    let (url, seen) = serve(move |_, _| {
        let to = format!("{storage}/blob?signature=1");
        let headers = [
            ("location", to.as_str()),
            ("x-linked-etag", "\"abc\""),
            ("x-linked-size", "7"),
            ("x-repo-commit", "c0"),
        ];
        (StatusCode::FOUND, headers).into_response()
    })
    .await;
    let (hub, _) = hub(&url, &[("HF_TOKEN", "hf_secret")]);
    let (reply, bytes) = hub.bytes(&at("model.safetensors"), ask(100)).await.expect("the file");
    assert_eq!(
        (bytes.as_slice(), reply.etag.as_deref(), reply.total),
        (b"weights".as_slice(), Some("abc"), Some(7))
    );
    assert_eq!(reply.commit.as_deref(), Some("c0"));
    assert_eq!(seen.lock().expect("lock")[0].2.as_deref(), Some("Bearer hf_secret"));
    assert_eq!(stored.lock().expect("lock")[0].2, None);
    assert_eq!(hub.traffic(), Traffic { requests: 2, bytes: 7 });
    assert!(!format!("{hub:?}").contains("hf_secret"));
}

#[tokio::test]
async fn passing_faults_are_tried_again_after_the_pause_that_the_server_asks_for() {
    let (url, _) = serve(|_, nth| match nth {
        1 => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1")]).into_response(),
        2 => StatusCode::BAD_GATEWAY.into_response(),
        _ => "ok".into_response(),
    })
    .await;
    let (hub, waits) = hub(&url, &[]);
    let (_, bytes) = hub.bytes(&at("config.json"), ask(10)).await.expect("the third time");
    assert_eq!(bytes, b"ok");
    let waits = waits.lock().expect("lock");
    assert_eq!((waits[0].attempt, waits[0].seconds, waits[1].attempt), (2, 1.0, 3));
    assert!(waits[0].why.ends_with("limits requests"), "{}", waits[0].why);
    assert!(waits[1].why.ends_with("answered 502"), "{}", waits[1].why);
}

#[tokio::test]
async fn a_server_that_asks_for_too_much_patience_is_not_asked_again() {
    let (url, seen) =
        serve(|_, _| (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "9")]).into_response()).await;
    let (hub, _) = hub(&url, &[]);
    let error = hub.bytes(&at("config.json"), ask(10)).await.expect_err("limited");
    assert!(
        matches!(&error, RemoteError::RateLimited { attempts: 1, after: Some(after), .. } if after.as_secs() == 9),
        "{error}"
    );
    assert_eq!(seen.lock().expect("lock").len(), 1);
}

#[tokio::test]
async fn silence_cuts_and_too_much_are_named() {
    let (url, _) = serve(|path, _| match path.rsplit('/').next() {
        Some("silent") => {
            let stalled = futures::stream::once(async { Ok::<_, std::io::Error>("begin") })
                .chain(futures::stream::pending());
            Response::builder()
                .header("content-length", "100")
                .body(Body::from_stream(stalled))
                .expect("a response")
        }
        Some("cut") => {
            let broken =
                futures::stream::iter([Ok("begin"), Err(std::io::Error::other("cut"))]).then(async |piece| {
                    tokio::time::sleep(Duration::from_millis(30)).await;
                    piece
                });
            Response::builder()
                .header("content-length", "100")
                .body(Body::from_stream(broken))
                .expect("a response")
        }
        _ => "0123456789".into_response(),
    })
    .await;
    let (hub, waits) = hub(&url, &[]);
    let silent = hub.bytes(&at("silent"), ask(1000)).await.expect_err("silent");
    assert!(matches!(silent, RemoteError::Stalled { .. }), "{silent}");
    let cut = hub.bytes(&at("cut"), ask(1000)).await.expect_err("cut");
    assert!(matches!(cut, RemoteError::Cut { wanted: Some(100), .. }), "{cut}");
    assert_eq!(waits.lock().expect("lock").len(), 4, "two pauses each");
    let large = hub.bytes(&at("large"), ask(9)).await.expect_err("too large");
    assert_eq!(large, RemoteError::TooLarge { what: "large of org/name".into(), size: 10, limit: 9 });
}

#[tokio::test]
async fn ranges_are_checked_and_an_unchanged_file_has_no_body() {
    let (url, seen) = serve(|path, _| match path.rsplit('/').next() {
        Some("part") => {
            (StatusCode::PARTIAL_CONTENT, [("content-range", "bytes 4-7/10")], "4567").into_response()
        }
        Some("wrong") => {
            (StatusCode::PARTIAL_CONTENT, [("content-range", "bytes 0-3/10")], "0123").into_response()
        }
        Some("beyond") => {
            (StatusCode::RANGE_NOT_SATISFIABLE, [("content-range", "bytes */10")]).into_response()
        }
        _ => (StatusCode::NOT_MODIFIED, [("etag", "W/\"e1\"")]).into_response(),
    })
    .await;
    let (hub, _) = hub(&url, &[]);
    let range = |range| Ask { range: Some(range), limit: 100, ..Ask::default() };
    let (reply, bytes) = hub.bytes(&at("part"), range(4..8)).await.expect("a part");
    assert_eq!((reply.part, reply.total, bytes.as_slice()), (Part::From(4), Some(10), b"4567".as_slice()));
    assert_eq!(seen.lock().expect("lock")[0].1.as_deref(), Some("bytes=4-7"));
    let wrong = hub.bytes(&at("wrong"), range(4..8)).await.expect_err("another part");
    assert!(matches!(wrong, RemoteError::Malformed { .. }), "{wrong}");
    let (reply, bytes) = hub.bytes(&at("beyond"), range(20..30)).await.expect("nothing there");
    assert_eq!((reply.part, reply.total, bytes.len()), (Part::Beyond, Some(10), 0));
    let known = Ask { etag: Some("e1".into()), limit: 10, ..Ask::default() };
    let (reply, bytes) = hub.bytes(&at("same"), known).await.expect("unchanged");
    assert_eq!((reply.part, bytes.len()), (Part::Unchanged, 0));
}

#[tokio::test]
async fn refusals_say_what_they_mean_for_the_repository() {
    let (url, _) = serve(|path, _| {
        if path.contains("gated") {
            coded(401, "GatedRepo")
        } else if path.contains("missing") {
            coded(401, "RepoNotFound")
        } else if path.contains("revision") {
            coded(404, "RevisionNotFound")
        } else if path.contains("forbidden") {
            coded(403, "Other")
        } else {
            coded(404, "EntryNotFound")
        }
    })
    .await;
    let said = async |name: &str, vars: &[(&str, &str)]| {
        let (hub, _) = hub(&url, vars);
        let repo = RepoRef::parse(name).expect("a name");
        let error = hub.info(&repo).await.expect_err("refused");
        (error.to_string(), crate::util::blame::Explain::hint(&error).unwrap_or_default())
    };
    let (text, hint) = said("org/gated", &[]).await;
    assert_eq!(text, "org/gated is gated and no token is set");
    assert!(hint.starts_with("accept its conditions at "), "{hint}");
    let (text, _) = said("org/gated", &[("HF_TOKEN", "hf_x")]).await;
    assert_eq!(text, "org/gated is gated: this token has no access to it");
    let (text, hint) = said("org/missing", &[]).await;
    assert!(text.starts_with("org/missing does not exist on "), "{text}");
    assert!(hint.contains("HF_TOKEN"), "{hint}");
    assert_eq!(said("org/revision@v9", &[]).await.0, "org/revision has no revision `v9`");
    assert!(said("org/forbidden", &[]).await.0.contains("refuses org/forbidden: said"));
    let (hub, _) = hub(&url, &[]);
    let file = hub.bytes(&at("nothing.json"), ask(10)).await.expect_err("no such file");
    assert_eq!(file.to_string(), "org/name has no file nothing.json at main");
}

#[tokio::test]
async fn offline_asks_nothing_of_the_network() {
    let (url, seen) = serve(|_, _| "x".into_response()).await;
    let (hub, _) = hub(&url, &[("HF_HUB_OFFLINE", "1")]);
    assert!(matches!(
        hub.info(&RepoRef::parse("a/b").expect("a name")).await,
        Err(RemoteError::Offline { .. })
    ));
    assert!(matches!(hub.bytes(&at("f"), ask(1)).await, Err(RemoteError::Offline { .. })));
    assert_eq!(seen.lock().expect("lock").len(), 0);
}

#[tokio::test]
async fn listings_follow_their_pages_and_stay_with_the_origin() {
    let page = |names: &[&str]| {
        let models: Vec<_> = names.iter().map(|id| serde_json::json!({"id": id, "tags": ["qwen3"], "config": {"model_type": "qwen3"}, "gated": "manual", "cardData": {"base_model": "org/base"}})).collect();
        serde_json::to_string(&models).expect("json")
    };
    let (first, last) = (page(&["a/one", "a/two"]), page(&["b/three"]));
    let (url, seen) = serve(move |_, nth| {
        let headers = |link: &'static str| {
            HeaderMap::from_iter([(axum::http::header::LINK, link.parse().expect("a link"))])
        };
        match nth {
            1 => (headers("</api/models?cursor=2>; rel=\"next\""), first.clone()).into_response(),
            _ => {
                (headers("<http://elsewhere.invalid/api/models>; rel=\"next\""), last.clone()).into_response()
            }
        }
    })
    .await;
    let (hub, _) = hub(&url, &[]);
    let query = ListQuery { filter: Some("qwen3".into()), page: 2, ..ListQuery::default() };
    let pages: Vec<_> = hub.list(&query).map(|page| page.expect("a page")).collect().await;
    let ids: Vec<_> =
        pages.iter().flatten().map(|info| info.id.clone().expect("an id").to_string()).collect();
    assert_eq!(ids, ["a/one", "a/two", "b/three"]);
    let one = &pages[0][0];
    assert_eq!(
        (one.model_type.as_deref(), one.gated, one.base_models.as_slice()),
        (Some("qwen3"), crate::hub::data::Gate::Manual, ["org/base".to_string()].as_slice())
    );
    assert_eq!(seen.lock().expect("lock").len(), 2, "the third page would be another host's");
}
