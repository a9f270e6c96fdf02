//! The harness as one handle: a warm worker started when it is first needed, runs one after another, results stored.
//! The pane, the command line and the agent's tools call the same [`Harness::check_twin`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::data::{
    CheckError, CheckId, CheckRecord, CheckVerdict, Environment, Event, FamilyRequest, Kind, RunResult,
    SCHEMA, StoredRun, TwinRequest, Verdict, place,
};
use super::embed;
use super::error::HarnessError;
use super::inputs::{Inputs, Prepared, Scratch, prepare, prepare_family};
use super::launch::Site;
use super::process::Worker;
use super::store::Recorder;
use super::wire::{Body, Final, RunRequest};
use crate::util::blame::Report;
use crate::util::fs::create_dir;
use crate::util::process::Command;
use crate::util::sink::Sink;

/// A cold start imports torch and transformers from a disk that may be slow.
const READY_LIMIT: Duration = Duration::from_secs(180);
/// The worker ends a run at the limit itself where it can; this side kills it a little later.
const KILL_AFTER: Duration = Duration::from_secs(3);
/// This many deaths within the window, and the worker is left alone for a while.
const DEATHS: usize = 3;
const WINDOW: Duration = Duration::from_secs(60);

/// The handle to the harness. Clones share one worker, which dies with the last of them.
#[derive(Clone)]
pub struct Harness {
    site: Arc<Site>,
    slot: Arc<Mutex<Slot>>,
}

#[derive(Default)]
struct Slot {
    worker: Option<Worker>,
    /// How its worker is started, where not as the site's ordinary one.
    command: Option<Command>,
    deaths: VecDeque<Instant>,
    last_words: String,
}

impl Harness {
    /// Takes a site; starts nothing.
    pub fn new(site: Site) -> Self {
        Self { site: Arc::new(site), slot: Arc::default() }
    }

    /// Gives the folders and programs in use.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// Starts the worker and waits until it is ready, so that the first check finds it warm. Worth calling when a
    /// session opens, and after a run that killed the worker.
    pub async fn prewarm(&self, cancel: &CancellationToken) -> Result<(), HarnessError> {
        let mut slot = self.slot.lock().await;
        self.warm(&mut slot, cancel).await
    }

    /// Compares a port with its reference on random twins, stores the run and gives its result. A wrong port is a
    /// result, not an error; an error means that there is no verdict. One run at a time: a second waits.
    pub async fn check_twin(
        &self,
        request: TwinRequest,
        sink: Sink<Event>,
        cancel: CancellationToken,
    ) -> Result<RunResult, HarnessError> {
        let result = self.run(&request, &sink, &cancel).await;
        if let Err(error) = &result {
            sink(Event::Ended { report: Report::from(error) });
        }
        result
    }

    /// Runs a family in a worker of its own, which may read what the request names and ends with the run.
    pub async fn check_family(
        &self,
        request: FamilyRequest,
        sink: Sink<Event>,
        cancel: CancellationToken,
    ) -> Result<RunResult, HarnessError> {
        let result = self.alone(&request, &sink, &cancel).await;
        if let Err(error) = &result {
            sink(Event::Ended { report: Report::from(error) });
        }
        result
    }

    async fn alone(
        &self,
        request: &FamilyRequest,
        sink: &Sink<Event>,
        cancel: &CancellationToken,
    ) -> Result<RunResult, HarnessError> {
        let (prepared, bytes) = prepare_family(request)?;
        let command = self.site.worker_for(request);
        let mut slot = Slot { command: Some(command), ..Slot::default() };
        self.judge(&mut slot, prepared, bytes, sink, cancel).await
    }

    async fn run(
        &self,
        request: &TwinRequest,
        sink: &Sink<Event>,
        cancel: &CancellationToken,
    ) -> Result<RunResult, HarnessError> {
        let (prepared, bytes) = prepare(&self.site, request)?;
        let mut slot = tokio::select! {
            slot = self.slot.lock() => slot,
            () = cancel.cancelled() => return Err(HarnessError::Cancelled),
        };
        self.judge(&mut slot, prepared, bytes, sink, cancel).await
    }

