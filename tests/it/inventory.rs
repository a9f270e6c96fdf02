//! Headers and inventories: repositories on the local Hub, folders, the command line, and what the harness is given.

use std::path::{Path, PathBuf};

use mlxport::config::{Env, Flags, Settings};
use mlxport::hub::data::RepoRef;
use mlxport::hub::data::headers::{Checkpoint, HeaderEvent, Index, Origin};
use mlxport::hub::data::inventory::{ExpertForm, Fit, Inventory, Machine};
use mlxport::hub::inventory::{self, Terms};
use mlxport::hub::{HubError, headers, remote};
use mlxport::util::blame::Explain;
use mlxport::util::process::Command;
use mlxport::util::sink::discard;

use crate::support::env::runtime;
use crate::support::hub::{Fault, Hub, Origin as Place, Repo};

const LLAMA: &str = r#"{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "tie_word_embeddings": false, "torch_dtype": "bfloat16"}"#;
/// 32 layers of Llama's shapes.
const LLAMA_TENSORS: &str = r#"
    {"name": "model.embed_tokens.weight", "dtype": "BF16", "shape": [128256, 4096]},
    {"name": "lm_head.weight", "dtype": "BF16", "shape": [128256, 4096]},
    {"name": "model.norm.weight", "dtype": "BF16", "shape": [4096]},
    {"name": "model.layers.{}.input_layernorm.weight", "at": ["0-31"], "dtype": "BF16", "shape": [4096]},
    {"name": "model.layers.{}.post_attention_layernorm.weight", "at": ["0-31"], "dtype": "BF16", "shape": [4096]},
    {"name": "model.layers.{}.self_attn.q_proj.weight", "at": ["0-31"], "dtype": "BF16", "shape": [4096, 4096]},
    {"name": "model.layers.{}.self_attn.k_proj.weight", "at": ["0-31"], "dtype": "BF16", "shape": [1024, 4096]},
    {"name": "model.layers.{}.self_attn.v_proj.weight", "at": ["0-31"], "dtype": "BF16", "shape": [1024, 4096]},
    {"name": "model.layers.{}.self_attn.o_proj.weight", "at": ["0-31"], "dtype": "BF16", "shape": [4096, 4096]},
    {"name": "model.layers.{}.mlp.gate_proj.weight", "at": ["0-31"], "dtype": "BF16", "shape": [14336, 4096]},
    {"name": "model.layers.{}.mlp.up_proj.weight", "at": ["0-31"], "dtype": "BF16", "shape": [14336, 4096]},
    {"name": "model.layers.{}.mlp.down_proj.weight", "at": ["0-31"], "dtype": "BF16", "shape": [4096, 14336]}"#;

