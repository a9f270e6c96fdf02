//! Runs the jobs of [`crate::app::models`].

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::JobSink;
use crate::agent::client::ModelInfo;
use crate::agent::client::probe::{self, Outcome, probe};
use crate::app::models::{self as picker, Chosen, Finding, Job, Model, Msg, Role};
use crate::app::msg::PaneMsg;
use crate::config::{self, Key, Provider};
use crate::runtime::services::Services;
use crate::util::blame::{Blame, Report};

/// Runs one job to its end.
pub(super) async fn run(
    job: Job,
    services: Arc<Services>,
    sink: JobSink,
    cancel: CancellationToken,
) -> Result<(), Report> {
    let work = async {
        match job {
            Job::Profiles => look(&services, &sink),
            Job::List { profile } => list(profile, &services, &sink).await,
            Job::Test { title } => test(title, &services, &sink).await,
            Job::Choose { role, title } => choose(role, &title, &services, &sink),
        }
    };
    tokio::select! {
        done = work => done,
        () = cancel.cancelled() => Ok(()),
    }
}

fn look(services: &Services, sink: &JobSink) -> Result<(), Report> {
    let profiles = services.settings.profiles.iter().map(shown).collect();
    let roles = [Role::Port, Role::Review].map(|role| (role, chosen(&services.models.profile(part(role)))));
    sink.send(PaneMsg::Models(Msg::Profiles { profiles, roles: roles.into() }));
    Ok(())
}

async fn list(name: String, services: &Services, sink: &JobSink) -> Result<(), Report> {
    let profile = find(&name, services)?;
    let say = sink.sink(|text| PaneMsg::Models(Msg::Waiting(text)));
    let listed = services.models.list(&profile, &say).await?;
    let models = listed.into_iter().map(model).collect();
    sink.send(PaneMsg::Models(Msg::Listed { profile: name, models }));
    Ok(())
}

async fn test(title: String, services: &Services, sink: &JobSink) -> Result<(), Report> {
    let profile = find(&title, services)?;
    let say = sink.sink(|text| PaneMsg::Models(Msg::Waiting(text)));
    let client = services.models.client(&profile, &say).await?;
    let mut each = |finding: &probe::Finding| {
        let glyph = match finding.outcome {
            Outcome::Good => '✓',
            Outcome::Note => '·',
            Outcome::Bad => '✗',
        };
        let hint = finding.report.as_ref().and_then(|report| report.hint.clone());
        let finding = Finding { glyph, text: format!("{}: {}", finding.step.words(), finding.text), hint };
        sink.send(PaneMsg::Models(Msg::Tested { title: title.clone(), finding }));
    };
    probe(&client, services.models.asked_as(&profile).as_deref(), &mut each).await;
    Ok(())
}

fn choose(role: Role, title: &str, services: &Services, sink: &JobSink) -> Result<(), Report> {
    if services.is_demo() {
        return Err(Report::new(Blame::User, "a recording answers here")
            .hint("choose a model in a session of your own"));
    }
    let profile = find(title, services)?;
    let chosen = Chosen { by: "chosen in this session".into(), ..chosen(&profile) };
    services.models.choose(part(role), profile);
    sink.send(PaneMsg::Models(Msg::Chose { role, chosen }));
    // Without a workspace the conversation has not begun; it takes what is chosen when it does.
    match role == Role::Port && services.connected().is_ok() {
        true => super::chat::load(services, sink),
        false => Ok(()),
    }
}

fn find(title: &str, services: &Services) -> Result<config::Profile, Report> {
    services.settings.profile(title).ok_or_else(|| {
        Report::new(Blame::User, format!("there is no profile for {title}")).hint("F4 lists the profiles")
    })
}

fn part(role: Role) -> config::Role {
    match role {
        Role::Port => config::Role::Port,
        Role::Review => config::Role::Review,
    }
}

fn chosen(profile: &config::Profile) -> Chosen {
    let provider = match profile.provider.value {
        Provider::OpenaiCompatible => profile.base_url.value.clone().unwrap_or_default(),
        provider @ (Provider::Manual | Provider::MlxLm) => provider.name().into(),
    };
    let model = profile.model.value.clone().unwrap_or_default();
    // Without a name it was put together from single values: the one that says who answers stands for it.
    let by = if profile.name.is_some() { &profile.chosen } else { &profile.provider.source };
    Chosen { title: profile.title(), model, provider, by: by.to_string() }
}

fn shown(profile: &config::Profile) -> picker::Profile {
    let place = match profile.provider.value {
        Provider::OpenaiCompatible => profile.base_url.value.clone().unwrap_or_else(|| "no base_url".into()),
        Provider::Manual => "you carry the text to a web chat and back".into(),
        Provider::MlxLm => "mlx_lm.server, started by mlxport".into(),
    };
    let rows = profile.rows().into_iter().filter(|row| !["not set", "none"].contains(&row.value.as_str()));
    let key = match &profile.key.value {
        Key::None => String::new(),
        Key::Missing(_) => "key not there".into(),
        Key::Known(_) => format!("key: {}", profile.key.source),
        Key::Keyring => "key: keychain".into(),
    };
    picker::Profile {
        name: profile.shown().into(),
        place,
        model: profile.model.value.clone(),
        key,
        key_missing: matches!(profile.key.value, Key::Missing(_)),
        sources: rows.map(|row| format!("{:<9} {}  [{}]", row.name, row.value, row.source)).collect(),
        lists: profile.provider.value != Provider::Manual,
    }
}

fn model(info: ModelInfo) -> Model {
    let context = info.context.map(|tokens| format!("{tokens} tokens of context"));
    let tools = info.tools.map(|yes| if yes { "tools" } else { "no tools" }.to_string());
    Model { id: info.id, said: context.into_iter().chain(tools).collect::<Vec<_>>().join(", ") }
}
