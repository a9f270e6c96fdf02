//! Who agrees to an edit: the mode, the person's rules, and a rule's text as it is read, edited and taken. A rule names one
//! file, by its name, and ends. Pure: the time comes from outside.

use serde::{Deserialize, Serialize};

use super::EditScope;

/// What happens to an edit that no rule is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EditMode {
    /// No edit is taken; the model is told so.
    ReadOnly,
    /// Each edit waits for the person.
    #[default]
    Ask,
    /// The port and its test are written at once; everything else waits.
    AutoEdit,
}

impl EditMode {
    /// The modes from the most careful to the least.
    pub const ALL: [Self; 3] = [Self::ReadOnly, Self::Ask, Self::AutoEdit];

    /// Gives the mode's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::Ask => "ask",
            Self::AutoEdit => "auto-edit",
        }
    }

    /// Says in one sentence what the mode does.
    pub fn words(self) -> &'static str {
        match self {
            Self::ReadOnly => "no edit is taken; the model is told to say in words what it would change",
            Self::Ask => "each edit waits for you",
            Self::AutoEdit => {
                "edits of the port and its test are written at once, and can be undone; others wait for you"
            }
        }
    }

    /// Gives the next mode: ask, auto-edit, read-only, and round.
    pub fn next(self) -> Self {
        match self {
            Self::Ask => Self::AutoEdit,
            Self::AutoEdit => Self::ReadOnly,
            Self::ReadOnly => Self::Ask,
        }
    }
}

/// How long a rule counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "lasts", rename_all = "snake_case")]
pub enum Lasts {
    /// Until the model has answered.
    Turn,
    Minutes {
        minutes: u64,
    },
    /// Until the program ends.
    Run,
    /// As long as the session, also after it was resumed.
    Session,
}

impl Lasts {
    /// The choices that the approval offers, the shortest first.
    pub const CHOICES: [Self; 4] = [Self::Turn, Self::Minutes { minutes: 30 }, Self::Run, Self::Session];
}

/// Edits of one file that need not be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    pub path: String,
    /// Only edits that change no more lines than this, added and removed together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<usize>,
    #[serde(flatten)]
    pub lasts: Lasts,
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "allow edits of {}", self.path)?;
        if let Some(most) = self.most {
            write!(f, " up to {most} lines")?;
        }
        match self.lasts {
            Lasts::Turn => f.write_str(" for this turn"),
            Lasts::Minutes { minutes: 1 } => f.write_str(" for 1 minute"),
            Lasts::Minutes { minutes } => write!(f, " for {minutes} minutes"),
            Lasts::Run => f.write_str(" until I quit"),
            Lasts::Session => f.write_str(" for this session, also when it is resumed"),
        }
    }
}

/// How a rule is written, for those that are not understood.
pub const RULE_FORM: &str =
    "allow edits of FILE [up to N lines] for this turn | for N minutes | until I quit | for this session";
/// A rule of minutes ends within a day.
const MOST_MINUTES: u64 = 24 * 60;

impl Rule {
    /// Reads a rule as it is shown; the error says what is wrong and how a rule is written.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let wrong = |what: &str| format!("{what}. A rule is: {RULE_FORM}");
        let rest = text
            .strip_prefix("allow edits of ")
            .ok_or_else(|| wrong("it must begin with `allow edits of`"))?;
        let (path, rest) = rest.split_once(' ').ok_or_else(|| wrong("it does not say for how long"))?;
        if path.contains(['*', '?', '[', '{', ',']) || path.ends_with('/') {
            return Err(wrong(&format!("`{path}` is no file's name; each rule names one file")));
        }
        let (most, rest) = match rest.strip_prefix("up to ") {
            None => (None, rest),
            Some(rest) => {
                let (count, rest) = rest.split_once(' ').unwrap_or((rest, ""));
                let most = count.parse().ok().filter(|most| *most > 0);
                let most = most.ok_or_else(|| wrong(&format!("`{count}` is no number of lines")))?;
                let rest = rest.strip_prefix("lines").or_else(|| rest.strip_prefix("line"));
                (Some(most), rest.map(str::trim).ok_or_else(|| wrong("after `up to N` comes `lines`"))?)
            }
        };
        let lasts = lasts(rest).map_err(|what| wrong(&what))?;
        Ok(Self { path: path.into(), most, lasts })
    }

    fn covers(&self, path: &str, changed: usize) -> bool {
        self.path == path && self.most.is_none_or(|most| changed <= most)
    }
}

