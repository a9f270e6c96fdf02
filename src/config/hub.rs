//! Where the Hub's own tools keep token and cache: the same places as `huggingface_hub`, so that nothing is logged in or
//! downloaded twice.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::env::Env;
use super::value::{Setting, Source};

/// Gives the Hub cache: `HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE`, else `hub` below the Hub's home folder.
pub(super) fn cache(env: &Env) -> Setting<Option<PathBuf>> {
    for name in ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"] {
        if let Some(path) = env.get(name) {
            return Setting { value: Some(expand(env, path)), source: Source::Env(name) };
        }
    }
    let home = home(env);
    Setting { value: home.value.map(|folder| folder.join("hub")), source: home.source }
}

/// Gives the token that a login left on disk, unless the person said not to use it.
pub(super) fn stored_token(env: &Env) -> Setting<Option<SecretString>> {
    let said = |name| {
        env.get(name)
            .is_some_and(|value| !["0", "false", "no", "off"].contains(&value.to_ascii_lowercase().as_str()))
    };
    if said("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
        return Setting::default(None);
    }
    let path = match env.get("HF_TOKEN_PATH") {
        Some(path) => Some(expand(env, path)),
        None => home(env).value.map(|folder| folder.join("token")),
    };
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let Some((path, text)) = path.and_then(|path| Some((path.clone(), read(&path)?))) else {
        return Setting::default(None);
    };
    let text = text.trim();
    // A file with anything but one word is not a token; a header could not carry it.
    match !text.is_empty() && text.len() < 4096 && text.chars().all(|c| c.is_ascii_graphic()) {
        true => {
            Setting { value: Some(SecretString::from(text.to_string())), source: Source::TokenFile(path) }
        }
        false => Setting::default(None),
    }
}

fn home(env: &Env) -> Setting<Option<PathBuf>> {
    if let Some(path) = env.get("HF_HOME") {
        return Setting { value: Some(expand(env, path)), source: Source::Env("HF_HOME") };
    }
    if let Some(path) = env.get("XDG_CACHE_HOME") {
        let folder = expand(env, path).join("huggingface");
        return Setting { value: Some(folder), source: Source::Env("XDG_CACHE_HOME") };
    }
    Setting::default(env.home_dir().map(|home| home.join(".cache").join("huggingface")))
}

fn expand(env: &Env, text: &str) -> PathBuf {
    match (text.strip_prefix("~/"), env.home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(text),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_cache_is_where_huggingface_hub_has_it() {
        let at = |vars: &[(&str, &str)]| {
            let found = cache(&Env::of(vars.iter().copied()).with("HOME", "/h"));
            (found.value.expect("a folder").display().to_string(), found.source.to_string())
        };
        let case = |path: &str, source: &str| (path.to_string(), source.to_string());
        assert_eq!(at(&[]), case("/h/.cache/huggingface/hub", "default"));
        assert_eq!(at(&[("XDG_CACHE_HOME", "/x")]), case("/x/huggingface/hub", "XDG_CACHE_HOME"));
        assert_eq!(at(&[("HF_HOME", "~/hf"), ("XDG_CACHE_HOME", "/x")]), case("/h/hf/hub", "HF_HOME"));
        assert_eq!(at(&[("HF_HUB_CACHE", "/c"), ("HF_HOME", "/x")]), case("/c", "HF_HUB_CACHE"));
    }

    #[test]
    fn a_login_is_found_unless_it_is_not_wanted() {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::create_dir_all(folder.path()).expect("folder");
        crate::util::fs::write_atomic(&folder.path().join("token"), b"hf_abc\n").expect("token");
        let env = Env::of([("HF_HOME", folder.path().display().to_string())]);
        let found = stored_token(&env);
        assert_eq!(
            found.value.as_ref().map(|token| token.expose_secret().to_string()),
            Some("hf_abc".into())
        );
        assert!(found.source.to_string().ends_with("/token"));
        assert!(stored_token(&env.clone().with("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")).value.is_none());
        crate::util::fs::write_atomic(&folder.path().join("token"), b"two words").expect("token");
        assert!(stored_token(&env).value.is_none());
    }
}
