//! RoPE brought to one spelling: for each layer type its theta, type, rotated part and factors, and the path that each
//! came from. The order in which spellings win is that of transformers' own standardisation
//! (`modeling_rope_utils.py`); what the class computed stands in where a file is silent.

use std::collections::{BTreeMap, BTreeSet};

use super::data::{Cell, Json, Keys, Member};

/// One normalised value.
#[derive(Clone, Debug, PartialEq)]
pub struct Derived {
    pub cell: Cell,
    /// The path that it came from, or why it is what it is.
    pub from: String,
}

/// RoPE of one config: layer type to field to value. The layer type is empty where all layers have the same.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rope {
    types: BTreeMap<String, BTreeMap<String, Derived>>,
}

/// The parts of a config that may hold the language model; the file itself comes last.
const PARTS: [&str; 5] =
    ["text_config.", "llm_config.", "language_config.", "thinker_config.text_config.", ""];
const THETA: [&str; 5] = ["rope_theta", "rotary_emb_base", "global_rope_theta", "rope_base", "rotary_base"];
const LOCAL: [&str; 3] = ["rope_local_base_freq", "local_rope_theta", "swa_rope_theta"];
const PARTIAL: [&str; 5] =
    ["partial_rotary_factor", "rotary_pct", "rope_pct", "rotary_percent", "global_rotary_factor"];
const INTERLEAVED: [&str; 5] =
    ["rope_interleave", "rope_interleaved", "rope_traditional", "interleaved", "use_interleaved_rope"];
const WHOLE: &str = "";
const FULL: &str = "full_attention";
const SLIDING: &str = "sliding_attention";

type Flat<'a> = BTreeMap<String, &'a Json>;

/// Normalises one config. `flat` has every key of the file by its path; `gives` what the class makes of it.
pub fn normalise(flat: &Flat<'_>, gives: &Keys) -> Rope {
    let Some(part) = PARTS.into_iter().find(|part| speaks(flat, gives, part)) else { return Rope::default() };
    let reader = Reader { flat, gives, part };
    let (block, members) = reader.block();
    let mut types = BTreeMap::new();
    match nested(members) {
        true => {
            for member in members {
                let path = format!("{block}.{}", member.key);
                match &member.value {
                    Json::Object(inner) => {
                        types.insert(member.key.clone(), reader.fields(&member.key, &path, inner))
                    }
                    // Null: layers of this type have no rotary position.
                    _ => types.insert(member.key.clone(), none(&path)),
                };
            }
        }
        false if reader.first(&LOCAL).is_some() => {
            types.insert(FULL.to_string(), reader.fields(FULL, &block, members));
            types.insert(SLIDING.to_string(), reader.fields(SLIDING, "", &[]));
        }
        false => {
            let given = reader.given_types();
            if given.is_empty() || !members.is_empty() {
                types.insert(WHOLE.to_string(), reader.fields(WHOLE, &block, members));
            }
            for name in given.into_iter().filter(|_| members.is_empty()) {
                let fields = reader.fields(&name, "", &[]);
                types.insert(name, fields);
            }
        }
    }
    Rope { types }
}

impl Rope {
    /// Names its layer types; none where all layers have the same.
    pub fn layer_types(&self) -> impl Iterator<Item = &String> {
        self.types.keys().filter(|name| !name.is_empty())
    }

    /// Gives its values by `layer_type.field`. What holds for all layers is given for each of `types`, so that configs
    /// of both kinds can be laid side by side.
    pub fn rows(&self, types: &BTreeSet<&String>) -> BTreeMap<String, &Derived> {
        let mut rows = BTreeMap::new();
        for (name, fields) in &self.types {
            let names: Vec<&str> = match (name.as_str(), types.is_empty()) {
                (WHOLE, false) => types.iter().map(|name| name.as_str()).collect(),
                (name, _) => vec![name],
            };
            for (name, (field, derived)) in
                names.iter().flat_map(|name| fields.iter().map(move |it| (name, it)))
            {
                let path = if name.is_empty() { field.clone() } else { format!("{name}.{field}") };
                rows.insert(path, derived);
            }
        }
        rows
    }
}

/// Whether a part of the config says anything of rotary position.
fn speaks(flat: &Flat<'_>, gives: &Keys, part: &str) -> bool {
    let names = ["rope_parameters", "rope_scaling"].into_iter().chain(THETA).chain(LOCAL).chain(PARTIAL);
    names.into_iter().any(|name| {
        let path = format!("{part}{name}");
        let block = format!("{path}.");
        flat.contains_key(&path)
            || gives.contains_key(&path)
            || gives.range(block.clone()..).next().is_some_and(|(key, _)| key.starts_with(&block))
    })
}

/// Whether a block holds one block (or null) for each layer type.
fn nested(members: &[Member]) -> bool {
    !members.is_empty()
        && members.iter().any(|member| matches!(member.value, Json::Object(_)))
        && members.iter().all(|member| matches!(member.value, Json::Object(_) | Json::Null))
}

