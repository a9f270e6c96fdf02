//! GitHub's page for comparing the branch with upstream, where the person opens the pull request.

use crate::git::RemoteUrl;

/// Builds GitHub's compare page for the branch, with upstream's template. Says why when there is no such page.
pub fn compare_url(upstream: Option<&str>, fork: &str, branch: &str) -> Result<String, String> {
    let none = |why: &str| Err(format!("{why}: there is no compare page; the branch is {branch}"));
    let Some((owner, name)) = RemoteUrl::github(fork) else { return none("the fork is not on GitHub") };
    let Some(upstream) = upstream else { return none("no remote is named upstream") };
    let Some((to, base)) = RemoteUrl::github(upstream) else { return none("upstream is not on GitHub") };
    let head = match name.eq_ignore_ascii_case(&base) {
        true => format!("{owner}:{}", encode(branch)),
        false => format!("{owner}:{name}:{}", encode(branch)),
    };
    Ok(format!("https://github.com/{to}/{base}/compare/main...{head}?expand=1&template=new_model.md"))
}

fn encode(branch: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let one = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    branch.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compare_page_names_both_repositories_and_the_template() {
        let upstream = Some("https://github.com/ml-explore/mlx-lm.git");
        assert_eq!(
            compare_url(upstream, "git@github.com:Person/mlx-lm.git", "add-arcee"),
            Ok("https://github.com/ml-explore/mlx-lm/compare/main...Person:add-arcee?expand=1&template=new_model.md".into())
        );
        assert_eq!(
            compare_url(upstream, "https://github.com/p/lm", "add-a#b"),
            Ok("https://github.com/ml-explore/mlx-lm/compare/main...p:lm:add-a%23b?expand=1&template=new_model.md".into())
        );
        assert_eq!(
            compare_url(upstream, "file:///x/fork.git", "add-arcee"),
            Err("the fork is not on GitHub: there is no compare page; the branch is add-arcee".into())
        );
    }
}
