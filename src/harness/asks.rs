//! What each family with a worker of its own is asked, by whoever asks it: the command line, the tools. Leaves out which
//! files a caller may name: that is the caller's business.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::data::{FamilyRequest, Limits, Sockets};

/// Seconds, and MiB of each side, that a family may use unless the caller says otherwise.
const LOAD: (u64, u64) = (600, 8192);
const SHARD: (u64, u64) = (900, 8192);
const GOLDEN: (u64, u64) = (1800, 8192);
const SPEED_SECONDS: u64 = 1800;
const BATTERY_SECONDS: u64 = 86_400;

/// Loads a checkpoint from its headers.
pub fn load(name: &str, folder: PathBuf) -> FamilyRequest {
    let mut request = empty("load", name, LOAD);
    request.target.insert("checkpoint".into(), json!(folder));
    request.reads.push(folder);
    request
}

/// Cuts the model over this many processes, in a network of its own that has a loopback device and nothing else.
pub fn shard(model_type: &str, config: Option<PathBuf>, processes: &[u32]) -> FamilyRequest {
    let mut request = of_config(empty("shard", model_type, SHARD), model_type, config);
    request.params.insert("processes".into(), json!(processes));
    request.sockets = Sockets::Loopback;
    // mlx.launch starts and ends each rank by a line of bash, which no other check needs.
    let tools = ["bash", "cat", "mktemp", "ps", "rm"];
    let places = ["/bin", "/usr/bin"].map(Path::new);
    request.reads.extend(places.iter().flat_map(|folder| tools.map(|tool| folder.join(tool))));
    request
}

/// How a speed check measures; what is none is the harness's choice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// The accepted port to measure beside.
    pub against: Option<String>,
    pub budget_s: Option<u32>,
    /// Tokens of the prompt.
    pub prompt: Option<u32>,
    /// Tokens decoded.
    pub decode: Option<u32>,
    pub repeat: Option<u32>,
}

/// Measures prefill, decode and memory with random 4-bit weights.
pub fn speed(model_type: &str, config: Option<PathBuf>, pace: Pace) -> FamilyRequest {
    let mut request = of_config(empty("speed", model_type, (SPEED_SECONDS, memory_mb())), model_type, config);
    let params = &mut request.params;
    put(params, "against", pace.against);
    put(params, "budget_s", pace.budget_s);
    put(params, "prompt", pace.prompt);
    put(params, "decode", pace.decode);
    put(params, "repeat", pace.repeat);
    request
}

/// What a pack is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PackOf {
    /// A random twin of the config class's defaults; its weights go into the pack.
    Twin,
    /// The checkpoint in this folder, by its hash.
    Checkpoint(PathBuf),
}

/// Writes the reference's numbers into a pack below `folder`.
pub fn golden_write(model_type: &str, of: PackOf, (folder, name): (PathBuf, &Path)) -> FamilyRequest {
    let mut request = empty("golden", model_type, GOLDEN);
    request.params.insert("action".into(), json!("write"));
    request.params.insert("pack".into(), json!(folder.join(name)));
    match of {
        PackOf::Checkpoint(checkpoint) => {
            request.params.insert("checkpoint".into(), json!(checkpoint));
            request.reads.push(checkpoint);
        }
        PackOf::Twin => {
            request.target.insert("model_type".into(), json!(model_type));
        }
    }
    request.writes.push(folder);
    request
}

/// Checks a port against a pack; one of a checkpoint needs the checkpoint's folder.
pub fn golden_check(pack: PathBuf, checkpoint: Option<PathBuf>) -> FamilyRequest {
    let name = pack.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut request = empty("golden", &name, GOLDEN);
    request.params.insert("action".into(), json!("check"));
    request.params.insert("pack".into(), json!(pack));
    if let Some(folder) = checkpoint {
        request.params.insert("checkpoint".into(), json!(folder));
        request.reads.push(folder);
    }
    request.reads.push(pack);
    request
}

/// Runs the battery over a checkpoint folder or a manifest; its results go below `out`.
pub fn battery(source: PathBuf, out: PathBuf, tests: &[String], max_tokens: Option<u64>) -> FamilyRequest {
    let name = source.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut request = empty("battery", &name, (BATTERY_SECONDS, memory_mb()));
    request.target.insert("checkpoint".into(), json!(source));
    let params = &mut request.params;
    params.insert("folders".into(), Value::Object(Map::new()));
    params.insert("out".into(), json!(out));
    params.insert("estimate".into(), json!(false));
    put(params, "tests", (!tests.is_empty()).then(|| json!(tests)));
    put(params, "max_tokens", max_tokens);
    request.reads.push(source);
    request.writes.push(out);
    request
}

/// Takes a value into a request, where there is one.
pub fn put(map: &mut Map<String, Value>, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        map.insert(key.into(), value.into());
    }
}

fn of_config(mut request: FamilyRequest, model_type: &str, config: Option<PathBuf>) -> FamilyRequest {
    request.target.insert("model_type".into(), json!(model_type));
    if let Some(config) = config {
        request.target.insert("config".into(), json!(config));
        // In a Hub cache it is a link, which keeps its name; what it leads to must be readable too.
        request.reads.extend(config.canonicalize().ok().filter(|real| *real != config));
        request.reads.push(config);
    }
    request
}

fn empty(family: &str, subject: &str, (seconds, mem_mb): (u64, u64)) -> FamilyRequest {
    FamilyRequest {
        family: family.into(),
        subject: subject.into(),
        target: Map::new(),
        params: Map::new(),
        port: None,
        reads: Vec::new(),
        writes: Vec::new(),
        sockets: Sockets::None,
        seed: 0,
        limits: Limits { timeout: Duration::from_secs(seconds), mem_mb },
    }
}

/// Nine tenths of the machine's memory, in MiB; a checkpoint needs what it needs.
fn memory_mb() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB"));
    total.and_then(|kib| kib.trim().parse::<u64>().ok()).map_or(65_536, |kib| kib / 1024 * 9 / 10)
}