fn none(path: &str) -> BTreeMap<String, Derived> {
    BTreeMap::from([("type".to_string(), Derived { cell: Cell::Null, from: path.to_string() })])
}

struct Reader<'a> {
    flat: &'a Flat<'a>,
    gives: &'a Keys,
    part: &'static str,
}

impl<'a> Reader<'a> {
    /// The block that counts: `rope_scaling` where it holds something, else `rope_parameters`.
    fn block(&self) -> (String, &'a [Member]) {
        for name in ["rope_scaling", "rope_parameters"] {
            let path = format!("{}{name}", self.part);
            if let Some(Json::Object(members)) = self.flat.get(&path)
                && !members.is_empty()
            {
                return (path, members);
            }
        }
        (String::new(), &[])
    }

    fn first(&self, names: &[&str]) -> Option<(String, &'a Json)> {
        names.iter().find_map(|name| {
            let path = format!("{}{name}", self.part);
            self.flat.get(&path).map(|value| (path, *value))
        })
    }

    /// The layer types for which the class gives rope of their own.
    fn given_types(&self) -> BTreeSet<String> {
        let block = format!("{}rope_parameters.", self.part);
        let inner = self.gives.range(block.clone()..).map_while(|(key, _)| key.strip_prefix(&block));
        inner.filter_map(|key| key.split_once('.')).map(|(name, _)| name.to_string()).collect()
    }

    fn given(&self, layer_type: &str, field: &str) -> Option<Derived> {
        let path = match layer_type {
            WHOLE => format!("{}rope_parameters.{field}", self.part),
            name => format!("{}rope_parameters.{name}.{field}", self.part),
        };
        let value = self.gives.get(&path)?;
        let cell = if *value == Json::Null { Cell::Absent } else { Cell::Default(value.clone()) };
        Some(Derived { cell, from: format!("the class: {path}") })
    }

    fn fields(&self, layer_type: &str, block: &str, members: &[Member]) -> BTreeMap<String, Derived> {
        let mut fields = BTreeMap::new();
        let inside = |name: &str| {
            let member = members.iter().find(|member| member.key == name)?;
            Some((format!("{block}.{name}"), &member.value))
        };
        let mut put = |field: &str, found: Option<(String, &Json)>, given: Option<Derived>| {
            let derived = match found {
                Some((from, Json::Null)) => Some(Derived { cell: Cell::Null, from }),
                Some((from, value)) => Some(Derived { cell: Cell::Value(value.clone()), from }),
                None => given,
            };
            if let Some(derived) = derived {
                fields.insert(field.to_string(), derived);
            }
        };
        let outer =
            if layer_type == SLIDING && self.first(&LOCAL).is_some() { &LOCAL[..] } else { &THETA[..] };
        let theta = inside("rope_theta").or_else(|| self.first(outer));
        put("theta", theta, self.given(layer_type, "rope_theta"));
        put(
            "type",
            inside("rope_type").or_else(|| inside("type")).or_else(|| self.legacy(layer_type)),
            self.kind(layer_type),
        );
        let partial = PARTIAL.iter().find_map(|name| inside(name)).or_else(|| self.first(&PARTIAL));
        put("partial", partial, self.given(layer_type, "partial_rotary_factor"));
        put("rotary_dim", inside("rotary_dim").or_else(|| self.first(&["rotary_dim", "rotary_ndims"])), None);
        let interleaved =
            INTERLEAVED.iter().find_map(|name| inside(name)).or_else(|| self.first(&INTERLEAVED));
        put("interleaved", interleaved, None);
        // Phi3 and others write it outside, and then it wins.
        let original = self.first(&["original_max_position_embeddings"]);
        let original = original.or_else(|| inside("original_max_position_embeddings"));
        put("original_max", original, self.given(layer_type, "original_max_position_embeddings"));
        let known = ["rope_theta", "rope_type", "type", "rotary_dim", "original_max_position_embeddings"];
        for member in members {
            let name = member.key.as_str();
            if !known.contains(&name) && !PARTIAL.contains(&name) && !INTERLEAVED.contains(&name) {
                put(name, inside(name), None);
            }
        }
        if let Some(Derived { cell: Cell::Value(Json::Text(name)), .. }) = fields.get_mut("type") {
            // Phi3's first releases call longrope `su`.
            if name == "su" {
                *name = "longrope".into();
            }
        }
        fields
    }

    /// Kinds that older configs say by a key of their own.
    fn legacy(&self, layer_type: &str) -> Option<(String, &'a Json)> {
        let (path, value) = self.first(&["rope_type", "rope_scaling_type"])?;
        (layer_type != SLIDING && *value != Json::Null).then_some((path, value))
    }

