//! What endpoints say of the models that they list: servers put sizes and abilities in places of their own.

use serde::Serialize;
use serde_json::Value;

/// A model as its endpoint lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ModelInfo {
    pub id: String,
    /// Tokens of context, where the endpoint says it; the largest where several providers differ.
    pub context: Option<u64>,
    /// Whether it takes tools, where the endpoint says it.
    pub tools: Option<bool>,
}

/// Reads one entry of a list.
pub(super) fn read(model: &Value) -> Option<ModelInfo> {
    let id = model["id"].as_str().or_else(|| model["name"].as_str())?.to_string();
    Some(ModelInfo { id, context: context(model), tools: tools(model) })
}

/// vLLM `max_model_len`; OpenRouter, Mistral and others `context_length`, `context_window`, `max_context_length`;
/// llama.cpp `meta.n_ctx_train`; the Hugging Face router one `context_length` a provider.
fn context(model: &Value) -> Option<u64> {
    let named = ["max_model_len", "context_length", "context_window", "max_context_length"];
    let own = named.iter().find_map(|name| model[*name].as_u64());
    let of_providers = || providers(model).filter_map(|provider| provider["context_length"].as_u64()).max();
    own.or_else(|| model["meta"]["n_ctx"].as_u64())
        .or_else(|| model["meta"]["n_ctx_train"].as_u64())
        .or_else(of_providers)
        .filter(|tokens| *tokens > 0)
}

/// The router says it for each provider; OpenRouter lists parameters; Ollama and others list capabilities.
fn tools(model: &Value) -> Option<bool> {
    let listed = |place: &Value| place.as_array().map(|names| names.iter().any(|name| name == "tools"));
    let mut of_providers =
        providers(model).filter_map(|provider| provider["supports_tools"].as_bool()).peekable();
    if of_providers.peek().is_some() {
        return Some(of_providers.any(|yes| yes));
    }
    listed(&model["supported_parameters"]).or_else(|| listed(&model["capabilities"]))
}

fn providers(model: &Value) -> impl Iterator<Item = &Value> {
    model["providers"].as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sizes_and_abilities_are_found_where_servers_put_them() {
        let said = |model: Value| {
            let info = read(&model).expect("a model");
            (info.id, info.context, info.tools)
        };
        let case = |id: &str, context, tools| (id.to_string(), context, tools);
        assert_eq!(said(json!({"id": "a", "object": "model"})), case("a", None, None));
        assert_eq!(said(json!({"id": "v", "max_model_len": 32768})), case("v", Some(32768), None));
        assert_eq!(said(json!({"id": "l", "meta": {"n_ctx_train": 131072}})), case("l", Some(131072), None));
        let router = json!({"id": "q", "providers": [
            {"provider": "a", "context_length": 8192, "supports_tools": false},
            {"provider": "b", "context_length": 262144, "supports_tools": true},
        ]});
        assert_eq!(said(router), case("q", Some(262144), Some(true)));
        let open = json!({"id": "o", "context_length": 4096, "supported_parameters": ["temperature"]});
        assert_eq!(said(open), case("o", Some(4096), Some(false)));
        assert_eq!(read(&json!({"object": "model"})), None);
    }
}