fn lasts(text: &str) -> Result<Lasts, String> {
    match text {
        "for this turn" => return Ok(Lasts::Turn),
        "until I quit" => return Ok(Lasts::Run),
        "for this session" | "for this session, also when it is resumed" => return Ok(Lasts::Session),
        _ => {}
    }
    let number = text.strip_prefix("for ").and_then(|rest| {
        rest.strip_suffix(" minutes").or_else(|| rest.strip_suffix(" minute"))?.parse::<u64>().ok()
    });
    match number {
        Some(minutes) if (1..=MOST_MINUTES).contains(&minutes) => Ok(Lasts::Minutes { minutes }),
        Some(minutes) => Err(format!("{minutes} minutes are not between 1 and {MOST_MINUTES}")),
        None => Err(format!("`{text}` does not say for how long")),
    }
}

/// A rule in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    pub id: u32,
    pub rule: Rule,
    /// When it ends, in the machine's milliseconds; none for those that end with something else.
    pub until_ms: Option<u64>,
}

/// Mode and rules of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    pub mode: EditMode,
    rules: Vec<Taken>,
    minted: u32,
}

/// What is to happen to a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// The person decides.
    Ask,
    /// It is written at once.
    Write(By),
}

/// Who agreed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum By {
    #[default]
    Person,
    /// The mode auto-edit.
    Mode,
    /// A rule of the person, as it stood.
    Rule { rule: String },
}

impl By {
    /// Whether the person decided on this very edit.
    pub fn is_person(&self) -> bool {
        *self == Self::Person
    }

    /// Says who agreed, where that was not the person.
    pub fn words(&self) -> Option<String> {
        match self {
            Self::Person => None,
            Self::Mode => Some("by mode auto-edit".into()),
            Self::Rule { rule } => Some(format!("by rule “{rule}”")),
        }
    }
}

impl Policy {
    /// Takes a rule; gives its number.
    pub fn take(&mut self, rule: Rule, now_ms: u64) -> u32 {
        self.minted += 1;
        // Two rules of one file would be two answers to one question: the latest counts.
        self.rules.retain(|taken| taken.rule.path != rule.path);
        let until_ms = match rule.lasts {
            Lasts::Minutes { minutes } => Some(now_ms + minutes * 60_000),
            Lasts::Turn | Lasts::Run | Lasts::Session => None,
        };
        self.rules.push(Taken { id: self.minted, rule, until_ms });
        self.minted
    }

    /// Takes a rule away.
    pub fn revoke(&mut self, id: u32) -> Option<Rule> {
        let at = self.rules.iter().position(|taken| taken.id == id)?;
        Some(self.rules.remove(at).rule)
    }

    /// Ends the rules of the turn.
    pub fn end_turn(&mut self) {
        self.rules.retain(|taken| taken.rule.lasts != Lasts::Turn);
    }

    /// Gives the rules in force.
    pub fn in_force(&self, now_ms: u64) -> impl Iterator<Item = &Taken> {
        self.rules.iter().filter(move |taken| taken.until_ms.is_none_or(|until| now_ms < until))
    }

    /// Decides on an edit. Shared files are written without asking by a rule that names them only; a run that costs is
    /// asked for each time.
    pub fn rule(&self, (path, scope): (&str, EditScope), changed: usize, now_ms: u64) -> Ruling {
        if !scope.is_file() {
            return Ruling::Ask;
        }
        if let Some(taken) = self.in_force(now_ms).find(|taken| taken.rule.covers(path, changed)) {
            return Ruling::Write(By::Rule { rule: taken.rule.to_string() });
        }
        match self.mode {
            EditMode::AutoEdit if scope.may_be_automatic() => Ruling::Write(By::Mode),
            EditMode::ReadOnly | EditMode::Ask | EditMode::AutoEdit => Ruling::Ask,
        }
    }
}

