//! What a run says, taken into rows, status line, log and session.

use super::{By, Judged, Last, Mark, Row, Running, State};
use crate::app::facts::VerdictFacts;
use crate::app::pane::{Ctx, chat, configs, source};
use crate::app::{PaneId, PaneMsg};
use crate::harness::data::{CheckRecord, Event, Evidence, PortFile, RunResult, StoredRun, Verdict};
use crate::session::data::Entry;
use crate::util::text::one_line;

impl State {
    pub(super) fn event(&mut self, event: Event, by: By, ctx: &mut Ctx<'_>) {
        match event {
            Event::Warming => self.now("starting the worker", by, ctx),
            Event::Started { run_id, checks, port_sha256, .. } => {
                let saved = self.running.as_ref().and_then(|running| running.saved);
                self.say(&format!("run {run_id} started"), ctx);
                self.sha = port_sha256;
                self.failed = None;
                self.settle();
                for row in self.rows.iter_mut().filter(|row| checks.contains(&row.record.id)) {
                    row.mark = Mark::Pending;
                }
                let (since, text) = (ctx.now, "running".into());
                self.running =
                    Some(Running { by, since, elapsed: 0, saved, run_id: Some(run_id), checks, text });
            }
            Event::Progress { done, total, unit, text } => {
                let count = total.map(|total| format!(" ({done} of {total} {unit})")).unwrap_or_default();
                self.now(&format!("{text}{count}"), by, ctx);
            }
            Event::Metric { name, value, .. } => {
                let value = value.map_or_else(|| "–".into(), |value| value.to_string());
                self.say(&format!("{name} {value}"), ctx);
            }
            Event::Check { check } => self.checked(*check, ctx),
            Event::Artifact { path, .. } => self.say(&format!("wrote {path}"), ctx),
            Event::Log { text } => text.lines().for_each(|line| self.say(line, ctx)),
            Event::Finished { result, seconds } => self.finished(*result, seconds, by, ctx),
            Event::Ended { report } => {
                self.say(&report.text, ctx);
                if by == By::Model {
                    self.running = None;
                    self.settle();
                }
            }
        }
    }

    /// Takes the last stored run, where nothing newer is known.
    pub(super) fn loaded(&mut self, run: StoredRun, evidence: Evidence, ctx: &mut Ctx<'_>) {
        if !self.is_empty() {
            return;
        }
        self.run = Some(Box::new(run.clone()));
        let sha = run.port.map(|port| port.sha256);
        self.sha = sha.clone().filter(|_| evidence == Evidence::Current);
        for record in run.result.checks.clone() {
            let run_id = run.result.run_id.clone();
            self.put(Row { record, run_id, port_sha256: sha.clone(), mark: Mark::Fresh });
        }
        self.remember(&run.result, (run.seconds, None, evidence), sha);
        self.settle();
        self.selected = 0;
        if evidence == Evidence::Current {
            self.judge(&run.result, ctx);
        }
    }

    /// Tells the worst of what each family said last of this port: one that passes does not hide another that fails.
    fn judge(&mut self, result: &RunResult, ctx: &mut Ctx<'_>) {
        let sha = self.sha.clone();
        self.judged.retain(|judged| judged.sha == sha && judged.family != result.family);
        let (family, facts) = (result.family.clone(), verdict(result));
        self.judged.insert(0, Judged { family, sha, facts });
        let worst = self.judged.iter().min_by_key(|judged| judged.facts.pass);
        ctx.facts.verdict = worst.map(|judged| judged.facts.clone());
    }

    /// Adds a line to the log.
    pub(super) fn say(&mut self, text: &str, ctx: &Ctx<'_>) {
        let seconds = ctx.now / 1000;
        let shown = self.scroll > 0;
        let before = self.log.len();
        self.log.push(format!("{:>2}:{:02} {}", seconds / 60, seconds % 60, one_line(text.trim_end())));
        // Who reads further up stays there: new lines come in below.
        if shown && self.face == super::Face::Log {
            self.scroll += self.log.len() - before;
        }
    }

    fn now(&mut self, text: &str, by: By, ctx: &Ctx<'_>) {
        self.say(text, ctx);
        let text = one_line(text);
        match &mut self.running {
            Some(running) => running.text = text,
            None => {
                let (since, checks) = (ctx.now, Vec::new());
                self.running =
                    Some(Running { by, since, elapsed: 0, saved: None, run_id: None, checks, text });
            }
        }
    }

    fn checked(&mut self, record: CheckRecord, ctx: &Ctx<'_>) {
        let figure = record.figure.as_ref().map_or_else(String::new, |figure| format!(" {figure}"));
        let twin = record.twin.as_deref().unwrap_or_default();
        self.say(&format!("{} {} {twin}{figure}", record.verdict.name(), record.id), ctx);
        let run_id = self.running.as_ref().and_then(|running| running.run_id.clone()).unwrap_or_default();
        let port_sha256 = self.sha.clone();
        self.put(Row { record, run_id, port_sha256, mark: Mark::Fresh });
    }

