//! Shared files stay as they are: a change to them is a change to every model, and its own pull request.

use super::super::data::{Kind, Severity};
use super::super::found::Found;
use super::super::subject::Subject;
use super::{ANY, Rule};

pub static RULE: Rule = Rule {
    id: "L5-shared-files",
    says: "A new model changes its own file and tests/test_models.py alone.",
    severity: Severity::Warning,
    fix: "take the change back, or propose it in a pull request of its own",
    source: "review of merged ports: shared files left alone or changed in their own pull request",
    breaks: None,
    kinds: ANY,
    on_broken: true,
    judge,
};

fn judge(subject: &Subject, found: &mut Found) {
    let Some(changed) = &subject.around.changed else {
        return found.cannot("the file lies in no git checkout of mlx-lm");
    };
    let own = format!("mlx_lm/models/{}.py", subject.stem());
    if subject.kind == Kind::Shared {
        if changed.contains(&own) {
            found.whole(format!("{own} is shared by many models, and differs from upstream's"));
        }
        return;
    }
    if subject.kind == Kind::Tests {
        return;
    }
    let others = changed.iter().filter(|path| **path != own && path.as_str() != "tests/test_models.py");
    for path in others.filter(|path| path.ends_with(".py")) {
        found.whole(format!("the branch changes {path} too"));
    }
}
