//! Open pull requests of mlx-lm that name a model type, by GitHub's public search: no token, one request, and not reaching it
//! is only said.

use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;

use super::HubError;
use crate::util::http::excerpt;
use crate::util::text::one_line;

/// Where GitHub's API is, unless a test says otherwise.
pub const GITHUB: &str = "https://api.github.com";
const REPOSITORY: &str = "ml-explore/mlx-lm";
const LARGEST: usize = 4 << 20;

/// An open pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pull {
    pub number: u64,
    /// Untrusted, on one line.
    pub title: String,
    pub url: String,
    pub author: String,
    /// RFC 3339.
    pub updated: String,
}

#[derive(Deserialize)]
struct Answer {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    number: u64,
    title: String,
    html_url: String,
    #[serde(default)]
    user: User,
    #[serde(default)]
    updated_at: String,
}

#[derive(Default, Deserialize)]
struct User {
    #[serde(default)]
    login: String,
}

/// Searches the open pull requests for a model type; at most ten.
///
/// # Errors
/// GitHub cannot be reached, refuses, or answers something else.
pub async fn pulls(api: &str, model_type: &str) -> Result<Vec<Pull>, HubError> {
    let host =
        Url::parse(api).ok().and_then(|url| url.host_str().map(str::to_string)).unwrap_or_else(|| api.into());
    let failed = |why: String| HubError::Pulls { host: host.clone(), why };
    let mut url = Url::parse(&format!("{}/search/issues", api.trim_end_matches('/')))
        .map_err(|error| failed(error.to_string()))?;
    url.query_pairs_mut()
        .append_pair("q", &format!("repo:{REPOSITORY} is:pr is:open \"{model_type}\""))
        .append_pair("per_page", "10");
    let client = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(15))
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("mlxport/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| failed(error.without_url().to_string()))?;
    let request = client.get(url).header("accept", "application/vnd.github+json");
    let mut response = request.send().await.map_err(|error| failed(reason(error)))?;
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| failed(reason(error)))? {
        body.extend_from_slice(&piece);
        if body.len() > LARGEST {
            return Err(failed("the answer is longer than any search's".into()));
        }
    }
    let status = response.status().as_u16();
    if status == 403 || status == 429 {
        return Err(failed("it limits searches; try again in a minute".into()));
    }
    if status != 200 {
        return Err(failed(format!("it answered {status}: {}", excerpt(&body))));
    }
    let answer: Answer = serde_json::from_slice(&body)
        .map_err(|error| failed(format!("its answer is no search's: {error}")))?;
    let one = |item: Item| Pull {
        number: item.number,
        title: one_line(&item.title),
        url: one_line(&item.html_url),
        author: one_line(&item.user.login),
        updated: item.updated_at,
    };
    Ok(answer.items.into_iter().map(one).collect())
}

fn reason(error: reqwest::Error) -> String {
    let late = error.is_timeout();
    let error = error.without_url();
    let mut root: &dyn std::error::Error = &error;
    while let Some(source) = root.source() {
        root = source;
    }
    if late { "no answer in time".into() } else { root.to_string() }
}