    /// One run in one slot: brings the files, asks, stores.
    async fn judge(
        &self,
        slot: &mut Slot,
        prepared: Prepared,
        bytes: Option<Vec<u8>>,
        sink: &Sink<Event>,
        cancel: &CancellationToken,
    ) -> Result<RunResult, HarnessError> {
        if slot.worker.as_mut().is_none_or(Worker::is_gone) {
            slot.worker = None;
            sink(Event::Warming);
        }
        self.warm(slot, cancel).await?;
        let mut recorder = Recorder::create(&self.site.results, &prepared.run_id)?;
        let scratch = Scratch::create(self.site.scratch(&prepared.run_id))?;
        let inputs = Inputs::bring(&self.site, &prepared, &scratch.0, bytes.as_deref())?;
        let rests = recorder.look(&self.site.mlx_lm, bytes.clone());
        let copied = recorder.keep_port(bytes);
        let mut records = Vec::new();
        let mut each = |event: Event| {
            if let Event::Check { check } = &event {
                place(&mut records, CheckRecord::clone(check));
            }
            recorder.event(&event);
            sink(event);
        };
        each(prepared.started());
        let ended = self.exchange(slot, (&prepared, &inputs), cancel, &mut each).await;
        let copied = copied.await.unwrap_or(Ok(()));
        let result = match prepared.conclude(ended, records, slot) {
            Ok(result) => result,
            Err(error) => {
                recorder.discard();
                return Err(error);
            }
        };
        copied?;
        if prepared.is_estimate() {
            // It judged nothing: as a run it would read like a pass.
            recorder.discard();
            let seconds = prepared.begun.elapsed().as_secs_f64();
            sink(Event::Finished { result: Box::new(result.clone()), seconds });
            return Ok(result);
        }
        recorder.keep_files(&inputs.run_dir.join("results"))?;
        let seconds = prepared.begun.elapsed().as_secs_f64();
        let stored = StoredRun {
            asked: prepared.asked,
            seconds,
            port: prepared.port,
            configs: prepared.configs,
            harness: Some(embed::hash().to_string()),
            ground: rests.await.unwrap_or_default(),
            result: result.clone(),
        };
        recorder.finish(&stored)?;
        sink(Event::Finished { result: Box::new(result.clone()), seconds });
        recorder.describe(&stored, &self.site.results)?;
        Ok(result)
    }

    /// Starts a worker where there is none and waits for its handshake.
    async fn warm(&self, slot: &mut Slot, cancel: &CancellationToken) -> Result<(), HarnessError> {
        if slot.worker.as_mut().is_some_and(Worker::is_gone) {
            slot.worker = None;
        }
        if slot.worker.is_none() {
            slot.may_start()?;
            create_dir(&self.site.states())?;
            create_dir(&self.site.runs())?;
            let command = slot.command.clone().unwrap_or_else(|| self.site.worker());
            slot.worker = Some(Worker::spawn(&command)?);
        }
        let Some(mut worker) = slot.worker.take() else { return Ok(()) };
        let ready = tokio::select! {
            ready = worker.ready(READY_LIMIT) => ready.map(|_| ()),
            () = cancel.cancelled() => Err(HarnessError::Cancelled),
        };
        match &ready {
            // A cancelled start stays: its imports are of use to the next run.
            Ok(()) | Err(HarnessError::Cancelled) => slot.worker = Some(worker),
            Err(_) => slot.lost(&worker),
        }
        ready
    }

