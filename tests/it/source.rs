//! The source room on files: a reference folder of transformers and ports of mlx-lm, both made here.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mlxport::source::data::SourceDoc;
use mlxport::source::{self, LoadedSource, SourceError};

const MODULAR: &str = "\
from ..llama.modeling_llama import LlamaForCausalLM
from ..nemotron.modeling_nemotron import NemotronMLP
from ...configuration_utils import PreTrainedConfig

class ArceeConfig(PreTrainedConfig):
    hidden_act: str = \"relu2\"

class ArceeMLP(NemotronMLP):
    pass

class ArceeForCausalLM(LlamaForCausalLM):
    def forward(self, x):
        return x
";

const NEMOTRON: &str = "\
class NemotronMLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.up_proj = nn.Linear(1, 2)
        self.down_proj = nn.Linear(2, 1)
        self.act_fn = ACT2FN[config.hidden_act]
";

const MODELING: &str = "\
class ArceeMLP(nn.Module):
    def __init__(self, config):
        self.up_proj = nn.Linear(1, 2)
        self.down_proj = nn.Linear(2, 1)
        self.act_fn = ACT2FN[config.hidden_act]

    def forward(self, x):
        return self.down_proj(self.act_fn(self.up_proj(x)))

class ArceeRMSNorm(nn.Module):
    def forward(self, x):
        return x

class ArceeAttention(nn.Module):
    def __init__(self, config):
        self.q_proj = nn.Linear(1, 1)
        self.o_proj = nn.Linear(1, 1)

    def forward(self, x):
        return x

class ArceeDecoderLayer(GradientCheckpointingLayer):
    def __init__(self, config):
        self.self_attn = ArceeAttention(config)
        self.mlp = ArceeMLP(config)
        self.input_layernorm = ArceeRMSNorm(1)

    def forward(self, x):
        return x

class ArceePreTrainedModel(PreTrainedModel):
    pass

class ArceeModel(ArceePreTrainedModel):
    def __init__(self, config):
        self.layers = nn.ModuleList([ArceeDecoderLayer(config) for _ in range(2)])
        self.norm = ArceeRMSNorm(1)

class ArceeForCausalLM(ArceePreTrainedModel):
    def __init__(self, config):
        self.model = ArceeModel(config)
        self.lm_head = nn.Linear(1, 1)
";

fn port(mlp: &str) -> String {
    format!(
        "\
class ModelArgs(BaseModelArgs):
    hidden_act: str

class MLP(nn.Module):
    def __init__(self, args):
{mlp}
    def __call__(self, x):
        return x

class Attention(nn.Module):
    def __init__(self, args):
        self.q_proj = nn.Linear(1, 1)
        self.o_proj = nn.Linear(1, 1)

    def __call__(self, x):
        return x

class TransformerBlock(nn.Module):
    def __init__(self, args):
        self.self_attn = Attention(args)
        self.mlp = MLP(args)
        self.input_layernorm = nn.RMSNorm(1)

    def __call__(self, x):
        return x

class PortModel(nn.Module):
    def __init__(self, args):
        self.layers = [TransformerBlock(args) for _ in range(2)]
        self.norm = nn.RMSNorm(1)

class Model(nn.Module):
    def __init__(self, args):
        self.model = PortModel(args)
        self.lm_head = nn.Linear(1, 1)
"
    )
}

const TWO: &str = "        self.up_proj = nn.Linear(1, 2)\n        self.down_proj = nn.Linear(2, 1)\n";
const THREE: &str = "        self.gate_proj = nn.Linear(1, 2)\n        self.up_proj = nn.Linear(1, 2)\n        self.down_proj = nn.Linear(2, 1)\n";

struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap() };
        files.write("models/arcee/modular_arcee.py", MODULAR);
        files.write("models/arcee/modeling_arcee.py", MODELING);
        files.write(
            "models/arcee/configuration_arcee.py",
            "class ArceeConfig:\n    model_type = \"arcee_text\"\n",
        );
        files.write("models/nemotron/modeling_nemotron.py", NEMOTRON);
        files.write("models/llama/modeling_llama.py", "class LlamaForCausalLM(nn.Module):\n    pass\n");
        files.write("mlx/nemotron.py", &port(TWO));
        files.write("mlx/llama.py", &port(THREE));
        files.write("mlx/arcee.py", &port(TWO));
        files.write("mlx/base.py", "class BaseModelArgs:\n    pass\n");
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn doc(&self, name: &str) -> Arc<SourceDoc> {
        source::load(&self.path(name)).unwrap().doc
    }
}

#[test]
fn the_files_of_a_reference_are_found_by_model_type() {
    let files = Files::new();
    let found = source::reference_files(&files.path("models"), "arcee").unwrap();
    assert_eq!(found.modeling, files.path("models/arcee/modeling_arcee.py"));
    assert_eq!(found.modular, Some(files.path("models/arcee/modular_arcee.py")));
    // Its own folder has no such name, but the family's configuration has it.
    assert_eq!(source::reference_files(&files.path("models"), "arcee_text").unwrap(), found);
    for wrong in ["arcee_other", "nothing", "", "../arcee", "a/b"] {
        let error = source::reference_files(&files.path("models"), wrong);
        assert!(matches!(error, Err(SourceError::NoReference { .. })), "{wrong}");
    }
}

