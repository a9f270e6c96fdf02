//! What transformers says of a model_type, read from its auto classes' tables as text: whether it knows it, and whether
//! it is a decoder that generates text. The same rule as the harness's, before a branch is made or a worker started.

use std::collections::BTreeSet;
use std::path::Path;

use super::load::SourceError;

/// Models that also answer otherwise than token by token; mlx-lm has no place for them.
const OTHER: [&str; 3] = [
    "MODEL_FOR_MASKED_LM_MAPPING_NAMES",
    "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES",
    "MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES",
];

/// Says whether a model_type can be ported; where transformers' tables cannot be read, everything can.
pub fn portable(transformers: &Path, model_type: &str) -> Result<(), SourceError> {
    let text =
        |name: &str| std::fs::read_to_string(transformers.join("models/auto").join(name)).unwrap_or_default();
    let configurations = [text("auto_mappings.py"), text("configuration_auto.py")].concat();
    judge(&configurations, &text("modeling_auto.py"), model_type)
}

/// Finds the model_type of a class of `architectures`, such as `Qwen3ForCausalLM`, in transformers' table of decoders.
pub fn type_of_class(transformers: &Path, class: &str) -> Option<String> {
    let path = transformers.join("models/auto/modeling_auto.py");
    let text = std::fs::read_to_string(path).ok()?;
    let types = types_of(&text, class);
    // Several types may share a class (`llama` and `code_llama`): the one that the class is named after.
    let plain = |text: &str| text.to_lowercase().replace(['_', '-'], "");
    let own = types.iter().find(|name| plain(class).starts_with(&plain(name)));
    own.or(types.first()).map(ToString::to_string)
}

fn types_of<'a>(text: &'a str, class: &str) -> Vec<&'a str> {
    let rows = text
        .lines()
        .skip_while(|line| !line.starts_with("MODEL_FOR_CAUSAL_LM_MAPPING_NAMES"))
        .skip(1)
        .take_while(|line| !line.starts_with(')'));
    rows.filter_map(|line| {
        let mut texts = line.split('"').skip(1).step_by(2);
        let (name, of) = (texts.next()?, texts.next()?);
        (of == class).then_some(name)
    })
    .collect()
}

fn judge(configurations: &str, modeling: &str, model_type: &str) -> Result<(), SourceError> {
    let known = table(configurations, "CONFIG_MAPPING_NAMES");
    let causal = table(modeling, "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES");
    if known.is_empty() || causal.is_empty() {
        return Ok(());
    }
    let other: BTreeSet<&str> = OTHER.iter().flat_map(|name| table(modeling, name)).collect();
    let fit: Vec<&str> = causal.difference(&other).copied().collect();
    if !known.contains(model_type) {
        return Err(SourceError::UnknownType { model_type: model_type.into(), near: near(model_type, &fit) });
    }
    if !fit.contains(&model_type) {
        let starts = format!("{model_type}_");
        let parts = fit.iter().filter(|name| name.starts_with(&starts)).take(3);
        return Err(SourceError::NotCausal {
            model_type: model_type.into(),
            parts: parts.map(ToString::to_string).collect(),
        });
    }
    Ok(())
}

/// Collects the keys of a table, over all statements that fill it.
fn table<'a>(text: &'a str, name: &str) -> BTreeSet<&'a str> {
    let mut keys = BTreeSet::new();
    let mut inside = false;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix(name) {
            inside = rest.starts_with(" = ") || rest.starts_with(".update(") || rest.starts_with(": ");
            // `NAME = OrderedDict(**{"gpt-sw3": …}, **NAME)`, all on one line.
            if let (true, Some((_, one))) = (inside, rest.split_once("{\"")) {
                keys.extend(one.split('"').next());
            }
        } else if line.starts_with(')') {
            inside = false;
        } else if inside {
            let entry = line.trim_start().trim_start_matches('(');
            keys.extend(entry.strip_prefix('"').and_then(|entry| entry.split('"').next()));
        }
    }
    keys
}

