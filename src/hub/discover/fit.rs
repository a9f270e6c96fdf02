//! Whether mlx-lm has a place for a repository: it runs decoders that generate text. A model that also sees or hears is
//! no such decoder, but its text_config may be one.

use crate::hub::data::discover::Fit;
use crate::hub::data::{Config, Json, Member, RepoInfo};

/// Judges by what the Hub keeps of the config.
pub fn fit(info: &RepoInfo) -> Fit {
    let task = info.task.as_deref().unwrap_or("");
    let classes = &info.architectures;
    if classes.iter().any(|class| generates(class)) {
        return Fit::Language;
    }
    if let Some(class) = classes.first() {
        return judge(class, info.model_type.as_deref(), task, None);
    }
    match (task, info.library.as_deref()) {
        (_, Some(library @ ("diffusers" | "sentence-transformers" | "timm" | "open_clip"))) => {
            Fit::Not { why: format!("it is for {library}, which generates no text") }
        }
        ("image-text-to-text" | "any-to-any" | "audio-text-to-text" | "video-text-to-text", _) => {
            Fit::Inside { text_type: None }
        }
        ("" | "text-generation", _) => Fit::Unknown,
        (task, _) => Fit::Not { why: format!("its task is {task}") },
    }
}

/// Judges by the config.json itself.
pub fn of_config(config: &Config) -> Fit {
    let texts = |key: &str| match find(&config.root, key) {
        Some(Json::List(items)) => items.iter().filter_map(text).collect::<Vec<_>>(),
        _ => Vec::new(),
    };
    let classes = texts("architectures");
    if classes.iter().any(|class| generates(class)) {
        return Fit::Language;
    }
    let inner = match find(&config.root, "text_config").or_else(|| find(&config.root, "llm_config")) {
        Some(Json::Object(members)) => Some(find(members, "model_type").and_then(text)),
        _ => None,
    };
    match (classes.first(), inner) {
        (Some(class), inner) => judge(class, config.model_type.as_deref(), "", inner),
        (None, Some(text_type)) => Fit::Inside { text_type },
        (None, None) => Fit::Unknown,
    }
}

fn judge(class: &str, model_type: Option<&str>, task: &str, inner: Option<Option<String>>) -> Fit {
    if let Some(text_type) = inner {
        return Fit::Inside { text_type };
    }
    let many = ["image-text-to-text", "any-to-any", "audio-text-to-text", "video-text-to-text"];
    // Encoder-decoders for text alone end in the same words; the task tells them apart.
    if class.ends_with("ForConditionalGeneration") && many.contains(&task) {
        return Fit::Inside { text_type: None };
    }
    let what = if class.ends_with("ForSequenceClassification") || class.ends_with("ForTokenClassification") {
        "a classifier"
    } else if class.ends_with("ForMaskedLM") || class.ends_with("ForPreTraining") {
        "an encoder that fills gaps"
    } else if class.ends_with("ForConditionalGeneration") || class.ends_with("ForSpeechSeq2Seq") {
        "an encoder with a decoder"
    } else if class.ends_with("Model") {
        "a model without a language head"
    } else {
        "no decoder that generates text"
    };
    let of = model_type.map(|model_type| format!(" ({model_type})")).unwrap_or_default();
    Fit::Not { why: format!("its class {class}{of} is {what}") }
}

fn generates(class: &str) -> bool {
    class.ends_with("ForCausalLM") || class.ends_with("LMHeadModel") || class == "ForCausalLM"
}

fn find<'a>(members: &'a [Member], key: &str) -> Option<&'a Json> {
    members.iter().find(|member| member.key == key).map(|member| &member.value)
}

fn text(value: &Json) -> Option<String> {
    match value {
        Json::Text(text) => Some(text.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub;

    fn listed(class: &str, task: &str, library: &str) -> Fit {
        fit(&RepoInfo {
            architectures: Some(class.to_string()).filter(|class| !class.is_empty()).into_iter().collect(),
            task: Some(task.to_string()).filter(|task| !task.is_empty()),
            library: Some(library.into()),
            ..RepoInfo::default()
        })
    }

    #[test]
    fn decoders_pass_and_the_rest_is_refused_with_the_reason() {
        let not = |why: &str| Fit::Not { why: why.into() };
        assert_eq!(listed("Qwen3ForCausalLM", "", "transformers"), Fit::Language);
        assert_eq!(listed("GPT2LMHeadModel", "", "transformers"), Fit::Language);
        assert_eq!(listed("", "text-generation", "transformers"), Fit::Unknown);
        assert_eq!(listed("", "", "diffusers"), not("it is for diffusers, which generates no text"));
        assert_eq!(
            listed("", "automatic-speech-recognition", "x"),
            not("its task is automatic-speech-recognition")
        );
        assert_eq!(
            listed("BertForMaskedLM", "fill-mask", "x"),
            not("its class BertForMaskedLM is an encoder that fills gaps")
        );
        assert_eq!(
            listed("T5ForConditionalGeneration", "translation", "x"),
            not("its class T5ForConditionalGeneration is an encoder with a decoder")
        );
        assert_eq!(
            listed("Gemma3ForConditionalGeneration", "image-text-to-text", "x"),
            Fit::Inside { text_type: None }
        );
    }

    #[test]
    fn a_config_says_which_model_its_text_part_is() {
        let read = |text: &str| {
            let Ok(Json::Object(root)) = hub::parse(text) else { panic!("an object") };
            let model_type = find(&root, "model_type").and_then(super::text);
            of_config(&Config { name: "x".into(), path: "x".into(), model_type, root })
        };
        let vlm = r#"{"model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"], "text_config": {"model_type": "gemma3_text"}}"#;
        assert_eq!(read(vlm), Fit::Inside { text_type: Some("gemma3_text".into()) });
        assert_eq!(read(r#"{"architectures": ["AForCausalLM"], "text_config": {}}"#), Fit::Language);
        assert_eq!(
            read(r#"{"model_type": "vit", "architectures": ["ViTModel"]}"#),
            Fit::Not { why: "its class ViTModel (vit) is a model without a language head".into() }
        );
        assert_eq!(read("{}"), Fit::Unknown);
    }
}