    /// Sends the request and reads until its end. A warm worker that turns out to have died before it took the
    /// request is replaced once, in silence: nobody was told that it lived.
    async fn exchange(
        &self,
        slot: &mut Slot,
        run: (&Prepared, &Inputs),
        cancel: &CancellationToken,
        each: &mut (dyn FnMut(Event) + Send),
    ) -> Result<Final, HarnessError> {
        match self.attempt(slot, run, cancel, each).await {
            Err(Lost { error: HarnessError::Died { .. }, unheard: true }) => {
                self.warm(slot, cancel).await?;
                self.attempt(slot, run, cancel, each).await.map_err(|lost| lost.error)
            }
            ended => ended.map_err(|lost| lost.error),
        }
    }

    /// One try. A worker that did not answer cleanly is killed here.
    async fn attempt(
        &self,
        slot: &mut Slot,
        (prepared, inputs): (&Prepared, &Inputs),
        cancel: &CancellationToken,
        each: &mut (dyn FnMut(Event) + Send),
    ) -> Result<Final, Lost> {
        // Taken out while it works: if this future is dropped half way, so is the worker.
        let Some(mut worker) = slot.worker.take() else {
            return Err(Lost { error: HarnessError::Cancelled, unheard: false });
        };
        let (target, params) = inputs.asked(prepared);
        let limits = prepared.limits;
        let line = RunRequest {
            id: &prepared.run_id,
            check: &prepared.family,
            target,
            seed: prepared.seed,
            params,
            timeout_s: limits.timeout.as_secs_f64(),
            mem_mb: limits.mem_mb,
            run_dir: inputs.run_dir.clone(),
            cache_dir: self.site.states(),
        };
        worker.rename(inputs.renames.clone());
        let limit = limits.timeout + KILL_AFTER;
        let mut forward = |body| each_event(body, each);
        let error = match worker.run(line, limit, cancel, &mut forward).await {
            Ok(ended) => {
                slot.worker = Some(worker);
                slot.deaths.clear();
                return Ok(ended);
            }
            Err(HarnessError::Timeout { tail, .. }) => HarnessError::Timeout { limit: limits.timeout, tail },
            Err(HarnessError::Cancelled) => HarnessError::Cancelled,
            Err(error) => {
                slot.lost(&worker);
                error
            }
        };
        Err(Lost { error, unheard: !worker.was_heard() })
    }
}

/// How a try ended without an answer, and whether the worker had said anything to it.
struct Lost {
    error: HarnessError,
    unheard: bool,
}

impl Slot {
    /// Counts a death.
    fn lost(&mut self, worker: &Worker) {
        self.last_words = worker.last_words();
        self.deaths.push_back(Instant::now());
    }

    fn may_start(&mut self) -> Result<(), HarnessError> {
        self.deaths.retain(|death| death.elapsed() < WINDOW);
        if self.deaths.len() < DEATHS {
            return Ok(());
        }
        let tail = self.last_words.clone();
        Err(HarnessError::Backoff { times: self.deaths.len(), within: WINDOW, tail })
    }
}

impl Prepared {
    fn started(&self) -> Event {
        Event::Started {
            run_id: self.run_id.clone(),
            model_type: self.model_type.clone(),
            checks: self.checks.clone(),
            port_sha256: self.port.as_ref().map(|port| port.sha256.clone()),
        }
    }