#[test]
fn an_inherited_class_is_followed_to_its_file_and_line() {
    let files = Files::new();
    let open = |path: &Path| source::load(path).ok().map(|loaded| loaded.doc);
    let found = source::inherited(&files.doc("models/arcee/modular_arcee.py"), &open);
    let shown: Vec<_> = found
        .iter()
        .map(|one| {
            (one.class.as_str(), one.line, one.base.as_str(), one.model.as_str(), one.base_line, one.empty)
        })
        .collect();
    let own = [
        ("ArceeMLP", 8, "NemotronMLP", "nemotron", 1, true),
        ("ArceeForCausalLM", 11, "LlamaForCausalLM", "llama", 1, false),
    ];
    assert_eq!(shown, own);
    assert_eq!(found[0].children, ["up_proj", "down_proj", "act_fn"]);
    assert_eq!(
        found[0].file.canonicalize().unwrap(),
        files.path("models/nemotron/modeling_nemotron.py").canonicalize().unwrap()
    );
    assert_eq!(found[1].overrides, ["forward"]);
}

#[test]
fn classes_and_methods_of_reference_and_port_are_paired_with_reasons() {
    let files = Files::new();
    let (reference, port) = (files.doc("models/arcee/modeling_arcee.py"), files.doc("mlx/arcee.py"));
    let pairing = source::pair(&reference, &port);
    let classes: Vec<_> = pairing
        .pairs
        .iter()
        .filter(|pair| !pair.reference.contains('.'))
        .map(|pair| (pair.reference.as_str(), pair.port.as_str(), pair.reason.as_str()))
        .collect();
    let own = [
        ("ArceeForCausalLM", "Model", "both are the whole model"),
        ("ArceeModel", "PortModel", "`model` of ArceeForCausalLM and of Model"),
        ("ArceeDecoderLayer", "TransformerBlock", "`layers` of ArceeModel and of PortModel"),
        ("ArceeAttention", "Attention", "`self_attn` of ArceeDecoderLayer and of TransformerBlock"),
        ("ArceeMLP", "MLP", "`mlp` of ArceeDecoderLayer and of TransformerBlock"),
    ];
    assert_eq!(classes, own);
    let port_of = |path: &str| pairing.port_of(path).map(|pair| pair.port.as_str());
    assert_eq!(port_of("ArceeMLP.forward"), Some("MLP.__call__"));
    assert_eq!(port_of("ArceeMLP.__init__"), Some("MLP.__init__"));
    assert_eq!(port_of("ArceeMLP.extra_repr"), Some("MLP"));
    assert_eq!(port_of("ArceeRMSNorm"), None);
    assert_eq!(
        pairing.reference_of("MLP.__call__").map(|pair| pair.reference.as_str()),
        Some("ArceeMLP.forward")
    );
}

#[test]
fn without_a_top_class_pairs_come_from_roles_and_attributes() {
    let reference = source::parse("a.py", &MODELING[..MODELING.find("class ArceeDecoderLayer").unwrap()]);
    let ours = port(TWO);
    let port = source::parse("b.py", &ours[..ours.find("class TransformerBlock").unwrap()]);
    let pairing = source::pair(&reference, &port);
    let found = pairing.port_of("ArceeMLP").unwrap();
    assert_eq!(
        (found.port.as_str(), found.reason.as_str()),
        ("MLP", "both are the MLP; both have up_proj, down_proj")
    );
    assert_eq!(pairing.port_of("ArceeAttention").unwrap().port, "Attention");
}

#[test]
fn the_nearest_port_is_the_one_with_the_same_mlp() {
    let files = Files::new();
    let ports = source::ports(&files.path("mlx")).unwrap();
    let (modeling, modular) =
        (files.doc("models/arcee/modeling_arcee.py"), files.doc("models/arcee/modular_arcee.py"));
    let near = source::nearest(&modeling, Some(&modular), &ports);
    let names: Vec<_> = near.iter().map(|near| near.name.as_str()).collect();
    assert_eq!(names, ["nemotron", "llama"]);
    assert_eq!(
        near[0].reasons,
        [
            "modular parent of ArceeMLP",
            "the same modules in a layer, attention, the MLP, the stack of layers",
            "1 of 1 config keys shared",
        ]
    );
    assert!(near[1].reasons.contains(&"the MLP: also gate_proj".to_string()), "{:?}", near[1].reasons);
}

#[test]
fn a_change_on_disk_changes_the_digest_and_odd_files_are_refused() {
    let files = Files::new();
    let LoadedSource { digest, .. } = source::load(&files.path("mlx/arcee.py")).unwrap();
    files.write("mlx/arcee.py", "x = 1\n");
    let again = source::load(&files.path("mlx/arcee.py")).unwrap();
    assert_ne!(digest, again.digest);
    assert_eq!(again.doc.line_count(), 1);
    assert!(matches!(source::load(&files.path("mlx")), Err(SourceError::NotAFile { .. })));
    assert!(matches!(source::load(&files.path("none.py")), Err(SourceError::Read { .. })));
    files.write("mlx/big.py", &"x = 1\n".repeat(2 << 20));
    assert!(matches!(source::load(&files.path("mlx/big.py")), Err(SourceError::TooBig { .. })));
}
