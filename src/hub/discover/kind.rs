//! How a checkpoint was made, from what the Hub computes (tags, `base_model` relations, quantization_config) first and
//! from the words of its name only where that says nothing.

use std::collections::BTreeSet;

use super::lineage::Relation;
use crate::hub::data::RepoInfo;
use crate::hub::data::discover::{Format, Kind};

/// What tells the kinds apart, gathered once.
pub struct Signs<'a> {
    pub info: &'a RepoInfo,
    pub name: &'a str,
    /// What it was made from.
    pub bases: &'a [(Relation, String)],
    /// Its owner made what it comes from, or it comes from nothing.
    pub is_own: bool,
    /// A checkpoint of the makers has the same name.
    pub is_namesake: bool,
}

/// Tells the kind.
pub fn kind(signs: &Signs<'_>) -> Kind {
    let words: BTreeSet<String> =
        signs.name.to_lowercase().split(['-', '_', '.', ' ']).map(Into::into).collect();
    let relation = signs.bases.iter().map(|(relation, _)| *relation).max();
    if relation == Some(Relation::Adapter) || signs.info.library.as_deref() == Some("peft") {
        return Kind::Adapter;
    }
    if let Some(format) = quantized(signs, &words, relation) {
        return Kind::Quantized(format);
    }
    if is_other_head(signs.info) {
        return Kind::OtherHead;
    }
    if relation == Some(Relation::Merge) || (!signs.is_own && has_tag(signs.info, "merge")) {
        return Kind::Merge;
    }
    if !signs.is_own {
        return if signs.is_namesake { Kind::Copy } else { Kind::Finetune };
    }
    if signs.is_namesake {
        return Kind::Copy;
    }
    by_words(&words).unwrap_or_else(|| {
        // The Hub gives this tag to repositories with a chat template.
        let talks = has_tag(signs.info, "conversational");
        if talks || relation == Some(Relation::Finetune) { Kind::Instruct } else { Kind::Base }
    })
}

fn by_words(words: &BTreeSet<String>) -> Option<Kind> {
    let any = |names: &[&str]| names.iter().any(|name| words.contains(*name));
    // A preference-tuned thinker is told by how it answers.
    if any(&["thinking", "think", "reasoning", "reasoner", "r1", "qwq", "cot"]) {
        return Some(Kind::Thinking);
    }
    if any(&["dpo", "orpo", "kto", "simpo", "ipo", "apo", "rlhf", "ppo", "preference"]) {
        return Some(Kind::Preference);
    }
    if any(&["instruct", "it", "chat", "sft", "assistant", "instruction"]) {
        return Some(Kind::Instruct);
    }
    any(&["base", "pt", "pretrained", "pretrain"]).then_some(Kind::Base)
}

/// A format in which it is a copy of another; none for weights that their makers trained so.
fn quantized(signs: &Signs<'_>, words: &BTreeSet<String>, relation: Option<Relation>) -> Option<Format> {
    let info = signs.info;
    let any = |names: &[&str]| names.iter().any(|name| words.contains(*name));
    let tagged = |names: &[&str]| names.iter().any(|name| has_tag(info, name));
    let library = info.library.as_deref().unwrap_or("");
    if any(&["gguf", "ggml"]) || tagged(&["gguf"]) && info.parameters.is_empty() || library == "gguf" {
        return Some(Format::Gguf);
    }
    if any(&["mlx"]) || library == "mlx" || tagged(&["mlx"]) {
        return Some(Format::Mlx);
    }
    if any(&["onnx", "openvino", "coreml", "tensorrt", "litert", "executorch", "qnn", "ncnn", "rknn"])
        || matches!(
            library,
            "onnx" | "openvino" | "coreml" | "transformers.js" | "litert" | "executorch" | "ctranslate2"
        )
    {
        return Some(Format::Runtime);
    }
    let by_name = [
        (&["gptq"][..], Format::Gptq),
        (&["awq"], Format::Awq),
        (&["fp8"], Format::Fp8),
        (&["bnb", "nf4", "bitsandbytes"], Format::BitsAndBytes),
        (&["exl2", "exl3"], Format::Exl),
        (&["w4a16", "w8a8", "w8a16", "nvfp4", "mxfp4"], Format::CompressedTensors),
        (
            &[
                "int4",
                "int8",
                "4bit",
                "8bit",
                "3bit",
                "2bit",
                "6bit",
                "hqq",
                "aqlm",
                "quip",
                "autoround",
                "torchao",
                "quantized",
            ],
            Format::Other,
        ),
    ];
    let named = by_name.iter().find(|(names, _)| any(names)).map(|(_, format)| *format);
    let method = info.quant_method.as_deref().map(|method| match method {
        "gptq" => Format::Gptq,
        "awq" => Format::Awq,
        "fp8" | "fbgemm_fp8" | "finegrained_fp8" => Format::Fp8,
        "bitsandbytes" => Format::BitsAndBytes,
        "exl2" | "exl3" => Format::Exl,
        "compressed-tensors" | "modelopt" => Format::CompressedTensors,
        _ => Format::Other,
    });
    // FP8 or MXFP4 that nothing else was the source of is how the makers trained it.
    let is_copy = relation == Some(Relation::Quantized)
        || named.is_some()
        || (method.is_some() && !signs.bases.is_empty());
    is_copy.then(|| named.filter(|named| *named != Format::Other).or(method).unwrap_or(Format::Other))
}

