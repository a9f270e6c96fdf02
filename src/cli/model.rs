//! `mlxport model`: who answers in which role, from which profile, with the source of every value; models of an endpoint,
//! a test of it, and its key.

mod key;
mod list;
mod test;

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{Common, output};
use crate::config::{Profile, Role, Settings};
use crate::util::blame::{Blame, Report};
use crate::util::text::one_line;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List the models of an endpoint, as it names them
    List(Which),
    /// Try an endpoint: its list of models, one streamed reply, one tool call
    Test(Which),
    /// Keep or remove the key of a profile
    #[command(subcommand)]
    Key(key::Key),
}

/// Which endpoint is meant.
#[derive(Debug, clap::Args)]
struct Which {
    /// A profile, as NAME or NAME/MODEL [default: the one that answers the chat]
    #[arg(value_name = "PROFILE")]
    chosen: Option<String>,
    /// The profile of this role instead
    #[arg(long, value_enum, conflicts_with = "chosen")]
    role: Option<Part>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Part {
    Port,
    Review,
}

impl Which {
    fn profile(&self, settings: &Settings) -> Result<Profile, Report> {
        match (&self.chosen, self.role) {
            (Some(text), _) => named(settings, text),
            (None, Some(Part::Review)) => Ok(settings.role(Role::Review).clone()),
            (None, Some(Part::Port) | None) => Ok(settings.role(Role::Port).clone()),
        }
    }
}

pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    match args.what {
        None => show(&common.settings()?, common),
        Some(What::List(which)) => list::run(&which, common),
        Some(What::Test(which)) => test::run(&which, common),
        Some(What::Key(key)) => key::run(key, common),
    }
}

fn named(settings: &Settings, text: &str) -> Result<Profile, Report> {
    settings.profile(text).ok_or_else(|| {
        let names: Vec<&str> =
            settings.profiles.iter().filter_map(|profile| profile.name.as_deref()).collect();
        Report::new(Blame::User, format!("there is no profile `{}`", one_line(text)))
            .hint(format!("there are {}; add one as [profiles.NAME] in config.toml", names.join(", ")))
    })
}

fn show(settings: &Settings, common: &Common) -> Result<ExitCode, Report> {
    if common.json {
        let roles = Role::ALL.map(|role| (role.name().to_string(), as_json(settings.role(role))));
        let roles: serde_json::Map<String, Value> = roles.into_iter().collect();
        let profiles: Vec<Value> = settings.profiles.iter().map(as_json).collect();
        output::json(&json!({"schema": 1, "roles": roles, "profiles": profiles}));
        return Ok(ExitCode::SUCCESS);
    }
    output::line("Roles");
    for role in Role::ALL {
        let profile = settings.role(role);
        if role == Role::Review && profile.chosen == settings.role(Role::Port).chosen {
            output::line(&format!("  {:<11} the same  [default]", role.name()));
            continue;
        }
        output::line(&format!("  {:<11} {}  [{}]", role.name(), one_line(&profile.title()), profile.chosen));
        rows(profile, "      ");
    }
    output::line(
        "\nProfiles: choose one with --profile NAME/MODEL, or profile = \"NAME/MODEL\" under [model]",
    );
    for profile in &settings.profiles {
        output::line(&format!("  {}", profile.shown()));
        rows(profile, "      ");
    }
    Ok(ExitCode::SUCCESS)
}

fn rows(profile: &Profile, indent: &str) {
    for row in profile.rows().iter().filter(|row| !["not set", "none"].contains(&row.value.as_str())) {
        output::line(&format!("{indent}{:<9} {}  [{}]", row.name, one_line(&row.value), row.source));
    }
}

fn as_json(profile: &Profile) -> Value {
    json!({
        "profile": profile.name,
        "chosen_by": profile.chosen.to_string(),
        "key": profile.key.value.state(),
        "values": profile.rows(),
    })
}
