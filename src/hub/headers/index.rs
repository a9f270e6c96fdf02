//! model.safetensors.index.json: which tensor is in which file.

use std::collections::HashMap;
use std::fmt;

use serde::de::{self, Deserialize, IgnoredAny, MapAccess, Visitor};

use super::header::shallow;

/// 92,000 tensors take 9 MB.
pub const LARGEST_INDEX: u64 = 64 << 20;

/// The index, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Tensor to file.
    pub map: HashMap<String, String>,
    /// `metadata.total_size`, which is often wrong and which nothing reads.
    pub total_size: Option<u64>,
}

impl Places {
    /// Reads an index; the error says what is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8: {error}"))?;
        shallow(text).map_err(|fault| fault.to_string())?;
        let raw: Raw =
            serde_json::from_str(text).map_err(|error| format!("no weight_map can be read: {error}"))?;
        let total_size = raw.metadata.and_then(|metadata| metadata.total_size).and_then(|size| size.as_u64());
        Ok(Self { map: raw.weight_map.0, total_size })
    }

    /// Guesses the bytes of each file's header from the names that it will hold.
    pub fn header_sizes(&self) -> HashMap<&str, u64> {
        let mut sizes: HashMap<&str, u64> = HashMap::new();
        for (tensor, file) in &self.map {
            // `"name":{"dtype":"BF16","shape":[7168,18432],"data_offsets":[4294967296,4559208448]},`
            *sizes.entry(file).or_insert(512) += tensor.len() as u64 + 96;
        }
        sizes
    }
}

#[derive(serde::Deserialize)]
struct Raw {
    weight_map: Map,
    #[serde(default)]
    metadata: Option<Total>,
}

#[derive(serde::Deserialize)]
struct Total {
    #[serde(default)]
    total_size: Option<serde_json::Number>,
}

/// A map that refuses a key that is there twice; serde's own takes the last.
struct Map(HashMap<String, String>);

impl<'de> Deserialize<'de> for Map {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Once;
        impl<'de> Visitor<'de> for Once {
            type Value = Map;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object from tensors to files")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut read: A) -> Result<Map, A::Error> {
                let mut map: HashMap<String, String> = HashMap::new();
                while let Some(tensor) = read.next_key::<String>()? {
                    if map.contains_key(&tensor) {
                        read.next_value::<IgnoredAny>()?;
                        return Err(de::Error::custom(format!("the tensor `{tensor}` is there twice")));
                    }
                    map.insert(tensor, read.next_value()?);
                }
                Ok(Map(map))
            }
        }
        deserializer.deserialize_map(Once)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_gives_places_and_sizes_of_headers() {
        let text = br#"{"metadata": {"total_size": 12, "x": []}, "weight_map": {"a.weight": "1", "b": "1"}}"#;
        let places = Places::parse(text).expect("an index");
        assert_eq!((places.map["a.weight"].as_str(), places.total_size), ("1", Some(12)));
        assert_eq!(places.header_sizes()["1"], 512 + 8 + 96 + 1 + 96);
        let float = br#"{"metadata": {"total_size": 12.0}, "weight_map": {}}"#;
        assert_eq!(Places::parse(float).expect("some writers use floats").total_size, None);
    }

    #[test]
    fn a_broken_index_says_how() {
        let wrong = |text: &str| Places::parse(text.as_bytes()).expect_err(text);
        assert!(wrong("{}").contains("missing field `weight_map`"));
        assert!(wrong(r#"{"weight_map": {"a": "1", "a": "2"}}"#).contains("the tensor `a` is there twice"));
        assert!(wrong(r#"{"weight_map": {"a": 1}}"#).contains("invalid type: integer `1`"));
        assert!(wrong(&"[".repeat(100_000)).contains("nested deeper than 8"));
    }
}