/// Gives up to three names that a slip of the finger may have meant, the nearest first.
fn near(wanted: &str, names: &[&str]) -> Vec<String> {
    let limit = (wanted.chars().count() / 3).max(1);
    let mut far: Vec<(usize, &str)> = names.iter().map(|name| (distance(wanted, name), *name)).collect();
    far.retain(|(far, name)| *far <= limit || name.starts_with(wanted));
    far.sort_unstable();
    far.into_iter().take(3).map(|(_, name)| name.to_string()).collect()
}

/// Counts the characters to change, add or take away.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, a) in one.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], at + 1);
        for (index, b) in other.iter().enumerate() {
            let changed = corner + usize::from(a != *b);
            corner = row[index + 1];
            row[index + 1] = changed.min(row[index] + 1).min(corner + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIGURATIONS: &str = "CONFIG_MAPPING_NAMES = OrderedDict(\n    [\n        (\"arcee\", \"A\"),\n        (\"bert\", \"B\"),\n        \
        (\"gemma3\", \"G\"),\n        (\"gemma3_text\", \"G\"),\n    ]\n)\nOTHER = OrderedDict(\n    [\n        (\"vit\", \"V\"),\n    ]\n)\n\
        CONFIG_MAPPING_NAMES.update(\n    {\n        \"mlcd\": \"M\",\n    }\n)\n\
        CONFIG_MAPPING_NAMES = OrderedDict(**{\"gpt-sw3\": \"GPT2Config\"}, **CONFIG_MAPPING_NAMES)\n";
    const MODELING: &str = "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = OrderedDict(\n    [\n        # Model for Causal LM mapping\n        \
        (\"arcee\", \"A\"),\n        (\"bert\", \"B\"),\n        (\"gemma3_text\", \"G\"),\n        (\"gpt-sw3\", \"S\"),\n    ]\n)\n\
        MODEL_FOR_MASKED_LM_MAPPING_NAMES = OrderedDict(\n    [\n        (\"bert\", \"B\"),\n    ]\n)\n";

    fn said(model_type: &str) -> String {
        judge(CONFIGURATIONS, MODELING, model_type).map_or_else(
            |error| {
                let report = crate::util::blame::Report::from(&error);
                format!("{} → {}", report.text, report.hint.unwrap_or_default())
            },
            |()| "fit".into(),
        )
    }

    #[test]
    fn a_type_is_fit_or_the_reason_and_the_nearest_names_are_given() {
        assert_eq!(["arcee", "gpt-sw3", "gemma3_text"].map(said), ["fit"; 3]);
        assert_eq!(
            ["arce", "vit", "bert", "gemma3", "mlcd"].map(said),
            [
                "transformers has no model `arce` → did you mean arcee?",
                "transformers has no model `vit` → give the model_type as it stands in config.json; a model whose code is in its Hub \
                 repository only, or in a newer transformers, is not read yet",
                "bert is not a causal language model in transformers: mlx-lm runs decoders that generate text → give a decoder's \
                 model_type, such as arcee",
                "gemma3 is not a causal language model in transformers: mlx-lm runs decoders that generate text → its text part \
                 may be gemma3_text",
                "mlcd is not a causal language model in transformers: mlx-lm runs decoders that generate text → give a decoder's \
                 model_type, such as arcee",
            ]
        );
    }

    #[test]
    fn a_class_leads_to_its_model_type() {
        let text = "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = OrderedDict(\n    [\n        (\"code_llama\", \"LlamaForCausalLM\"),\n        \
            (\"llama\", \"LlamaForCausalLM\"),\n    ]\n)\nOTHER = OrderedDict(\n    [\n        (\"vit\", \"ViT\"),\n    ]\n)\n";
        assert_eq!(types_of(text, "LlamaForCausalLM"), ["code_llama", "llama"]);
        assert_eq!(types_of(text, "ViT"), [] as [&str; 0]);
        let folder = tempfile::tempdir().expect("a folder");
        let auto = folder.path().join("models/auto");
        crate::util::fs::write_atomic(&auto.join("modeling_auto.py"), text.as_bytes()).expect("written");
        assert_eq!(type_of_class(folder.path(), "LlamaForCausalLM").as_deref(), Some("llama"));
        assert_eq!(type_of_class(folder.path(), "NoSuchForCausalLM"), None);
    }

    #[test]
    fn tables_that_cannot_be_read_refuse_nothing() {
        judge("", "", "anything").expect("nothing is known, so nothing is refused");
    }
}