fn is_other_head(info: &RepoInfo) -> bool {
    let heads =
        ["ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering", "RewardModel"];
    let classes = &info.architectures;
    let other = |class: &String| heads.iter().any(|head| class.ends_with(head));
    (!classes.is_empty() && classes.iter().all(other))
        || matches!(
            info.task.as_deref(),
            Some(
                "text-classification"
                    | "token-classification"
                    | "feature-extraction"
                    | "sentence-similarity"
                    | "text-ranking"
            )
        )
        || info.library.as_deref() == Some("sentence-transformers")
}

fn has_tag(info: &RepoInfo, tag: &str) -> bool {
    info.tags.iter().any(|own| own == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, tags: &[&str], bases: &[(Relation, &str)]) -> Kind {
        let info = RepoInfo { tags: tags.iter().map(ToString::to_string).collect(), ..RepoInfo::default() };
        with(&info, name, bases, bases.is_empty())
    }

    fn with(info: &RepoInfo, name: &str, bases: &[(Relation, &str)], is_own: bool) -> Kind {
        let bases: Vec<_> = bases.iter().map(|(relation, id)| (*relation, id.to_string())).collect();
        kind(&Signs { info, name, bases: &bases, is_own, is_namesake: false })
    }

    #[test]
    fn the_makers_checkpoints_are_told_by_their_words_and_by_their_chat_template() {
        assert_eq!(of("Olmo-3-7B-Instruct-DPO", &[], &[]), Kind::Preference);
        assert_eq!(of("Olmo-3-7B-Think-DPO", &[], &[]), Kind::Thinking);
        assert_eq!(of("Olmo-3-7B-Instruct-SFT", &[], &[]), Kind::Instruct);
        assert_eq!(of("gemma-3-1b-it", &[], &[]), Kind::Instruct);
        assert_eq!(of("gemma-3-1b-pt", &["conversational"], &[]), Kind::Base);
        assert_eq!(of("Qwen3-8B-Base", &["conversational"], &[]), Kind::Base);
        assert_eq!(of("Qwen3-8B", &["conversational"], &[]), Kind::Instruct);
        assert_eq!(of("Llama-2-7b-hf", &[], &[]), Kind::Base);
        let own = with(&RepoInfo::default(), "AFM-4.5B", &[(Relation::Finetune, "lab/AFM-4.5B-Base")], true);
        assert_eq!(own, Kind::Instruct);
    }

    #[test]
    fn copies_in_other_formats_stand_apart() {
        let quantized = |format| Kind::Quantized(format);
        let base = [(Relation::Quantized, "lab/Q")];
        assert_eq!(of("Q-8B-GGUF", &["gguf"], &base), quantized(Format::Gguf));
        assert_eq!(of("Q-8B-4bit", &["mlx", "4-bit"], &base), quantized(Format::Mlx));
        assert_eq!(of("Q-8B-AWQ", &[], &[]), quantized(Format::Awq));
        assert_eq!(of("Q-8B-GPTQ-Int4", &[], &base), quantized(Format::Gptq));
        assert_eq!(of("Q-8B-FP8", &[], &base), quantized(Format::Fp8));
        assert_eq!(of("Q-8B-quantized.w4a16", &[], &base), quantized(Format::CompressedTensors));
        assert_eq!(of("Q-8B-ONNX", &[], &base), quantized(Format::Runtime));
        assert_eq!(of("Q-8B-lora", &[], &[(Relation::Adapter, "lab/Q")]), Kind::Adapter);
        assert_eq!(of("Q-8B-bnb-4bit", &[], &base), quantized(Format::BitsAndBytes));
    }

    #[test]
    fn weights_that_their_makers_trained_in_few_bits_are_no_copy() {
        let native = RepoInfo { quant_method: Some("fp8".into()), ..RepoInfo::default() };
        assert_eq!(with(&native, "DeepSeek-V3", &[], true), Kind::Base);
        assert_eq!(
            with(&native, "Q-8B", &[(Relation::Unsaid, "lab/Q-8B")], false),
            Kind::Quantized(Format::Fp8)
        );
    }

    #[test]
    fn others_work_is_not_among_the_makers() {
        let info = RepoInfo::default();
        assert_eq!(with(&info, "Q-med-Instruct", &[(Relation::Finetune, "lab/Q")], false), Kind::Finetune);
        assert_eq!(with(&info, "Q-mix", &[(Relation::Merge, "lab/Q")], false), Kind::Merge);
        let classifier =
            RepoInfo { architectures: vec!["QForSequenceClassification".into()], ..RepoInfo::default() };
        assert_eq!(with(&classifier, "Q-reward", &[], true), Kind::OtherHead);
        let namesake = Signs { info: &info, name: "Q-8B", bases: &[], is_own: true, is_namesake: true };
        assert_eq!(kind(&namesake), Kind::Copy);
    }
}
