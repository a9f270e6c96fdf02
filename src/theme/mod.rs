//! Colours as tokens; the only place that names a colour. A theme is a TOML file of tokens; the backend quantises what
//! the terminal cannot show.

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

const THEMES: [(&str, &str); 5] = [
    ("dark", include_str!("../../themes/dark.toml")),
    ("light", include_str!("../../themes/light.toml")),
    ("high-contrast", include_str!("../../themes/high-contrast.toml")),
    ("ansi16", include_str!("../../themes/ansi16.toml")),
    ("mono", include_str!("../../themes/mono.toml")),
];

macro_rules! tokens {
    ($($name:ident),* $(,)?) => {
        /// One style for each thing the screen shows.
        #[derive(Clone, Debug, Default)]
        pub struct Theme { $(pub $name: Style,)* }

        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File { $($name: Entry,)* }

        impl Theme {
            /// Reads a theme from TOML; every token must be there, and no other.
            pub fn parse(text: &str) -> Result<Self, ThemeError> {
                let file: File = toml::from_str(text).map_err(|error| ThemeError::Syntax(error.to_string()))?;
                Ok(Self { $($name: file.$name.style(stringify!($name))?,)* })
            }
        }
    };
}

tokens!(
    text,
    dim,
    strong,
    accent,
    border,
    border_focus,
    title,
    title_focus,
    selected,
    bar,
    bar_key,
    ok,
    warn,
    fail,
    running,
    add,
    del,
    add_word,
    del_word,
    hunk,
    voice,
    user,
    model,
    r#match,
    gutter,
    mark,
    code_keyword,
    code_function,
    code_type,
    code_string,
    code_number,
    code_comment,
    code_operator,
    code_decorator,
    code_constant,
    code_parameter,
);

/// A theme that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ThemeError {
    #[error("the theme is not valid: {0}")]
    Syntax(String),
    #[error("theme token {token}: `{value}` is not a colour or modifier")]
    Value { token: String, value: String },
    #[error("there is no theme `{0}`; there are dark, light, high-contrast, ansi16, mono")]
    Unknown(String),
}

impl Theme {
    /// Gives a theme that the program brings.
    pub fn named(name: &str) -> Result<Self, ThemeError> {
        let found = THEMES.iter().find(|(known, _)| *known == name);
        let (_, text) = found.ok_or_else(|| ThemeError::Unknown(name.to_string()))?;
        Self::parse(text)
    }

    /// Gives the names of the themes that the program brings.
    pub fn names() -> impl Iterator<Item = &'static str> {
        THEMES.iter().map(|(name, _)| *name)
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    fg: Option<String>,
    bg: Option<String>,
    #[serde(default)]
    mods: Vec<String>,
}

impl Entry {
    fn style(&self, token: &str) -> Result<Style, ThemeError> {
        let bad = |value: &str| ThemeError::Value { token: token.into(), value: value.into() };
        let mut style = Style::default();
        if let Some(fg) = &self.fg {
            style = style.fg(colour(fg).ok_or_else(|| bad(fg))?);
        }
        if let Some(bg) = &self.bg {
            style = style.bg(colour(bg).ok_or_else(|| bad(bg))?);
        }
        for name in &self.mods {
            style = style.add_modifier(modifier(name).ok_or_else(|| bad(name))?);
        }
        Ok(style)
    }
}

fn colour(text: &str) -> Option<Color> {
    const NAMES: [&str; 8] = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
    if let Some(hex) = text.strip_prefix('#').filter(|hex| hex.len() == 6) {
        let value = u32::from_str_radix(hex, 16).ok()?;
        let [_, r, g, b] = value.to_be_bytes();
        return Some(Color::Rgb(r, g, b));
    }
    let (name, offset) = text.strip_prefix("bright-").map_or((text, 0), |name| (name, 8));
    if let Some(at) = NAMES.iter().position(|known| *known == name) {
        return u8::try_from(at + offset).ok().map(Color::Indexed);
    }
    text.parse().ok().map(Color::Indexed)
}

fn modifier(name: &str) -> Option<Modifier> {
    Some(match name {
        "bold" => Modifier::BOLD,
        "dim" => Modifier::DIM,
        "italic" => Modifier::ITALIC,
        "underline" => Modifier::UNDERLINED,
        "reverse" => Modifier::REVERSED,
        _ => return None,
    })
}

/// How many colours the terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    True,
    Indexed256,
    Ansi16,
    None,
}

impl Depth {
    /// Brings a colour down to what the terminal shows.
    pub fn quantise(self, colour: Color) -> Color {
        match (self, colour) {
            (Self::None, _) => Color::Reset,
            (Self::Indexed256, Color::Rgb(r, g, b)) => Color::Indexed(nearest256(r, g, b)),
            (Self::Ansi16, Color::Rgb(r, g, b)) => Color::Indexed(nearest16(r, g, b)),
            (Self::Ansi16, Color::Indexed(n)) if n >= 16 => {
                let (r, g, b) = rgb_of(n);
                Color::Indexed(nearest16(r, g, b))
            }
            (_, colour) => colour,
        }
    }
}

fn nearest256(r: u8, g: u8, b: u8) -> u8 {
    nearest((r, g, b), 16..=255)
}

fn nearest16(r: u8, g: u8, b: u8) -> u8 {
    nearest((r, g, b), 0..=15)
}

fn nearest(want: (u8, u8, u8), among: std::ops::RangeInclusive<u8>) -> u8 {
    let distance = |n: &u8| {
        let have = rgb_of(*n);
        let part = |a: u8, b: u8| (i32::from(a) - i32::from(b)).pow(2);
        3 * part(want.0, have.0) + 4 * part(want.1, have.1) + 2 * part(want.2, have.2)
    };
    among.min_by_key(distance).unwrap_or(7)
}

fn rgb_of(n: u8) -> (u8, u8, u8) {
    const BASE: [(u8, u8, u8); 16] = [
        (0, 0, 0),
        (205, 0, 0),
        (0, 205, 0),
        (205, 205, 0),
        (0, 0, 238),
        (205, 0, 205),
        (0, 205, 205),
        (229, 229, 229),
        (127, 127, 127),
        (255, 0, 0),
        (0, 255, 0),
        (255, 255, 0),
        (92, 92, 255),
        (255, 0, 255),
        (0, 255, 255),
        (255, 255, 255),
    ];
    match n {
        0..=15 => BASE[usize::from(n)],
        16..=231 => {
            let level = |k: u8| if k == 0 { 0 } else { 55 + 40 * k };
            let n = n - 16;
            (level(n / 36), level(n / 6 % 6), level(n % 6))
        }
        232..=255 => {
            let grey = 8 + 10 * (n - 232);
            (grey, grey, grey)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_theme_has_every_token() {
        for name in Theme::names() {
            Theme::named(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }

    #[test]
    fn colours_come_down_to_what_the_terminal_shows() {
        let red = Color::Rgb(250, 10, 10);
        assert_eq!(Depth::True.quantise(red), red);
        assert_eq!(Depth::Indexed256.quantise(red), Color::Indexed(196));
        assert_eq!(Depth::Ansi16.quantise(red), Color::Indexed(9));
        assert_eq!(Depth::None.quantise(red), Color::Reset);
    }
}
