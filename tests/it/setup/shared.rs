//! The shared environment: the real uv, the real packages, the real release.

use mlxport::port::Workspace;

use crate::support::env::{git, shared, test_home, test_workspace};

#[test]
fn the_real_environment_runs_and_knows_its_versions() {
    let workspace = shared();
    let versions = &workspace.versions;
    assert_eq!((versions.mlx.as_str(), versions.mlx_lm.as_str()), ("0.32.4", "0.32.2"));
    assert_eq!((versions.transformers.as_str(), versions.torch.starts_with("2.15.0")), ("5.23.0", true));
    assert_eq!(versions.transformers_record.len(), 64);
    assert_eq!(Workspace::open(&test_home()).as_ref(), Some(workspace));
    let names = |model_type: &str| -> Vec<String> {
        let files = workspace.reference_files(model_type);
        files.iter().filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect()
    };
    assert_eq!(names("arcee"), ["modeling_arcee.py", "modular_arcee.py", "configuration_arcee.py"]);
    assert_eq!(names("gemma3_text")[0], "modeling_gemma3.py");
    assert_eq!(names("no_such_model"), Vec::<String>::new());
    assert!(workspace.test_file().is_file());
}

#[test]
fn a_test_workspace_has_its_own_checkout_and_the_shared_environment() {
    let (one, two) = (test_workspace("arcee"), test_workspace("smollm4"));
    assert_eq!(one.workspace.python, shared().python);
    assert_ne!(one.workspace.checkout, two.workspace.checkout);
    assert_eq!(git(&one.workspace.checkout, &["branch", "--show-current"]), "add-arcee");
    assert_eq!(git(&one.workspace.checkout, &["status", "--porcelain"]), "");
    assert_eq!(Workspace::open(&two.home()), Some(two.workspace.clone()));
}