    /// Without a block the type is plain; a block that is null says so.
    fn kind(&self, layer_type: &str) -> Option<Derived> {
        self.given(layer_type, "rope_type").or_else(|| {
            let null = ["rope_scaling", "rope_parameters"].into_iter().find_map(|name| {
                let path = format!("{}{name}", self.part);
                self.flat.get(&path).filter(|value| ***value == Json::Null).map(|_| path)
            });
            let from = null.map_or_else(|| "no rope block".to_string(), |path| format!("{path} is null"));
            Some(Derived { cell: Cell::Default(Json::Text("default".into())), from })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::flat::{flatten, leaves};
    use super::super::parse;
    use super::*;

    /// `field = cell ← path`, a line each.
    fn shown(text: &str, gives: &str) -> Vec<String> {
        let Ok(Json::Object(root)) = parse(text) else { panic!("{text}") };
        let gives = leaves(&parse(gives).expect("gives"));
        let rope = normalise(&flatten(&root), &gives);
        let rows = rope.rows(&BTreeSet::new());
        rows.iter().map(|(path, one)| format!("{path} = {} ← {}", one.cell, one.from)).collect()
    }

    #[test]
    fn plain_theta_null_and_absent_are_three_things() {
        let plain = r#"{"rope_theta": 1e6, "rope_scaling": null}"#;
        assert_eq!(
            shown(plain, "{}"),
            ["theta = 1e6 ← rope_theta", "type = (default) ← rope_scaling is null"]
        );
        assert_eq!(
            shown(r#"{"rope_theta": null}"#, "{}"),
            ["theta = null ← rope_theta", "type = (default) ← no rope block"]
        );
        assert_eq!(shown(r#"{"hidden_size": 4}"#, "{}"), [""; 0]);
        let class = r#"{"rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"}}"#;
        let own = [
            "theta = (10000.0) ← the class: rope_parameters.rope_theta",
            "type = (default) ← the class: rope_parameters.rope_type",
        ];
        assert_eq!(shown(r#"{"hidden_size": 4}"#, class), own);
    }

    #[test]
    fn legacy_blocks_say_type_and_new_ones_rope_type() {
        let yarn = r#"{"rope_theta": 1e4, "rope_scaling": {"type": "yarn", "factor": 40, "mscale": 1.0}}"#;
        let own = [
            "factor = 40 ← rope_scaling.factor",
            "mscale = 1.0 ← rope_scaling.mscale",
            "theta = 1e4 ← rope_theta",
            "type = yarn ← rope_scaling.type",
        ];
        assert_eq!(shown(yarn, "{}"), own);
        let new =
            r#"{"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4, "factor": 40, "mscale": 1.0}}"#;
        let own = [
            "factor = 40 ← rope_parameters.factor",
            "mscale = 1.0 ← rope_parameters.mscale",
            "theta = 1e4 ← rope_parameters.rope_theta",
            "type = yarn ← rope_parameters.rope_type",
        ];
        assert_eq!(shown(new, "{}"), own);
        let su = r#"{"rope_scaling": {"type": "su", "short_factor": [1, 2], "long_factor": [3, 4]},
            "original_max_position_embeddings": 4096, "partial_rotary_factor": 0.75}"#;
        let own = [
            "long_factor = [3, 4] ← rope_scaling.long_factor",
            "original_max = 4096 ← original_max_position_embeddings",
            "partial = 0.75 ← partial_rotary_factor",
            "short_factor = [1, 2] ← rope_scaling.short_factor",
            "type = longrope ← rope_scaling.type",
        ];
        assert_eq!(shown(su, "{}"), own);
    }

    #[test]
    fn layer_types_have_their_own_in_both_spellings() {
        let gemma = r#"{"text_config": {"rope_theta": 1e6, "rope_local_base_freq": 1e4,
            "rope_scaling": {"rope_type": "linear", "factor": 8.0}}}"#;
        let own = [
            "full_attention.factor = 8.0 ← text_config.rope_scaling.factor",
            "full_attention.theta = 1e6 ← text_config.rope_theta",
            "full_attention.type = linear ← text_config.rope_scaling.rope_type",
            "sliding_attention.theta = 1e4 ← text_config.rope_local_base_freq",
            "sliding_attention.type = (default) ← no rope block",
        ];
        assert_eq!(shown(gemma, "{}"), own);
        let nested = r#"{"rope_parameters": {"full_attention": {"rope_theta": 1e6, "rope_type": "default"},
            "sliding_attention": null}}"#;
        let own = [
            "full_attention.theta = 1e6 ← rope_parameters.full_attention.rope_theta",
            "full_attention.type = default ← rope_parameters.full_attention.rope_type",
            "sliding_attention.type = null ← rope_parameters.sliding_attention",
        ];
        assert_eq!(shown(nested, "{}"), own);
    }

    #[test]
    fn older_names_of_the_rotated_part_and_of_pairs_are_known() {
        let neox = r#"{"rotary_pct": 0.25, "rotary_emb_base": 10000, "rope_interleave": true}"#;
        let own = [
            "interleaved = true ← rope_interleave",
            "partial = 0.25 ← rotary_pct",
            "theta = 10000 ← rotary_emb_base",
            "type = (default) ← no rope block",
        ];
        assert_eq!(shown(neox, "{}"), own);
    }
}
