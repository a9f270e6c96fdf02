//! What the Hub knows of a repository beside its files; `.hub/repo.json` of a fixture.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// Everything has a default, so a folder without a card is a public repository that nobody downloads.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Card {
    pub private: bool,
    /// `"auto"` or `"manual"`.
    pub gated: Option<String>,
    pub disabled: bool,
    /// Ids that redirect here.
    pub renamed_from: Vec<String>,
    pub downloads: u64,
    pub likes: u64,
    pub trending: u64,
    pub created: String,
    pub modified: String,
    /// Beyond those the server finds itself: the library, the model type, the format, the base models.
    pub tags: Vec<String>,
    pub pipeline_tag: Option<String>,
    pub library_name: Option<String>,
    /// The front matter of README.md: license, base_model, base_model_relation, language.
    pub card_data: Map<String, Value>,
    /// Files of this size that are zeros, as LFS has them: `pytorch_model.bin`, `tokenizer.json`.
    pub zeros: BTreeMap<String, u64>,
}

impl Default for Card {
    fn default() -> Self {
        Self {
            private: false,
            gated: None,
            disabled: false,
            renamed_from: Vec::new(),
            downloads: 0,
            likes: 0,
            trending: 0,
            created: "2026-01-10T09:00:00.000Z".into(),
            modified: "2026-02-20T12:00:00.000Z".into(),
            tags: Vec::new(),
            pipeline_tag: Some("text-generation".into()),
            library_name: Some("transformers".into()),
            card_data: Map::new(),
            zeros: BTreeMap::new(),
        }
    }
}
