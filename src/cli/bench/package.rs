//! Benches that the Python package does by itself: its command line, inside the sandbox, its words passed on.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::{Common, INTERRUPTED, output, site, task};
use crate::harness::Access;
use crate::util::blame::{Blame, Report};
use crate::util::fs::create_dir;
use crate::util::process::ProcessError;
use crate::util::text::one_line;

/// The package's command line, being put together.
#[derive(Default)]
pub struct Line {
    args: Vec<String>,
    access: Access,
    work: Option<&'static str>,
}

impl Line {
    /// Starts with the subcommand's words.
    pub fn of(words: &[&str]) -> Self {
        Self { args: words.iter().map(|word| word.to_string()).collect(), ..Self::default() }
    }

    /// Adds a word.
    pub fn word(mut self, word: impl ToString) -> Self {
        self.args.push(word.to_string());
        self
    }

    /// Adds a flag with its value, where one was given.
    pub fn flag(self, flag: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.word(flag).word(value.to_string()),
            None => self,
        }
    }

    /// Adds a flag without a value.
    pub fn when(self, flag: &str, wanted: bool) -> Self {
        if wanted { self.word(flag) } else { self }
    }

    /// Adds a file or folder, which the process may then read.
    pub fn path(mut self, flag: &str, path: Option<&PathBuf>) -> Result<Self, Report> {
        let Some(path) = path else { return Ok(self) };
        let path = std::fs::canonicalize(path).map_err(|error| {
            let text = format!("{} cannot be opened: {error}", path.display());
            Report::new(Blame::User, text).hint("check the path")
        })?;
        self.access.reads.push(path.clone());
        let line = if flag.is_empty() { self } else { self.word(flag) };
        Ok(line.word(path.display()))
    }

    /// Lets it meter the processes that it starts.
    pub fn metering(mut self) -> Self {
        self.access = self.access.metering();
        self
    }

    /// Names a folder of the cache in which a cut run is continued.
    pub fn work(mut self, name: &'static str) -> Self {
        self.work = Some(name);
        self
    }

    /// Runs it: progress to stderr, its answer to stdout, its exit code.
    pub fn run(mut self, common: &Common) -> Result<ExitCode, Report> {
        self = self.when("--json", common.json);
        let done = task::run(async |cancel| {
            let Some(site) = site::find(common, &cancel).await? else { return Ok(None) };
            create_dir(&site.runs()).map_err(|error| Report::from(&error))?;
            if let Some(name) = self.work {
                let folder = site.kept(name);
                create_dir(&folder).map_err(|error| Report::from(&error))?;
                let folder = std::fs::canonicalize(&folder).unwrap_or(folder);
                self.args.extend(["--work".into(), folder.display().to_string()]);
            }
            let command = site.package(&self.args, &self.access).any_exit().cancel(cancel);
            match command.run_with(|line| output::progress(&one_line(line))).await {
                Ok(output) => Ok(Some(output)),
                Err(ProcessError::Cancelled { .. }) => Ok(None),
                Err(error) => Err(Report::from(&error)),
            }
        })?;
        let Some(done) = done else { return Ok(ExitCode::from(INTERRUPTED)) };
        let text = done.text();
        if !text.is_empty() {
            output::line(&text);
        }
        let code = done.status.code().and_then(|code| u8::try_from(code).ok());
        Ok(ExitCode::from(code.unwrap_or(crate::cli::COULD_NOT_RUN)))
    }
}