/// A change of rules, for the session log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleChange {
    Taken,
    Revoked,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORT: &str = "mlx_lm/models/arcee.py";
    const SHARED: &str = "mlx_lm/models/base.py";

    fn rule(text: &str) -> Rule {
        Rule::parse(text).expect("a rule")
    }

    #[test]
    fn a_rule_is_read_as_it_is_written() {
        for text in [
            "allow edits of mlx_lm/models/arcee.py for this turn",
            "allow edits of mlx_lm/models/arcee.py up to 40 lines for 30 minutes",
            "allow edits of mlx_lm/models/arcee.py for 1 minute",
            "allow edits of tests/test_models.py until I quit",
            "allow edits of a.py for this session, also when it is resumed",
        ] {
            assert_eq!(rule(text).to_string(), text);
        }
        assert_eq!(rule("allow  edits of a.py for this session").lasts, Lasts::Session);
    }

    #[test]
    fn what_is_no_rule_is_told_with_the_form_of_one() {
        for (text, what) in [
            ("allow all", "must begin with"),
            ("allow edits of a.py", "does not say for how long"),
            ("allow edits of mlx_lm/*.py for this turn", "no file's name"),
            ("allow edits of mlx_lm/ for this turn", "no file's name"),
            ("allow edits of a.py for ever", "`for ever` does not say for how long"),
            ("allow edits of a.py for 0 minutes", "between 1 and 1440"),
            ("allow edits of a.py up to many lines for this turn", "`many` is no number"),
        ] {
            let said = Rule::parse(text).expect_err(text);
            assert!(said.contains(what) && said.contains(RULE_FORM), "{text}: {said}");
        }
    }

    #[test]
    fn rules_end_by_time_by_turn_and_by_hand() {
        let mut policy = Policy::default();
        let port = (PORT, EditScope::Port);
        policy.take(rule("allow edits of mlx_lm/models/arcee.py for 2 minutes"), 1000);
        assert!(matches!(policy.rule(port, 9, 120_999), Ruling::Write(By::Rule { .. })));
        assert_eq!(policy.rule(port, 9, 121_000), Ruling::Ask);
        policy.take(rule("allow edits of mlx_lm/models/arcee.py for this turn"), 0);
        assert!(matches!(policy.rule(port, 9, u64::MAX), Ruling::Write(_)));
        policy.end_turn();
        assert_eq!(policy.rule(port, 9, 0), Ruling::Ask);
        let id = policy.take(rule("allow edits of mlx_lm/models/arcee.py up to 8 lines until I quit"), 0);
        assert_eq!(policy.rule(port, 9, 0), Ruling::Ask, "more lines than the rule allows");
        assert!(matches!(policy.rule(port, 8, 0), Ruling::Write(_)));
        assert!(policy.revoke(id).is_some() && policy.revoke(id).is_none());
        assert_eq!(policy.rule(port, 1, 0), Ruling::Ask);
    }

    #[test]
    fn a_shared_file_is_written_by_a_rule_with_its_name_only() {
        let mut policy = Policy { mode: EditMode::AutoEdit, ..Policy::default() };
        let shared = (SHARED, EditScope::Shared);
        assert_eq!(policy.rule((PORT, EditScope::Port), 500, 0), Ruling::Write(By::Mode));
        assert_eq!(policy.rule(("tests/test_models.py", EditScope::Test), 9, 0), Ruling::Write(By::Mode));
        assert_eq!(policy.rule(shared, 1, 0), Ruling::Ask);
        policy.take(rule("allow edits of mlx_lm/models/arcee.py until I quit"), 0);
        assert_eq!(policy.rule(shared, 1, 0), Ruling::Ask);
        policy.take(rule("allow edits of mlx_lm/models/base.py for this turn"), 0);
        assert!(matches!(policy.rule(shared, 1, 0), Ruling::Write(By::Rule { .. })));
    }
}
