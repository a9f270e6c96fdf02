//! `mlxport code`: the code that a checkpoint brings, read before it may be a reference.

use std::path::Path;
use std::process::ExitCode;

use super::source::waits;
use super::{COULD_NOT_RUN, Common, output, task};
use crate::config::Settings;
use crate::harness::data::ReferenceCode;
use crate::hub::code::{CodeError, accept, accepted, bring, read, revoke};
use crate::hub::data::{RemoteCode, RepoRef};
use crate::hub::remote::{Hub, RemoteError};
use crate::util::blame::{Blame, Report};
use crate::util::fs::read_text;
use crate::util::text::{neutralise, one_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A repository, its link, or a checkpoint folder
    #[arg(value_name = "SOURCE")]
    source: String,
    /// Print one of its files
    #[arg(long, value_name = "FILE", conflicts_with_all = ["accept", "revoke"])]
    show: Option<String>,
    /// Say yes to this code, by the hash that is shown (12 digits are enough)
    #[arg(long, value_name = "HASH")]
    accept: Option<String>,
    /// Take a yes back
    #[arg(long, conflicts_with = "accept")]
    revoke: bool,
}

pub fn run(args: Args, common: &Common) -> Result<ExitCode, Report> {
    let settings = common.settings()?;
    let code = task::run(async |_| find(&settings, &args.source).await)?;
    let home = &settings.home.value;
    let failed = |error: CodeError| Report::from(&error);
    if let Some(name) = &args.show {
        let Some(file) = code.files.iter().find(|file| file.path == *name) else {
            let names: Vec<_> = code.files.iter().map(|file| file.path.as_str()).collect();
            let text = format!("{} has no file {name}", code.source);
            return Err(Report::new(Blame::User, text).hint(format!("it has {}", names.join(", "))));
        };
        let text = read_text(&code.folder.join(&file.path)).map_err(|error| Report::from(&error))?;
        output::line(neutralise(&text).trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(hash) = &args.accept {
        accept(home, &code, hash).map_err(failed)?;
    }
    if args.revoke && !revoke(home, &code).map_err(failed)? {
        output::line("[code] it was not accepted");
        return Ok(ExitCode::from(COULD_NOT_RUN));
    }
    let code = RemoteCode { accepted: accepted(home, &code).map_err(failed)?, ..code };
    match common.json {
        true => output::json(&code),
        false => shown(&code).iter().for_each(|line| output::line(line)),
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a folder's code, or brings a repository's.
async fn find(settings: &Settings, source: &str) -> Result<RemoteCode, Report> {
    let failed = |error: CodeError| Report::from(&error);
    if Path::new(source).is_dir() {
        return read(Path::new(source)).map_err(failed);
    }
    let repo = RepoRef::parse(source).map_err(|error| Report::from(&RemoteError::from(error)))?;
    let hub = Hub::open(settings, waits()).map_err(|error| Report::from(&error))?;
    bring(&hub, &repo, &settings.home.value.cache().join("code")).await.map_err(failed)
}

fn shown(code: &RemoteCode) -> Vec<String> {
    let mut lines = vec![format!("[code] {}, in {}", one_line(&code.source), code.folder.display())];
    lines.extend(
        code.auto_map.iter().map(|(auto, place)| format!("[runs] {}: {}", one_line(auto), one_line(place))),
    );
    for file in &code.files {
        lines.push(format!(
            "[file] {}, {} lines, sha256 {}",
            one_line(&file.path),
            file.lines,
            &file.sha256[..12]
        ));
        lines.extend(
            file.looks.iter().map(|(line, why)| format!("[look] {}:{line} {why}", one_line(&file.path))),
        );
    }
    lines.push(format!("[hash] {}", code.digest));
    lines.push(match &code.accepted {
        Some(when) => format!(
            "[yes] accepted {when}: `check twin --reference-code {}` may use it, in the sandbox",
            code.folder.display()
        ),
        None => format!(
            "[no] not accepted: read every file, then `mlxport code SOURCE --accept {}`",
            &code.digest[..12]
        ),
    });
    lines
}

/// Gives the code of a folder as a reference, if a person has accepted it.
pub(super) fn accepted_reference(folder: &Path, common: &Common) -> Result<ReferenceCode, Report> {
    let failed = |error: CodeError| Report::from(&error);
    let code = read(folder).map_err(failed)?;
    if accepted(&common.settings()?.home.value, &code).map_err(failed)?.is_none() {
        return Err(failed(CodeError::NotAccepted { folder: code.folder }));
    }
    let files = code.files.into_iter().map(|file| file.path).chain(["config.json".to_string()]).collect();
    Ok(ReferenceCode { folder: code.folder, files, digest: code.digest })
}
