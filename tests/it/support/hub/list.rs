//! `GET /api/models`: filters, order, pages.

use std::cmp::Ordering;

use serde_json::Value;

use super::Shared;
use super::body::Answer;
use super::info::{Blobs, FIELDS, info};
use super::route::{Query, Who};
use super::store::Entry;

const BASIC: [&str; 8] =
    ["likes", "trendingScore", "private", "downloads", "tags", "pipeline_tag", "library_name", "createdAt"];
const FULL: [&str; 5] = ["author", "gated", "lastModified", "sha", "siblings"];
const SORTS: [&str; 5] = ["createdAt", "downloads", "lastModified", "likes", "trendingScore"];
const KNOWN: [&str; 21] = [
    "apps",
    "author",
    "cardData",
    "config",
    "cursor",
    "direction",
    "expand",
    "expand[]",
    "filter",
    "full",
    "gated",
    "inference",
    "inference_provider",
    "library",
    "limit",
    "num_parameters",
    "other",
    "pipeline_tag",
    "search",
    "sort",
    "trained_dataset",
];

pub fn list(shared: &Shared, path: &str, query: &Query, who: Who) -> Answer {
    for (name, _) in query.pairs() {
        if !KNOWN.contains(&name) {
            shared.log.problem(format!("{path} knows no parameter {name}"));
        }
    }
    let fields = match fields(query) {
        Ok(fields) => fields,
        Err(answer) => return answer,
    };
    let sort = query.one("sort").unwrap_or("trendingScore");
    if !SORTS.contains(&sort) {
        return Answer::refusal(400, None, "Invalid sort parameter");
    }
    let mut found = shared
        .store
        .all()
        .into_iter()
        .filter(|entry| (!entry.main().card.private || who == Who::Member) && matches(entry, query))
        .collect::<Vec<_>>();
    let ascending = query.one("direction") == Some("1");
    found.sort_by(|a, b| {
        let order = compare(a, b, sort);
        if ascending { order } else { order.reverse() }.then_with(|| a.id.cmp(&b.id))
    });
    let limit = query.one("limit").and_then(|limit| limit.parse().ok()).unwrap_or(1000_usize);
    page(shared, path, query, &found, limit, |entry| info(entry, entry.main(), &fields, Blobs::Left))
}

fn fields(query: &Query) -> Result<Vec<&'static str>, Answer> {
    let asked = query.all("expand");
    if !asked.is_empty() {
        return expand(&asked);
    }
    let mut fields = BASIC.to_vec();
    if query.yes("full") {
        fields.extend(FULL);
    }
    if query.yes("config") {
        fields.push("config");
    }
    if query.yes("cardData") {
        fields.push("cardData");
    }
    Ok(fields)
}

/// Reads `expand`, which the Hub refuses whole when it does not know a name.
pub fn expand(asked: &[&str]) -> Result<Vec<&'static str>, Answer> {
    let known = |name: &&str| FIELDS.iter().find(|field| *field == name).copied();
    asked
        .iter()
        .map(|name| {
            known(name).ok_or_else(|| {
                Answer::refusal(
                    400,
                    None,
                    &format!("\"expand\" must be one of [{}], not {name}", FIELDS.join(", ")),
                )
            })
        })
        .collect()
}

fn compare(a: &Entry, b: &Entry, sort: &str) -> Ordering {
    let (a, b) = (&a.main().card, &b.main().card);
    match sort {
        "createdAt" => a.created.cmp(&b.created),
        "downloads" => a.downloads.cmp(&b.downloads),
        "lastModified" => a.modified.cmp(&b.modified),
        "likes" => a.likes.cmp(&b.likes),
        _ => a.trending.cmp(&b.trending),
    }
}

fn matches(entry: &Entry, query: &Query) -> bool {
    let repo = entry.main();
    let tags = repo.tags();
    let tagged = |tag: &str| tags.iter().any(|own| own.eq_ignore_ascii_case(tag));
    let filters = query.all("filter");
    let filters =
        filters.iter().chain(&query.all("other")).flat_map(|list| list.split(',')).collect::<Vec<_>>();
    let author = entry.id.split_once('/').map_or("", |(author, _)| author);
    filters.into_iter().filter(|tag| !tag.is_empty()).all(tagged)
        && query.one("library").is_none_or(tagged)
        && query.one("pipeline_tag").is_none_or(|tag| repo.card.pipeline_tag.as_deref() == Some(tag))
        && query.one("author").is_none_or(|name| author.eq_ignore_ascii_case(name))
        && query.one("search").is_none_or(|text| entry.id.to_lowercase().contains(&text.to_lowercase()))
        && query.one("gated").is_none_or(|_| repo.card.gated.is_some() == query.yes("gated"))
        && query.one("num_parameters").is_none_or(|range| sized(repo.parameters().values().sum(), range))
}

/// Reads `min:1B,max:8B`.
fn sized(parameters: u64, range: &str) -> bool {
    range.split(',').all(|bound| {
        let Some((end, text)) = bound.split_once(':') else { return true };
        let (number, unit) = text.split_at(text.find(|c: char| c.is_alphabetic()).unwrap_or(text.len()));
        let unit = match unit {
            "K" => 1e3,
            "M" => 1e6,
            "B" => 1e9,
            "T" => 1e12,
            _ => 1.0,
        };
        let bound = number.parse::<f64>().unwrap_or(0.0) * unit;
        if end == "max" { parameters as f64 <= bound } else { parameters as f64 >= bound }
    })
}

/// Answers with one page of a list, and where the next one is.
pub fn page<T>(
    shared: &Shared,
    path: &str,
    query: &Query,
    items: &[T],
    limit: usize,
    show: impl Fn(&T) -> Value,
) -> Answer {
    let limit = limit.clamp(1, shared.options.page.max(1));
    let Some(start) = query.one("cursor").map_or(Some(0), read_cursor) else {
        return Answer::refusal(400, None, "Invalid cursor");
    };
    let shown = items.iter().skip(start).take(limit).map(show).collect::<Vec<_>>();
    let answer = Answer::json(&shown.into());
    let next = start + limit;
    if next >= items.len() {
        return answer;
    }
    let url = format!("{}{path}?{}", shared.endpoint, query.with("cursor", &write_cursor(next)));
    answer.with("link", &format!("<{url}>; rel=\"next\""))
}

/// A cursor means nothing to a client: it is not a number that could be counted up.
fn write_cursor(at: usize) -> String {
    super::file::hex(format!("{{\"skip\":{at}}}").as_bytes())
}

fn read_cursor(text: &str) -> Option<usize> {
    let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    let bytes = (0..text.len()).step_by(2).map(byte).collect::<Option<Vec<_>>>()?;
    let value = serde_json::from_slice::<Value>(&bytes).ok()?;
    usize::try_from(value["skip"].as_u64()?).ok()
}