fn tensors(more: &str, list: &str) -> String {
    format!(r#"{{"metadata": {{"format": "pt"}}, {more} "tensors": [{list}]}}"#)
}

fn llama(id: &str) -> Repo {
    Repo::new(id)
        .file("config.json", LLAMA)
        .file("tokenizer_config.json", "{}")
        .tensors(&tensors(r#""shards": 4,"#, LLAMA_TENSORS))
}

/// A data folder and settings that point at a local Hub.
struct Desk {
    folder: tempfile::TempDir,
    settings: Settings,
}

impl Desk {
    fn at(hub: &Hub) -> Self {
        Self::with(hub, &[])
    }

    fn with(hub: &Hub, vars: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let standard = folder.path().join("hf");
        let env = Env::of([("HF_ENDPOINT", hub.endpoint()), ("HF_HOME", standard.to_str().unwrap())]);
        let env = vars.iter().fold(env, |env, (name, value)| env.with(name, *value));
        let flags = Flags { home: Some(folder.path().join("home")), ..Flags::default() };
        Self { settings: Settings::load(flags, &env).unwrap(), folder }
    }

    fn client(&self) -> remote::Hub {
        let patience =
            remote::Patience { pause: std::time::Duration::from_millis(5), ..remote::Patience::default() };
        remote::Hub::at(remote::Origin::of(&self.settings).unwrap().patience(patience), discard()).unwrap()
    }

    fn fetch(&self, id: &str) -> Result<Checkpoint, HubError> {
        let (cache, repo) = (self.settings.home.value.cache(), RepoRef::parse(id).unwrap());
        runtime().block_on(headers::fetch(&self.client(), &cache, &repo, &discard()))
    }
}

fn take(checkpoint: &Checkpoint) -> Inventory {
    let machine = Some(Machine { ram: 64 << 30, wired: Some(8 << 30) });
    inventory::take(checkpoint, Terms { context: 4096, machine })
}

#[test]
fn four_hundred_shards_cost_a_thousandth_of_the_checkpoint_and_nothing_the_second_time() {
    let experts = r#"
        {"name": "model.embed_tokens.weight", "dtype": "BF16", "shape": [129280, 7168]},
        {"name": "model.layers.{}.mlp.experts.{}.up_proj.weight", "at": ["0-60", "0-99"], "dtype": "BF16", "shape": [2048, 7168]},
        {"name": "model.layers.{}.mlp.experts.{}.gate_proj.weight", "at": ["0-60", "0-99"], "dtype": "BF16", "shape": [2048, 7168]},
        {"name": "model.layers.{}.mlp.experts.{}.down_proj.weight", "at": ["0-60", "0-99"], "dtype": "BF16", "shape": [7168, 2048]}"#;
    let repo = |branch: &str| {
        Repo::new("acme/vast")
            .branch(branch)
            .file("config.json", LLAMA)
            .file("README.md", branch)
            .tensors(&tensors(r#""shards": 400,"#, experts))
    };
    let hub = Hub::start(vec![repo("main")]);
    let desk = Desk::at(&hub);
    let checkpoint = desk.fetch("acme/vast").unwrap();
    assert_eq!(
        (checkpoint.shards.len(), checkpoint.tensors.len(), checkpoint.index),
        (400, 18_301, Index::Agrees)
    );
    let whole = checkpoint.bytes();
    assert!(whole > 500_000_000_000, "{whole} bytes of weights");
    assert!(hub.sent() * 1000 <= whole, "{} bytes were sent of {whole}", hub.sent());
    // Bodies of redirects are not read.
    let (told, sent) = (checkpoint.moved.bytes, hub.sent());
    assert!(told <= sent && told * 10 > sent * 9, "{told} bytes are told of {sent}");
    // The index tells how long each header is: one range each, at Hub and CDN.
    let ranges = hub.requests().into_iter().filter(|request| request.origin == Place::Cdn).count();
    assert_eq!(ranges, 400);
    assert_eq!(hub.problems(), Vec::<String>::new());

    hub.forget();
    let again = desk.fetch("acme/vast").unwrap();
    assert_eq!(again.tensors, checkpoint.tensors);
    assert_eq!(hub.requests().iter().filter(|request| request.subject.starts_with("acme/vast/")).count(), 0);
    assert_eq!(again.moved.cached, 402, "config, index, 400 headers");

    hub.add(repo("main").file("NEWS.md", "a new commit, the same weights"));
    hub.forget();
    let newer = desk.fetch("acme/vast").unwrap();
    assert_ne!(newer.origin, checkpoint.origin);
    assert_eq!(hub.requests().iter().filter(|request| request.origin == Place::Cdn).count(), 0);
}

#[test]
fn a_header_that_is_longer_than_the_first_range_is_asked_for_again_from_where_it_broke_off() {
    let many = r#"{"name": "model.layers.{}.a_rather_long_name_for_a_small_tensor.weight", "at": ["0-999"], "dtype": "BF16", "shape": [64]}"#;
    let hub = Hub::start(vec![Repo::new("acme/long").file("config.json", LLAMA).tensors(&tensors("", many))]);
    let checkpoint = Desk::at(&hub).fetch("acme/long").unwrap();
    assert_eq!(checkpoint.tensors.len(), 1000);
    let ranges: Vec<_> = hub
        .requests_of("acme/long", "model.safetensors")
        .into_iter()
        .filter(|request| request.origin == Place::Cdn)
        .map(|request| request.sent)
        .collect();
    assert_eq!((ranges.len(), ranges[0]), (2, 16 << 10));
    assert_eq!(ranges.iter().sum::<u64>(), checkpoint.shards[0].header);
}

#[test]
fn passing_faults_are_tried_again_and_broken_files_are_named() {
    let hub = Hub::start(vec![llama("acme/harbor")]);
    let second = "model-00002-of-00004.safetensors";
    hub.fault(Fault::file("acme/harbor", second).at(Place::Cdn).times(1).status(503));
    hub.fault(
        Fault::file("acme/harbor", "model-00003-of-00004.safetensors").at(Place::Cdn).times(1).cut_after(100),
    );
    assert_eq!(Desk::at(&hub).fetch("acme/harbor").unwrap().shards.len(), 4);
    let refused = |fault: Fault| {
        hub.heal();
        hub.fault(fault);
        let error = Desk::at(&hub).fetch("acme/harbor").unwrap_err();
        (error.to_string(), error.hint().unwrap_or_default())
    };
    let at = || Fault::file("acme/harbor", second).at(Place::Cdn);
    let (text, _) = refused(at().ignore_range());
    assert!(text.contains("a range was asked for, the whole file came"), "{text}");
    // The first byte of the header's text.
    let (text, hint) = refused(at().flip(8));
    assert!(text.starts_with(&format!("acme/harbor/{second}: its header is not")), "{text}");
    assert!(hint.contains("damaged"), "{hint}");
    let (text, _) = refused(at().flip(7));
    assert!(text.contains("its first 8 bytes ask for a header of 1"), "{text}");
}

#[test]
fn repositories_without_headers_say_what_they_are() {
    let hub = Hub::start(vec![
        Repo::new("acme/torch").file("config.json", LLAMA).zeros("pytorch_model.bin", 1000),
        Repo::new("acme/gguf").zeros("model-q4.gguf", 1000),
        Repo::new("acme/short").file("config.json", LLAMA).made(
            "model.safetensors",
            200u64.to_le_bytes(),
            100,
        ),
        Repo::new("acme/halves")
            .file("config.json", LLAMA)
            .zeros("model-00001-of-00003.safetensors", 10)
            .zeros("model-00003-of-00003.safetensors", 10),
        llama("acme/gated").gated("manual"),
    ]);
    let desk = Desk::at(&hub);
    let said = |id: &str| {
        let error = desk.fetch(id).unwrap_err();
        (error.to_string(), error.hint().unwrap_or_default())
    };
    let (text, hint) = said("acme/torch");
    assert_eq!(text, "acme/torch holds no model*.safetensors");
    assert!(hint.contains("PyTorch .bin files only"), "{hint}");
    assert_eq!(said("acme/gguf").0, "acme/gguf has no config.json");
    assert_eq!(
        said("acme/short").0,
        "acme/short/model.safetensors: it is truncated: 92 of the header's 200 bytes are there"
    );
    assert_eq!(
        said("acme/halves").0,
        "acme/halves: of 3 numbered files, model-00002-of-00003.safetensors is not there"
    );
    let (text, hint) = said("acme/gated");
    assert!(text.starts_with("acme/gated is gated"), "{text}");
    assert!(hint.contains("HF_TOKEN"), "{hint}");
}

#[test]
fn offline_the_headers_that_were_kept_are_read_and_their_age_is_said() {
    let hub = Hub::start(vec![llama("acme/harbor")]);
    let desk = Desk::at(&hub);
    let online = desk.fetch("acme/harbor").unwrap();
    let mut offline = desk.settings.clone();
    offline.hf_offline.value = true;
    let desk = Desk { settings: offline, folder: desk.folder };
    hub.forget();
    let kept = desk.fetch("acme/harbor").unwrap();
    assert_eq!((kept.tensors, &kept.name), (online.tensors, &online.name));
    assert!(kept.remarks.iter().any(|remark| remark.contains("looked up 0 hours ago")), "{:?}", kept.remarks);
    assert_eq!(hub.requests().len(), 0);
    assert!(desk.fetch("acme/other").unwrap_err().to_string().contains("is not in the cache"));
    assert!(desk.folder.path().exists());
}

#[test]
fn what_the_hub_cache_holds_whole_is_not_asked_for() {
    let small = r#"{"name": "model.norm.weight", "dtype": "BF16", "shape": [64]}"#;
    let hub =
        Hub::start(vec![Repo::new("acme/tiny").file("config.json", LLAMA).tensors(&tensors("", small))]);
    let desk = Desk::at(&hub);
    let first = desk.fetch("acme/tiny").unwrap();
    let (client, id) = (desk.client(), RepoRef::parse("acme/tiny").unwrap());
    let files = runtime().block_on(client.files(&id)).unwrap();
    let weights = files.iter().find(|file| file.path == "model.safetensors").unwrap();
    let Origin::Repo { folder, .. } = &first.origin else { panic!("a repository") };
    // As huggingface_hub lays it down: the blob by its hash. Our own header is gone.
    let blobs = desk.settings.hf_cache.value.as_ref().unwrap().join("models--acme--tiny/blobs");
    let mut bytes = std::fs::read(folder.join("model.safetensors")).unwrap();
    bytes.resize(weights.size as usize, 0);
    std::fs::create_dir_all(&blobs).unwrap();
    std::fs::write(blobs.join(weights.etag()), bytes).unwrap();
    std::fs::remove_dir_all(desk.settings.home.value.cache()).unwrap();
    hub.forget();
    let again = desk.fetch("acme/tiny").unwrap();
    assert_eq!((again.moved.local, again.tensors), (1, first.tensors));
    assert_eq!(hub.requests_of("acme/tiny", "model.safetensors").len(), 0);
}

/// Serves one config with these tensors and takes its inventory.
fn of(config: &str, list: &str) -> Inventory {
    let hub = Hub::start(vec![Repo::new("acme/one").file("config.json", config).tensors(&tensors("", list))]);
    take(&Desk::at(&hub).fetch("acme/one").unwrap())
}

#[test]
fn a_plain_checkpoint_is_folded_counted_and_weighed() {
    let hub = Hub::start(vec![llama("acme/harbor")]);
    let one = take(&Desk::at(&hub).fetch("acme/harbor").unwrap());
    // Llama 3 8B.
    assert_eq!(one.parameters.total, 8_030_261_248);
    assert_eq!(one.parameters.active, one.parameters.total);
    let q_proj = one.groups.iter().find(|group| group.key.ends_with("q_proj.weight")).unwrap();
    assert_eq!((q_proj.pattern.as_str(), q_proj.count), ("model.layers.{0..31}.self_attn.q_proj.weight", 32));
    let bytes: Vec<_> =
        one.memory.weights.iter().map(|row| (row.width.as_str(), row.bytes, row.fits.unwrap())).collect();
    let (matrices, norms) = (8_030_261_248 - 65 * 4096, 65 * 4096);
    assert_eq!(
        bytes,
        [
            ("bf16", 2 * 8_030_261_248, Fit::AboveWired),
            ("8 bit", matrices + matrices / 64 * 4 + norms * 2, Fit::AboveWired),
            ("4 bit", matrices / 2 + matrices / 64 * 4 + norms * 2, Fit::Yes),
        ]
    );
    assert_eq!(one.memory.cache.bytes, 32 * 2 * 8 * 128 * 2 * 4096);
    assert_eq!(one.memory.cache.lines[0].formula, "2 × 8 heads × 128 × 2 B × 4096 tokens");
    assert_eq!(one.findings, [] as [&str; 0]);
    let mut lines = inventory::lines(&one);
    assert!(
        lines.iter().all(|line| unicode_width::UnicodeWidthStr::width(line.as_str()) <= 80),
        "{lines:#?}"
    );
    // The commit is the fixture's, traffic the server's.
    lines.retain(|line| !line.starts_with("commit") && !line.starts_with("moved"));
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn the_expected_dtype_has_a_source_and_it_is_said_whether_convert_sees_it() {
    let norm = r#"{"name": "model.norm.weight", "dtype": "F32", "shape": [64]},"#;
    let rest = r#"{"name": "model.layers.{}.mlp.up_proj.weight", "at": ["0-2"], "dtype": "BF16", "shape": [64, 64]}"#;
    let said = |config: &str| {
        let one = of(config, &format!("{norm}{rest}"));
        (one.expected.dtype.unwrap(), one.expected.source.unwrap(), one.convert.matters, one.convert.text)
    };
    let row = |dtype: &str, source: &str, matters: bool, text: &str| {
        (dtype.into(), source.into(), matters, text.into())
    };
    assert_eq!(
        said(r#"{"model_type": "x", "torch_dtype": "bfloat16"}"#),
        row("bfloat16", "config.torch_dtype", false, "casts to bfloat16 (config.torch_dtype)")
    );
    assert_eq!(
        said(r#"{"model_type": "x", "dtype": "bfloat16"}"#),
        row("bfloat16", "config.dtype", true, "does not read config.dtype; keeps BF16 3/4, F32 1/4")
    );
    assert_eq!(
        said(r#"{"model_type": "x", "text_config": {"dtype": "bfloat16"}}"#),
        row("bfloat16", "text_config.dtype", false, "casts to bfloat16 (text_config.dtype)")
    );
    assert_eq!(
        said(r#"{"model_type": "x", "text_config": {"torch_dtype": "bfloat16"}}"#),
        row(
            "bfloat16",
            "text_config.torch_dtype",
            true,
            "does not read text_config.torch_dtype; keeps BF16 3/4, F32 1/4"
        )
    );
    assert_eq!(
        said(r#"{"model_type": "x"}"#),
        row("bfloat16", "headers BF16 = 3/4", true, "finds no dtype in the config; keeps BF16 3/4, F32 1/4")
    );
}

#[test]
fn mlx_lm_still_reads_the_keys_that_the_inventory_says_it_reads() {
    let utils = crate::support::env::shared().checkout.join("mlx_lm");
    let read = |name: &str| std::fs::read_to_string(utils.join(name)).unwrap();
    let convert = read("convert.py");
    for line in [
        r#"dtype = config.get("torch_dtype", None)"#,
        r#"(text_config := config.get("text_config", None))"#,
        r#"dtype = text_config.get("dtype", None)"#,
        r#"MODEL_CONVERSION_DTYPES = ["float16", "bfloat16", "float32"]"#,
    ] {
        assert!(convert.contains(line), "convert.py has changed: {line}");
    }
    let utils = read("utils.py");
    for line in [
        r#"weight_files = glob.glob(str(model_path / "model*.safetensors"))"#,
        r#"quant_method in ("awq", "gptq")"#,
        r#"quant_method == "compressed-tensors""#,
        r#"quant_method = quantization_config["quant_method"]"#,
        r#""affine": (64, 4),"#,
    ] {
        assert!(utils.contains(line), "utils.py has changed: {line}");
    }
}

#[test]
fn experts_heads_and_extra_layers_are_seen() {
    let moe = |experts: &str| {
        of(
            r#"{"model_type": "x", "dtype": "bfloat16", "num_hidden_layers": 2, "num_experts": 8, "num_experts_per_tok": 2,
                "hidden_size": 64, "num_attention_heads": 1, "tie_word_embeddings": true}"#,
            &format!(
                r#"{{"name": "model.embed_tokens.weight", "dtype": "BF16", "shape": [100, 64]}},
                {{"name": "lm_head.weight", "dtype": "BF16", "shape": [100, 64]}},
                {{"name": "model.layers.{{}}.mlp.shared_expert.up_proj.weight", "at": ["0-2"], "dtype": "BF16", "shape": [64, 64]}}, {experts}"#
            ),
        )
    };
    let separate = moe(
        r#"{"name": "model.layers.{}.mlp.experts.{}.up_proj.weight", "at": ["0-2", "0-7"], "dtype": "BF16", "shape": [32, 64]}"#,
    );
    let experts = separate.experts.clone().unwrap();
    assert_eq!(
        (experts.count, experts.per_token, experts.layers, experts.form),
        (8, Some(2), 2, ExpertForm::Separate)
    );
    // Layer 2 is past num_hidden_layers; the head is tied.
    assert_eq!(separate.parameters.total, 100 * 64 + 2 * 64 * 64 + 2 * 8 * 32 * 64);
    assert_eq!(separate.parameters.active, separate.parameters.total - 2 * 6 * 32 * 64);
    let head = "head: tied by the config, yet the files hold lm_head.weight: sanitize must drop it";
    let extra = "9 tensors of multi-token prediction (20.48 K parameters): a text port drops them";
    assert_eq!(separate.findings, [head, extra]);
    let stacked = moe(
        r#"{"name": "model.layers.{}.mlp.experts.gate_up_proj", "at": ["0-1"], "dtype": "BF16", "shape": [8, 64, 64]}"#,
    );
    let experts = stacked.experts.clone().unwrap();
    assert_eq!((experts.count, experts.form, experts.fused), (8, ExpertForm::Stacked, true));
    let sixteen = moe(
        r#"{"name": "model.layers.{}.mlp.experts.gate_up_proj", "at": ["0-1"], "dtype": "BF16", "shape": [16, 64, 64]}"#,
    );
    assert!(sixteen.findings.contains(&"experts: num_experts says 8, the files hold 16".to_string()));

    let compared = inventory::compare(&[separate, stacked]);
    let rows: Vec<_> = compared
        .rows
        .iter()
        .map(|row| (row.key.as_str(), row.cells[0].is_some(), row.cells[1].is_some()))
        .collect();
    assert_eq!(
        rows,
        [
            ("model.layers.{}.mlp.experts.gate_up_proj", false, true),
            ("model.layers.{}.mlp.experts.{}.up_proj.weight", true, false),
        ]
    );
    assert_eq!(compared.notes, ["experts lie differently: sanitize must take each form"]);
}

#[test]
fn quantized_weights_count_what_they_stand_for_and_what_the_loader_does_is_said() {
    let config =
        |quantization: &str| format!(r#"{{"model_type": "x", "torch_dtype": "bfloat16", {quantization}}}"#);
    let entry = |one: &Inventory| {
        let entry = &one.quantization[0];
        (entry.method.clone(), entry.tensors, entry.loads, entry.mlx_lm.clone())
    };
    let mlx = of(
        &config(
            r#""quantization": {"group_size": 64, "bits": 4, "model.layers.1.mlp.up_proj": {"group_size": 32, "bits": 8}}"#,
        ),
        r#"{"name": "model.layers.0.mlp.up_proj.weight", "dtype": "U32", "shape": [64, 16]},
           {"name": "model.layers.0.mlp.up_proj.scales", "dtype": "BF16", "shape": [64, 2]},
           {"name": "model.layers.0.mlp.up_proj.biases", "dtype": "BF16", "shape": [64, 2]},
           {"name": "model.layers.1.mlp.up_proj.weight", "dtype": "U32", "shape": [64, 32]},
           {"name": "model.layers.1.mlp.up_proj.scales", "dtype": "BF16", "shape": [64, 4]},
           {"name": "model.layers.1.mlp.up_proj.biases", "dtype": "BF16", "shape": [64, 4]}"#,
    );
    assert_eq!(mlx.parameters.total, 2 * 64 * 128, "4 and 8 bits, 128 inputs both");
    assert_eq!(entry(&mlx), ("mlx affine".into(), 2, true, "loaded packed, as it is".into()));
    assert_eq!(mlx.memory.weights[0].width, "as stored");
    let gptq = |more: &str| {
        of(
            &config(r#""quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128}"#),
            &format!(
                r#"{{"name": "model.layers.0.mlp.up_proj.qweight", "dtype": "I32", "shape": [16, 64]}},
                   {{"name": "model.layers.0.mlp.up_proj.qzeros", "dtype": "I32", "shape": [1, 8]}}, {more}
                   {{"name": "model.layers.0.mlp.up_proj.scales", "dtype": "F16", "shape": [1, 64]}}"#
            ),
        )
    };
    assert_eq!(
        (gptq("").parameters.total, entry(&gptq("")).3),
        (128 * 64, "repacked to 4-bit affine".into())
    );
    let reordered = gptq(r#"{"name": "model.layers.0.mlp.up_proj.g_idx", "dtype": "I32", "shape": [128]},"#);
    assert_eq!(entry(&reordered).3, "refused: model.layers.0.mlp.up_proj.g_idx reorders groups");
    let fp8 = of(
        &config(r#""quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}"#),
        r#"{"name": "model.layers.0.mlp.up_proj.weight", "dtype": "F8_E4M3", "shape": [128, 256]},
           {"name": "model.layers.0.mlp.up_proj.weight_scale_inv", "dtype": "F32", "shape": [1, 2]}"#,
    );
    assert_eq!((fp8.parameters.total, fp8.quantization[0].group.as_deref()), (128 * 256, Some("128×128")));
    assert!(!entry(&fp8).2);
    let oss = of(
        &config(
            r#""num_local_experts": 4, "experts_per_token": 1, "quantization_config": {"quant_method": "mxfp4"}"#,
        ),
        r#"{"name": "model.layers.0.mlp.experts.gate_up_proj_blocks", "dtype": "U8", "shape": [4, 64, 2, 16]},
           {"name": "model.layers.0.mlp.experts.gate_up_proj_scales", "dtype": "U8", "shape": [4, 64, 2]},
           {"name": "model.layers.0.mlp.experts.gate_up_proj_bias", "dtype": "BF16", "shape": [4, 64]}"#,
    );
    assert_eq!(oss.experts.as_ref().unwrap().parameters, 4 * 64 * 64 + 4 * 64);
    assert_eq!(entry(&oss).3, "loaded packed: mxfp4, group 32");
    let silent = of(
        &config(r#""x": 1"#),
        r#"{"name": "model.layers.0.mlp.up_proj.weight", "dtype": "F8_E4M3", "shape": [128, 256]}"#,
    );
    assert_eq!((silent.quantization[0].source.as_str(), silent.quantization[0].loads), ("headers", false));
}

#[test]
fn another_prefix_is_said_once_and_vision_is_left_out() {
    let plain = of(
        r#"{"model_type": "x"}"#,
        r#"{"name": "model.layers.0.mlp.up_proj.weight", "dtype": "BF16", "shape": [64, 64]}"#,
    );
    let nested = of(
        r#"{"model_type": "x"}"#,
        r#"{"name": "language_model.model.layers.0.mlp.up_proj.weight", "dtype": "BF16", "shape": [64, 64]},
           {"name": "vision_tower.layers.0.mlp.up_proj.weight", "dtype": "BF16", "shape": [64, 64]}"#,
    );
    assert_eq!(nested.parameters.total, 64 * 64);
    let compared = inventory::compare(&[plain, nested]);
    assert_eq!((compared.rows.len(), compared.same), (0, 1));
    assert_eq!(compared.notes, ["another prefix: acme/one: `model.`, acme/one: `language_model.model.`"]);
}

/// Runs the program against a Hub; gives its exit code, stdout and stderr.
fn program(desk: &Desk, hub: &Hub, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_mlxport"))
        .args(arguments)
        .env("HF_ENDPOINT", hub.endpoint())
        .env("HF_HOME", desk.folder.path().join("hf"))
        .env("MLXPORT_HOME", desk.folder.path().join("home"))
        .cwd(desk.folder.path())
        .any_exit()
        .run_blocking()
        .unwrap();
    (output.status.code().unwrap(), output.text(), output.tail)
}

#[test]
fn the_command_line_takes_repositories_and_links_and_compares_several() {
    let hub = Hub::start(vec![llama("acme/harbor"), llama("acme/other").branch("v2")]);
    let desk = Desk::at(&hub);
    let link = format!("{}/acme/harbor/tree/main", hub.endpoint());
    let (code, out, error) =
        program(&desk, &hub, &["inventory", "acme/other@v2", &link, "--json", "--context", "1000"]);
    assert_eq!(code, 0, "{error}");
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["inventories"][0]["origin"]["sha"], hub.sha("acme/other", "v2"));
    assert_eq!(json["inventories"][1]["parameters"]["total"], 8_030_261_248u64);
    assert_eq!(json["inventories"][1]["memory"]["cache"]["context"], 1000);
    assert_eq!(
        (json["comparison"]["rows"].as_array().unwrap().len(), &json["comparison"]["same"]),
        (0, &12.into())
    );
    let (code, out, error) = program(&desk, &hub, &["inventory", "acme/absent"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(
        error.contains("acme/absent does not exist") && error.contains("fault: what you gave"),
        "{error}"
    );
    let (code, _, error) = program(&desk, &hub, &["inventory", "acme/a/b"]);
    assert!(code == 2 && error.contains("more than one slash"), "{error}");
}

#[test]
fn the_harness_reads_the_headers_that_were_fetched() {
    let hub = Hub::start(vec![llama("acme/harbor")]);
    let desk = Desk::at(&hub);
    let Origin::Repo { folder, .. } = desk.fetch("acme/harbor").unwrap().origin else {
        panic!("a repository")
    };
    let script = "import sys; from pathlib import Path; from mlxport_harness.load import headers; \
                  found = headers.read(Path(sys.argv[1])); print(len(found.names), found.header_only, found.bytes)";
    let out = Command::new(crate::support::python3())
        .args(["-c", script])
        .arg(&folder)
        .env("PYTHONPATH", Path::new(env!("CARGO_MANIFEST_DIR")).join("src/harness/python"))
        .run_blocking()
        .unwrap();
    assert_eq!(out.text(), format!("291 4 {}", 8_030_261_248u64 * 2));
    assert_eq!(folder.file_name().unwrap(), "harbor", "a variant is called so");
}

#[test]
fn progress_tells_of_files_and_bytes() {
    let hub = Hub::start(vec![llama("acme/harbor")]);
    let desk = Desk::at(&hub);
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let told = seen.clone();
    let sink: mlxport::util::sink::Sink<HeaderEvent> =
        std::sync::Arc::new(move |event| told.lock().unwrap().push(event));
    let (cache, repo) = (desk.settings.home.value.cache(), RepoRef::parse("acme/harbor").unwrap());
    runtime().block_on(headers::fetch(&desk.client(), &cache, &repo, &sink)).unwrap();
    let seen = seen.lock().unwrap();
    assert!(matches!(&seen[0], HeaderEvent::Listed { shards: 4, .. }));
    let done = seen[1..].iter().map(|event| match event {
        HeaderEvent::Read { done, total: 4, moved } if *moved > 0 => *done,
        other => panic!("{other:?}"),
    });
    assert_eq!(done.collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[test]
fn a_folder_is_read_as_a_repository_is() {
    let hub = Hub::start(vec![llama("acme/harbor")]);
    let desk = Desk::at(&hub);
    let online = desk.fetch("acme/harbor").unwrap();
    let Origin::Repo { folder, .. } = &online.origin else { panic!("a repository") };
    let folder: PathBuf = folder.clone();
    let local = headers::read_folder(&folder, &discard()).unwrap();
    assert_eq!((local.tensors, local.index), (online.tensors, online.index));
    assert!(local.shards.iter().all(|shard| shard.header_only));
}
