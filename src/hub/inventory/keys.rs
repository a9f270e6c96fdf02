//! Looks keys of a config up: in the text part first, then at the top, under each of the names that libraries use.

use crate::hub::data::{Config, Json, Member};

/// A config, the language model's part of it found.
#[derive(Clone, Copy, Debug)]
pub struct Keys<'a> {
    root: &'a [Member],
    /// `text_config`, where there is one, and its name.
    text: Option<(&'a str, &'a [Member])>,
}

/// Where multimodal configs keep the language model's.
const TEXT: [&str; 4] = ["text_config", "llm_config", "language_config", "thinker_config"];

impl<'a> Keys<'a> {
    /// Finds the text part.
    pub fn of(config: &'a Config) -> Self {
        let mut keys = Self { root: &config.root, text: None };
        while let Some((name, inner)) = keys
            .text
            .map_or(Some(("", keys.root)), Some)
            .and_then(|(_, block)| TEXT.iter().find_map(|name| Some((*name, object(get(block, name)?)?))))
        {
            keys.text = Some((name, inner));
        }
        keys
    }

    /// Gives a value and its path, null not counted.
    pub fn find(&self, names: &[&str]) -> Option<(String, &'a Json)> {
        let inner = self.text.and_then(|(block, members)| {
            names.iter().find_map(|name| Some((format!("{block}.{name}"), known(members, name)?)))
        });
        inner.or_else(|| names.iter().find_map(|name| Some(((*name).to_string(), known(self.root, name)?))))
    }

    /// Gives a value at the top, null not counted.
    pub fn top(&self, name: &str) -> Option<&'a Json> {
        known(self.root, name)
    }

    /// Gives a value of the text part, where there is one apart, and its path.
    pub fn inner(&self, name: &str) -> Option<(String, &'a Json)> {
        self.text.and_then(|(block, members)| Some((format!("{block}.{name}"), known(members, name)?)))
    }

    /// Gives a whole number.
    pub fn number(&self, names: &[&str]) -> Option<u64> {
        self.find(names).and_then(|(_, value)| whole(value))
    }

    /// Gives a whole number and its path.
    pub fn number_at(&self, names: &[&str]) -> Option<(String, u64)> {
        self.find(names).and_then(|(path, value)| Some((path, whole(value)?)))
    }

    /// Gives true or false.
    pub fn switch(&self, names: &[&str]) -> Option<bool> {
        self.find(names).and_then(|(_, value)| match value {
            Json::Bool(value) => Some(*value),
            _ => None,
        })
    }

    /// Gives a text.
    pub fn text(&self, names: &[&str]) -> Option<&'a str> {
        self.find(names).and_then(|(_, value)| text(value))
    }

    /// Gives a list.
    pub fn list(&self, names: &[&str]) -> Option<&'a [Json]> {
        self.find(names).and_then(|(_, value)| match value {
            Json::List(items) => Some(items.as_slice()),
            _ => None,
        })
    }

    /// Gives a list of whole numbers.
    pub fn numbers(&self, names: &[&str]) -> Option<Vec<u64>> {
        self.list(names)?.iter().map(whole).collect()
    }
}

/// Gives a member's value.
pub fn get<'a>(members: &'a [Member], name: &str) -> Option<&'a Json> {
    members.iter().find(|member| member.key == name).map(|member| &member.value)
}

/// Gives a member's value, null not counted.
pub fn known<'a>(members: &'a [Member], name: &str) -> Option<&'a Json> {
    get(members, name).filter(|value| !matches!(value, Json::Null))
}

/// Gives the members of an object.
pub fn object(value: &Json) -> Option<&[Member]> {
    match value {
        Json::Object(members) => Some(members),
        _ => None,
    }
}

/// Gives a text.
pub fn text(value: &Json) -> Option<&str> {
    match value {
        Json::Text(text) => Some(text),
        _ => None,
    }
}

/// Gives a whole number; 64.0 is one.
pub fn whole(value: &Json) -> Option<u64> {
    match value {
        Json::Number(number) => number.parse().ok().or_else(|| {
            let float: f64 = number.parse().ok()?;
            (float.fract() == 0.0 && (0.0..9e15).contains(&float)).then_some(float as u64)
        }),
        _ => None,
    }
}
