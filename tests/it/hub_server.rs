//! The local Hub of the tests is honest: it answers as the Hub does, and the Hub's own clients work against it.

use reqwest::{Client, Response, StatusCode, redirect};
use serde_json::Value;

use crate::support::env::{runtime, shared};
use crate::support::hub::{Fault, Hub, MEMBER, Options, Origin, Repo, STRANGER, SmallFiles};

const CONFIG: &str = r#"{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 8}"#;
const TENSORS: &str = r#"{"metadata": {"format": "pt"}, "shards": 3, "tensors": [
    {"name": "model.embed_tokens.weight", "dtype": "BF16", "shape": [1000, 64]},
    {"name": "model.layers.{}.mlp.up_proj.weight", "at": ["0-10"], "dtype": "BF16", "shape": [64, 256]}]}"#;

fn repo() -> Repo {
    Repo::new("acme/harbor-1b")
        .file("config.json", CONFIG)
        .lfs("model.safetensors", vec![7; 200_000])
        .downloads(5)
}

fn plain() -> Client {
    Client::builder().redirect(redirect::Policy::none()).build().unwrap()
}

fn text<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

async fn get(hub: &Hub, path: &str) -> Response {
    plain().get(format!("{}{path}", hub.endpoint())).send().await.unwrap()
}

async fn json(hub: &Hub, path: &str) -> Value {
    get(hub, path).await.json().await.unwrap()
}

#[test]
fn a_small_file_comes_from_the_hub_and_a_large_one_by_a_signed_link_from_the_cdn() {
    let hub = Hub::start(vec![repo()]);
    runtime().block_on(async {
        let small = get(&hub, "/acme/harbor-1b/resolve/main/config.json").await;
        assert_eq!(small.status(), StatusCode::TEMPORARY_REDIRECT);
        let location = text(&small, "location").to_string();
        let sha = hub.sha("acme/harbor-1b", "main");
        let start = format!("/api/resolve-cache/models/acme/harbor-1b/{sha}/config.json?");
        assert!(location.starts_with(&start), "{location}");
        let small = get(&hub, &location).await;
        // git hash-object of the same bytes.
        let oid = git2::Oid::hash_object(git2::ObjectType::Blob, CONFIG.as_bytes()).unwrap();
        assert_eq!((text(&small, "etag"), text(&small, "x-repo-commit")), (&*format!("\"{oid}\""), &*sha));
        assert_eq!(small.text().await.unwrap(), CONFIG);

        let large = get(&hub, "/acme/harbor-1b/resolve/main/model.safetensors").await;
        assert_eq!(large.status(), StatusCode::FOUND);
        assert_eq!(text(&large, "x-linked-size"), "200000");
        assert_eq!(text(&large, "x-linked-etag").len(), 66);
        let link = text(&large, "location").to_string();
        assert!(link.starts_with(hub.cdn()) && hub.cdn() != hub.endpoint(), "{link}");
        let part = plain().get(&link).header("range", "bytes=10-19").send().await.unwrap();
        assert_eq!((part.status().as_u16(), text(&part, "content-range")), (206, "bytes 10-19/200000"));
        assert_ne!(text(&part, "etag"), text(&large, "x-linked-etag"));
        assert_eq!(part.bytes().await.unwrap(), vec![7; 10]);
        let beyond = plain().get(&link).header("range", "bytes=200000-").send().await.unwrap();
        assert_eq!((beyond.status().as_u16(), text(&beyond, "content-range")), (416, "bytes */200000"));
        let forged = link.replace("Signature=", "Signature=0");
        assert_eq!(plain().get(forged).send().await.unwrap().status(), StatusCode::FORBIDDEN);
        assert_eq!(hub.problems(), Vec::<String>::new());
        let with =
            plain().get(&link).header("authorization", format!("Bearer {MEMBER}")).send().await.unwrap();
        assert_eq!(with.status(), StatusCode::BAD_REQUEST);
        assert_eq!(hub.problems(), ["Authorization was sent to the CDN"]);
        assert_eq!(hub.requests_of("acme/harbor-1b", "model.safetensors").len(), 5);
    });
}