    /// Turns the end of a request into a result. A port that hangs or fails is a verdict; no verdict is an error.
    fn conclude(
        &self,
        ended: Result<Final, HarnessError>,
        mut checks: Vec<CheckRecord>,
        slot: &Slot,
    ) -> Result<RunResult, HarnessError> {
        let mut environment = Environment::new();
        let (mut variant, mut model_type) = (None, None);
        let said = match ended {
            Ok(Final::Cancelled) => return Err(HarnessError::Cancelled),
            Ok(Final::Done { verdict, result }) => {
                environment = result.environment;
                (variant, model_type) = (result.variant, result.model_type);
                checks = result.checks.unwrap_or(checks);
                Some(verdict)
            }
            Ok(Final::Failed(error)) => {
                self.fill(&mut checks, &error);
                None
            }
            Err(HarnessError::Timeout { limit, .. }) => {
                let text = format!("did not finish within {} s", limit.as_secs());
                let hint = Some("look for a loop that does not end, or give it longer with --timeout".into());
                self.fill(&mut checks, &CheckError { kind: Kind::Port, text, hint });
                None
            }
            // A worker lost half way: what it had finished stays, and the rest says why.
            Err(
                error @ (HarnessError::Died { .. }
                | HarnessError::Protocol { .. }
                | HarnessError::LineTooLong { .. }),
            ) if !checks.is_empty() => {
                let Report { blame, text, hint, .. } = Report::from(&error);
                self.fill(&mut checks, &CheckError { kind: Kind::from(blame), text, hint });
                None
            }
            Err(error) => return Err(error),
        };
        if let (true, Some(worker)) = (environment.is_empty(), &slot.worker) {
            environment = worker.environment();
        }
        Ok(RunResult {
            schema: SCHEMA,
            run_id: self.run_id.clone(),
            family: self.family.clone(),
            model_type: model_type.unwrap_or_else(|| self.model_type.clone()),
            variant: variant.unwrap_or_else(|| self.variant()),
            verdict: overall(said, &checks),
            checks,
            environment,
        })
    }

    /// Gives every check that has not spoken the run's error. Where all have spoken, for another config perhaps, the
    /// worker itself has a row: a run that was cut is never a pass.
    fn fill(&self, checks: &mut Vec<CheckRecord>, error: &CheckError) {
        let before = checks.len();
        for id in &self.checks {
            if !checks.iter().any(|check| check.id == *id) {
                checks.push(CheckRecord::failed(*id, error.clone()));
            }
        }
        if checks.len() == before {
            // A family names its checks itself; what it did not come to say has the family's name.
            let id = if self.checks.is_empty() { self.family.as_str() } else { "worker" };
            checks.extend(CheckId::named(id).map(|id| CheckRecord::failed(id, error.clone())));
        }
    }
}

fn each_event(body: Body, each: &mut (dyn FnMut(Event) + Send)) {
    each(match body {
        Body::Progress { done, total, unit, text } => Event::Progress { done, total, unit, text },
        Body::Metric { name, value, unit, bar, rule } => Event::Metric { name, value, unit, bar, rule },
        Body::Check { check } => Event::Check { check },
        Body::Artifact { path, sha256 } => Event::Artifact { path, sha256 },
        Body::Log { text } => Event::Log { text },
        Body::Hello(_) | Body::Pong | Body::Started {} => return,
        Body::Done { .. } | Body::Failed { .. } | Body::Cancelled => return,
    });
}

/// Never lets a worker's word be better than its records: the worse of the two counts.
fn overall(said: Option<Verdict>, checks: &[CheckRecord]) -> Verdict {
    let rank = |verdict: &Verdict| match verdict {
        Verdict::Pass => 0,
        Verdict::Suspect => 1,
        Verdict::CouldNotRun => 2,
        Verdict::Fail => 3,
    };
    let judged = checks.iter().any(|check| check.verdict != CheckVerdict::NotApplicable);
    let from_checks = checks.iter().map(CheckRecord::run_verdict).max_by_key(rank).filter(|_| judged);
    said.into_iter().chain(from_checks).max_by_key(rank).unwrap_or(Verdict::CouldNotRun)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(verdict: CheckVerdict) -> CheckRecord {
        let error = CheckError { kind: Kind::Bug, text: String::new(), hint: None };
        CheckRecord { verdict, error: None, ..CheckRecord::failed(CheckId::EXACT, error) }
    }

    #[test]
    fn a_pass_over_a_failed_record_is_a_fail() {
        let checks = [record(CheckVerdict::Pass), record(CheckVerdict::Fail)];
        assert_eq!(overall(Some(Verdict::Pass), &checks), Verdict::Fail);
        assert_eq!(overall(Some(Verdict::Pass), &checks[..1]), Verdict::Pass);
        assert_eq!(overall(None, &[]), Verdict::CouldNotRun);
    }
}