    fn finished(&mut self, result: RunResult, seconds: f64, by: By, ctx: &mut Ctx<'_>) {
        let saved = self.running.take().and_then(|running| running.saved);
        let sha = self.sha.clone();
        if result.checks.iter().any(|check| check.extra.contains_key("keys")) {
            ctx.post(PaneMsg::Configs(configs::Msg::Judged));
        }
        for record in result.checks.clone() {
            let run_id = result.run_id.clone();
            self.put(Row { record, run_id, port_sha256: sha.clone(), mark: Mark::Fresh });
        }
        self.drop_pending(&result.run_id, &result.variant);
        let latency = saved.map(|saved| ctx.now.saturating_sub(saved));
        self.say(&format!("run {} ended: {}", result.run_id, result.verdict.name()), ctx);
        self.remember(&result, (seconds, latency, Evidence::Current), sha);
        self.settle();
        self.run = Some(Box::new(self.stored(&result, seconds, ctx)));
        self.judge(&result, ctx);
        ctx.post(PaneMsg::Chat(chat::Msg::Checked(Box::new(result.clone()))));
        self.mark_source(ctx);
        self.lead(&result, ctx);
        if by == By::Pane {
            ctx.record(Entry::Check { result: Box::new(result) });
        }
    }

    /// The run as the store has it, as far as this pane knows it: for the comparison with a pinned one.
    fn stored(&self, result: &RunResult, seconds: f64, ctx: &Ctx<'_>) -> StoredRun {
        let path = ctx.facts.workspace.as_ref().and_then(|workspace| workspace.port.clone());
        let port = self.sha.clone().map(|sha256| PortFile { path: path.unwrap_or_default(), sha256 });
        StoredRun {
            asked: String::new(),
            seconds,
            port,
            configs: Vec::new(),
            harness: None,
            ground: Default::default(),
            result: result.clone(),
        }
    }

    /// Tells the source pane which module to mark, or that nothing diverges.
    fn mark_source(&self, ctx: &mut Ctx<'_>) {
        let mut rows = self.rows.iter().filter(|row| row.is_of_this_port());
        let place = rows.find_map(|row| row.record.first_divergence.as_ref()).cloned();
        ctx.post(PaneMsg::Source(match place {
            Some(place) => {
                source::Msg::Diverges { module: place.module, reference: place.reference, port: place.port }
            }
            None => source::Msg::NoDivergence,
        }));
    }

    /// Moves both sources to the first divergent module of a run that did not pass, unless the person reads there.
    fn lead(&self, result: &RunResult, ctx: &mut Ctx<'_>) {
        if result.verdict == Verdict::Pass || ctx.facts.focus == PaneId::Source {
            return;
        }
        if let Some(place) = result.first_divergence().cloned() {
            let (module, reference, port) = (place.module, place.reference, place.port);
            ctx.post(PaneMsg::Source(source::Msg::GoTo { module, reference, port }));
        }
    }

    fn remember(
        &mut self,
        result: &RunResult,
        (seconds, latency, evidence): (f64, Option<u64>, Evidence),
        port_sha256: Option<String>,
    ) {
        let environment = result.environment.clone();
        let (run_id, variant) = (result.run_id.clone(), one_line(&result.variant));
        self.last = Some(Last { run_id, variant, port_sha256, environment, seconds, latency, evidence });
    }
}

/// Says a verdict in the few words of the status line.
fn verdict(result: &RunResult) -> VerdictFacts {
    let run_id = result.run_id.clone();
    let worst = result.checks.iter().min_by_key(|check| check.verdict.rank());
    let passed = result.checks.iter().filter(|check| check.run_verdict() == Verdict::Pass).count();
    let glyph = match result.verdict {
        Verdict::Pass => '✓',
        Verdict::Suspect => '?',
        Verdict::Fail => '✗',
        Verdict::CouldNotRun => '!',
    };
    let text = match (result.verdict, worst) {
        (Verdict::Pass, _) | (_, None) => format!("harness {passed}/{}", result.checks.len()),
        (_, Some(check)) => {
            let figure = check.figure.as_ref().map(|figure| format!(" {figure}")).unwrap_or_default();
            let place =
                check.first_divergence.as_ref().map(|place| format!(" at {}", one_line(&place.module)));
            format!("{}{figure}{}", check.id, place.unwrap_or_default())
        }
    };
    let name = result.verdict.name();
    VerdictFacts { glyph, name, pass: result.verdict == Verdict::Pass, text, run_id }
}