#[test]
fn a_file_that_is_still_the_same_is_not_sent_again() {
    let hub = Hub::with(Options { small_files: SmallFiles::Direct, ..Options::default() }, vec![repo()]);
    runtime().block_on(async {
        let url = format!("{}/acme/harbor-1b/resolve/main/config.json", hub.endpoint());
        let first = plain().get(&url).send().await.unwrap();
        assert_eq!((first.status().as_u16(), text(&first, "accept-ranges")), (200, "bytes"));
        let etag = text(&first, "etag").to_string();
        first.bytes().await.unwrap();
        hub.forget();
        let again = plain().get(&url).header("if-none-match", &etag).send().await.unwrap();
        assert_eq!((again.status().as_u16(), hub.sent()), (304, 0));
        hub.add(Repo::new("acme/harbor-1b").file("config.json", "{}"));
        let changed = plain().get(&url).header("if-none-match", &etag).send().await.unwrap();
        assert_eq!((changed.status().as_u16(), changed.text().await.unwrap().as_str()), (200, "{}"));
    });
}

#[test]
fn who_may_not_read_is_told_in_the_hubs_words() {
    let hub = Hub::start(vec![
        repo().renamed_from("acme/harbour-1b"),
        Repo::new("acme/secret").file("config.json", CONFIG).private(),
        Repo::new("acme/gated").file("config.json", CONFIG).gated("manual"),
    ]);
    let cases = [
        ("", "/api/models/acme/none", 401, "", "Invalid username or password."),
        (STRANGER, "/api/models/acme/none", 404, "RepoNotFound", "Repository not found"),
        ("", "/api/models/acme/secret", 401, "", "Invalid username or password."),
        (STRANGER, "/api/models/acme/secret", 404, "RepoNotFound", "Repository not found"),
        (MEMBER, "/api/models/acme/secret", 200, "", ""),
        ("", "/api/models/acme/gated", 200, "", ""),
        ("", "/acme/gated/resolve/main/config.json", 401, "GatedRepo", "Please log in."),
        (STRANGER, "/acme/gated/resolve/main/config.json", 403, "GatedRepo", "not in the authorized list"),
        (MEMBER, "/acme/gated/resolve/main/config.json", 307, "", ""),
        ("hf_wrong", "/api/models/acme/harbor-1b", 401, "", "Invalid credentials in Authorization header"),
        ("", "/api/models/acme/harbor-1b/revision/v9", 404, "RevisionNotFound", "v9"),
        ("", "/acme/harbor-1b/resolve/main/none.json", 404, "EntryNotFound", "Entry not found"),
        ("", "/api/models/acme/harbour-1b", 307, "", ""),
        ("", "/harbor/resolve/main/config.json", 401, "", ""),
    ];
    runtime().block_on(async {
        for (token, path, status, code, message) in cases {
            let mut request = plain().get(format!("{}{path}", hub.endpoint()));
            if !token.is_empty() {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            let answer = request.send().await.unwrap();
            let got = (answer.status().as_u16(), text(&answer, "x-error-code"));
            assert_eq!(got, (status, code), "{token} {path}");
            assert!(text(&answer, "x-error-message").contains(message), "{token} {path}: {answer:?}");
        }
        let moved = get(&hub, "/acme/harbour-1b/resolve/main/config.json?download=true").await;
        assert_eq!(text(&moved, "location"), "/acme/harbor-1b/resolve/main/config.json?download=true");
    });
}

#[test]
fn models_are_filtered_ordered_and_paged() {
    let mut repos = vec![Repo::new("acme/secret").file("config.json", CONFIG).private()];
    repos.extend(
        (0..25).map(|at| Repo::new(&format!("acme/m{at:02}")).file("config.json", CONFIG).downloads(at)),
    );
    repos.push(
        Repo::new("north/bert").file("config.json", r#"{"model_type": "bert"}"#).pipeline(Some("fill-mask")),
    );
    let hub = Hub::start(repos);
    runtime().block_on(async {
        let first =
            get(&hub, "/api/models?filter=llama,transformers&sort=downloads&direction=-1&limit=10").await;
        let next = text(&first, "link").to_string();
        let ids = |list: &Value| {
            let ids = list.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_string());
            ids.collect::<Vec<_>>()
        };
        let mut all = ids(&first.json().await.unwrap());
        assert_eq!((all[0].as_str(), all.len()), ("acme/m24", 10));
        let mut link = next;
        while let Some(url) = link.strip_prefix('<').and_then(|link| link.split_once('>')).map(|(url, _)| url)
        {
            let page = plain().get(url).send().await.unwrap();
            link = text(&page, "link").to_string();
            all.extend(ids(&page.json().await.unwrap()));
        }
        assert_eq!((all.len(), all.last().unwrap().as_str()), (25, "acme/m00"));
        assert_eq!(ids(&json(&hub, "/api/models?pipeline_tag=fill-mask").await), ["north/bert"]);
        assert_eq!(
            ids(&json(&hub, "/api/models?search=M1&author=acme&limit=2&sort=downloads").await).len(),
            2
        );
        let expanded = json(&hub, "/api/models?author=north&expand=config&expand[]=sha").await;
        assert_eq!(expanded[0]["config"]["model_type"], "bert");
        assert!(expanded[0].get("downloads").is_none());
        assert_eq!(get(&hub, "/api/models?expand=nonsense").await.status(), StatusCode::BAD_REQUEST);
        assert!(hub.problems().is_empty());
        get(&hub, "/api/models?model_type=llama").await;
        assert_eq!(hub.problems(), ["/api/models knows no parameter model_type"]);
    });
}

#[test]
fn shards_of_full_size_are_made_from_a_page_of_json() {
    let hub = Hub::start(vec![Repo::new("acme/wide").file("config.json", CONFIG).tensors(TENSORS)]);
    runtime().block_on(async {
        let info = json(&hub, "/api/models/acme/wide?blobs=true").await;
        assert_eq!(info["safetensors"]["total"], 1000 * 64 + 11 * 64 * 256);
        let index = json_followed(&hub, "/acme/wide/resolve/main/model.safetensors.index.json").await;
        assert_eq!(index["weight_map"].as_object().unwrap().len(), 12);
        let mut tensors = Vec::new();
        for sibling in info["siblings"].as_array().unwrap() {
            let name = sibling["rfilename"].as_str().unwrap();
            if name.ends_with(".safetensors") {
                let url = format!("{}/acme/wide/resolve/main/{name}", hub.endpoint());
                let bytes = Client::new().get(url).send().await.unwrap().bytes().await.unwrap();
                assert_eq!(bytes.len() as u64, sibling["size"].as_u64().unwrap());
                let parsed = safetensors::SafeTensors::deserialize(&bytes).unwrap();
                tensors.extend(parsed.names().into_iter().map(str::to_string));
                assert!(parsed.names().iter().all(|tensor| index["weight_map"][tensor] == name));
            }
        }
        assert_eq!(tensors.len(), 12);
    });
}

async fn json_followed(hub: &Hub, path: &str) -> Value {
    Client::new().get(format!("{}{path}", hub.endpoint())).send().await.unwrap().json().await.unwrap()
}

#[test]
fn the_tree_lists_folders_and_files_and_pages() {
    let mut repo = repo();
    for at in 0..30 {
        repo = repo.file(&format!("onnx/part-{at:02}.json"), "{}");
    }
    let hub = Hub::start(vec![repo]);
    runtime().block_on(async {
        let top = json(&hub, "/api/models/acme/harbor-1b/tree/main").await;
        let seen = top.as_array().unwrap().iter().map(|one| (one["type"].clone(), one["path"].clone()));
        assert_eq!(
            seen.collect::<Vec<_>>(),
            [("file", "config.json"), ("file", "model.safetensors"), ("directory", "onnx")]
                .map(|(kind, path)| (Value::from(kind), Value::from(path)))
        );
        assert_eq!(top[1]["lfs"]["size"], 200_000);
        let all = json(&hub, "/api/models/acme/harbor-1b/tree/main?recursive=true").await;
        assert_eq!(all.as_array().unwrap().len(), 33);
        let inside = get(&hub, "/api/models/acme/harbor-1b/tree/main/onnx?limit=20").await;
        assert!(text(&inside, "link").contains("cursor="), "{inside:?}");
        let none = get(&hub, "/api/models/acme/harbor-1b/tree/main/none").await;
        assert_eq!((none.status().as_u16(), text(&none, "x-error-code")), (404, "EntryNotFound"));
    });
}

#[test]
fn faults_come_as_scripted_and_end() {
    let hub = Hub::start(vec![repo()]);
    let file = || Fault::file("acme/harbor-1b", "model.safetensors");
    runtime().block_on(async {
        let url = format!("{}/acme/harbor-1b/resolve/main/model.safetensors", hub.endpoint());
        let fetch = || async { Client::new().get(&url).send().await.unwrap() };
        hub.fault(file().at(Origin::Hub).times(2).status(503));
        for status in [503, 503, 200] {
            assert_eq!(fetch().await.status().as_u16(), status);
        }
        hub.fault(Fault::api("/api/models*").times(1).rate_limited(3));
        let limited = get(&hub, "/api/models/acme/harbor-1b").await;
        assert_eq!((limited.status().as_u16(), text(&limited, "retry-after")), (429, "3"));
        assert_eq!(text(&limited, "ratelimit"), "\"api\";r=0;t=3");
        assert_eq!(get(&hub, "/api/models/acme/harbor-1b").await.status(), StatusCode::OK);

        hub.forget();
        hub.fault(file().at(Origin::Cdn).times(1).cut_after(70_000));
        let mut cut = fetch().await;
        let mut got = 0;
        let broken = loop {
            match cut.chunk().await {
                Ok(Some(bytes)) => got += bytes.len(),
                Ok(None) => break false,
                Err(_) => break true,
            }
        };
        assert_eq!((broken, got), (true, 70_000));
        let sent =
            hub.requests().iter().filter(|one| one.origin == Origin::Cdn).map(|one| one.sent).sum::<u64>();
        assert_eq!(sent, 70_000);

        hub.fault(file().at(Origin::Cdn).times(1).flip(100));
        let flipped = fetch().await.bytes().await.unwrap();
        assert_eq!((flipped[99], flipped[100], flipped.len()), (7, !7, 200_000));
        hub.fault(file().at(Origin::Cdn).times(1).truncate(1000));
        assert_eq!(fetch().await.bytes().await.unwrap().len(), 1000);
        hub.fault(file().at(Origin::Cdn).times(1).expired());
        assert_eq!(fetch().await.status(), StatusCode::FORBIDDEN);
        hub.fault(file().at(Origin::Hub).times(1).header("x-linked-size", "5").without("x-linked-etag"));
        let wrong = get(&hub, "/acme/harbor-1b/resolve/main/model.safetensors").await;
        assert_eq!((text(&wrong, "x-linked-size"), text(&wrong, "x-linked-etag")), ("5", ""));

        hub.fault(file().at(Origin::Cdn).times(1).silence_after(10));
        let mut silent = fetch().await;
        assert_eq!(silent.chunk().await.unwrap().unwrap().len(), 10);
        let waited = tokio::time::timeout(std::time::Duration::from_millis(200), silent.chunk()).await;
        assert!(waited.is_err(), "nothing comes and nothing ends");
        hub.fault(file().at(Origin::Cdn).times(1).slow(400_000));
        let start = std::time::Instant::now();
        assert_eq!(fetch().await.bytes().await.unwrap().len(), 200_000);
        assert!(start.elapsed().as_millis() > 400, "{:?}", start.elapsed());
    });
}

/// What tests/python/hub_client.py expects to find.
fn for_clients() -> Hub {
    // More than the client's piece of 10 MiB, below which it starts a cut download anew.
    let mut public = repo()
        .lfs("model.safetensors", vec![7; 12_000_000])
        .file("tokenizer_config.json", r#"{"eos_token": "</s>"}"#)
        .license("mit")
        .base_model("acme/harbor-base", "finetune")
        .renamed_from("acme/harbour-1b");
    for at in 0..60 {
        public = public.file(&format!("onnx/part-{at:02}.json"), "{}");
    }
    let mut repos = vec![
        public,
        Repo::new("acme/harbor-1b").branch("v2").file("config.json", "{}"),
        Repo::new("acme/harbor-1b").branch("refs/pr/1").file("config.json", "{\"a\": 1}"),
        Repo::new("acme/wide").file("config.json", CONFIG).tensors(TENSORS),
        Repo::new("acme/gated").file("config.json", CONFIG).gated("manual"),
        Repo::new("acme/secret").file("config.json", CONFIG).private(),
    ];
    repos.extend((0..12).map(|at| {
        Repo::new(&format!("acme/many-{at:02}"))
            .file("config.json", CONFIG)
            .downloads(at * 7 % 12)
            .tag("series")
    }));
    Hub::with(Options { page: 5, ..Options::default() }, repos)
}

#[test]
fn huggingface_hub_works_against_it_and_resumes_a_cut_download() {
    let hub = for_clients();
    hub.fault(
        Fault::file("acme/harbor-1b", "model.safetensors")
            .at(Origin::Cdn)
            .method("GET")
            .times(1)
            .cut_after(11_000_000),
    );
    hub.fault(Fault::api("/api/models").after(1).times(1).status(503));
    let home = tempfile::tempdir().unwrap();
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/hub_client.py");
    let sha256 = "983600aed85f81b87c745e4b20980940089d216dccc7ba30d1f39c707803aea0";
    let output = std::process::Command::new(&shared().python)
        .arg(script)
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap_or_default())
        .env("HF_ENDPOINT", hub.endpoint())
        .env("HF_HOME", home.path())
        .env("HF_HUB_DISABLE_TELEMETRY", "1")
        .env("MEMBER", MEMBER)
        .env("STRANGER", STRANGER)
        .env("SIZE", "12000000")
        .env("SHA256", sha256)
        .output()
        .expect("python starts");
    let (said, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{wrong}");
    for part in ["info", "listing", "tree", "downloads", "headers", "refused", "huggingface_hub "] {
        assert!(said.lines().any(|line| line.starts_with(part)), "{part} is missing:\n{said}{wrong}");
    }
    assert_eq!(hub.problems(), Vec::<String>::new(), "the client is polite");
    let weights = hub.requests_of("acme/harbor-1b", "model.safetensors");
    let at_cdn = weights.iter().filter(|one| one.origin == Origin::Cdn).collect::<Vec<_>>();
    let ranges = at_cdn.iter().map(|one| one.range.as_deref()).collect::<Vec<_>>();
    assert_eq!(ranges, [None, Some("bytes=10485760-")], "{at_cdn:#?}");
    assert_eq!(at_cdn[1].sent, 12_000_000 - 10_485_760, "what was kept is not sent again");
    assert!(weights.iter().any(|one| one.origin == Origin::Hub && one.authorization.is_some()));
    assert!(at_cdn.iter().all(|one| one.authorization.is_none()));
}

#[test]
fn the_hf_hub_crate_works_against_it() {
    use futures::TryStreamExt;
    let hub = for_clients();
    let client = |token: &str| {
        let home = std::env::temp_dir().join("mlxport-no-cache");
        hf_hub::HFClient::builder().endpoint(hub.endpoint()).token(token).cache_dir(home).build().unwrap()
    };
    runtime().block_on(async {
        let member = client(MEMBER);
        let info = member.model("acme", "harbor-1b").info().send().await.unwrap();
        assert_eq!(info.sha.as_deref(), Some(hub.sha("acme/harbor-1b", "main").as_str()));
        assert_eq!(info.config.unwrap()["model_type"], "llama");
        assert_eq!(info.safetensors.map(|seen| seen.total), None, "these weights are no safetensors file");
        let listed = member.list_models().filter("series").sort("downloads").send().unwrap();
        let listed = listed.try_collect::<Vec<_>>().await.unwrap();
        assert_eq!((listed.len(), listed[0].downloads), (12, Some(11)));
        let repository = member.model("acme", "harbor-1b");
        let tree = repository.list_tree().recursive(true).send().unwrap();
        assert_eq!(tree.try_collect::<Vec<_>>().await.unwrap().len(), 64);
        let refs = member.model("acme", "harbor-1b").list_refs().send().await.unwrap();
        assert_eq!(refs.branches.len(), 2);
        let none = client(STRANGER).model("acme", "secret").info().send().await;
        assert!(matches!(none, Err(hf_hub::HFError::RepoNotFound { .. })), "{none:?}");
    });
    assert_eq!(hub.problems(), Vec::<String>::new());
}

/// By hand: see the top of support/hub/mod.rs.
#[test]
#[ignore = "serves until it is killed"]
fn serve_the_fixtures() {
    let of = |name: &str| std::env::var(name).ok();
    let port = of("HUB_PORT").map_or(8765, |port| port.parse().expect("HUB_PORT is a port"));
    let root = of("HUB_ROOT").map_or_else(crate::support::hub::fixtures, std::path::PathBuf::from);
    let repos = crate::support::hub::read_folder(&root);
    let count = repos.len();
    let hub = Hub::with(Options { port, ..Options::default() }, repos);
    println!("{count} repositories of {} at {}; ctrl-c ends it", root.display(), hub.endpoint());
    println!("HF_ENDPOINT={} mlxport discover llama", hub.endpoint());
    println!("private and gated ones: HF_TOKEN={MEMBER}");
    loop {
        std::thread::park();
    }
}

#[test]
fn the_fixtures_are_many_and_each_has_what_its_tensors_say() {
    let start = std::time::Instant::now();
    let hub = Hub::fixtures();
    runtime().block_on(async {
        let all = Client::new()
            .get(format!("{}/api/models?full=true&config=true&cardData=true", hub.endpoint()))
            .header("authorization", format!("Bearer {MEMBER}"));
        let all = all.send().await.unwrap().json::<Value>().await.unwrap();
        let all = all.as_array().unwrap();
        let types = all.iter().filter_map(|one| one["config"]["model_type"].as_str());
        let types = types.collect::<std::collections::BTreeSet<_>>();
        assert!(all.len() >= 35 && types.len() >= 15, "{} variants, {types:?}", all.len());
        let broken = all.iter().filter(|one| one["config"].is_null()).map(|one| one["id"].as_str().unwrap());
        assert_eq!(broken.collect::<Vec<_>>(), ["pine/needle-h-7b-base"], "a bare Infinity is no JSON");
        let anonymous = json(&hub, "/api/models").await;
        assert_eq!(anonymous.as_array().unwrap().len() + 1, all.len(), "one is private");
        let wide = json(&hub, "/api/models/north/glacier-671b").await;
        let shards = wide["siblings"].as_array().unwrap().iter();
        let shards = shards.filter(|one| one["rfilename"].as_str().unwrap().ends_with(".safetensors"));
        assert_eq!(shards.count(), 400);
        let size = wide["usedStorage"].as_u64().unwrap();
        assert!((600_000_000_000..750_000_000_000).contains(&size), "{size}");
        let name = "model-00400-of-00400.safetensors";
        let url = format!("{}/north/glacier-671b/resolve/main/{name}", hub.endpoint());
        let head = Client::new().get(url).header("range", "bytes=0-262143").send().await.unwrap();
        assert_eq!(head.status(), StatusCode::PARTIAL_CONTENT);
        let total = text(&head, "content-range").rsplit('/').next().unwrap().parse::<u64>().unwrap();
        let bytes = head.bytes().await.unwrap();
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header = serde_json::from_slice::<safetensors::tensor::Metadata>(&bytes[8..8 + length]).unwrap();
        assert_eq!(header.data_len() as u64 + 8 + length as u64, total, "the header fits its file");
        println!("{} variants of {} types in {:.1?}", all.len(), types.len(), start.elapsed());
    });
    assert_eq!(hub.problems(), Vec::<String>::new());
}
