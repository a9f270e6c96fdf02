//! What config classes say of variants, for subcommands that work with an environment and without one.

use super::{Common, output, site, task};
use crate::hub::data::{Config, Defaults, Origin};
use crate::port::Workspace;
use crate::runtime::variants;
use crate::util::blame::{Blame, Report};

/// Gives the workspace, where there is one: nothing is built here.
pub fn workspace(common: &Common) -> Result<Option<Workspace>, Report> {
    Ok(Workspace::open(&common.settings()?.home.value))
}

/// Asks the config classes; without an environment nothing is known, and where they cannot be asked their source is read.
pub fn defaults(model_type: Option<&str>, configs: &[Config], common: &Common) -> Result<Defaults, Report> {
    let Some(workspace) = workspace(common)? else {
        output::progress("no defaults: there is no Python environment yet; `mlxport setup` builds it");
        return Ok(Defaults::default());
    };
    let place = site::of(&workspace)?;
    let version = &workspace.versions.transformers;
    let asked =
        task::run(async |cancel| variants::from_class(&place, version, (model_type, configs), &cancel).await);
    let main = model_type.or_else(|| configs.iter().find_map(|config| config.model_type.as_deref()));
    let source = || {
        let references = main.map(|main| workspace.reference_files(main)).unwrap_or_default();
        let file = variants::configuration(&references).map(std::path::PathBuf::as_path);
        variants::from_source(file, configs.len())
    };
    match asked {
        Ok(defaults) => {
            defaults.refused.iter().for_each(|text| output::progress(&format!("no defaults for {text}")));
            Ok(if defaults.origin == Origin::Nowhere { source() } else { defaults })
        }
        Err(report) if report.blame == Blame::Environment => {
            output::progress(&format!("the config class cannot be asked: {}", report.text));
            Ok(source())
        }
        Err(report) => Err(report),
    }
}
