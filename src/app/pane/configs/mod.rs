//! What is known of the variants before a byte of weights is fetched, in layers of which one is shown at a time.
//!
//! A layer is a file here with its own `State` (which is a [`Pane`]), `Msg`, `Action` and `ACTIONS`, and a file of the same name
//! in `ui/pane/configs`. To add one: a variant of [`Layer`], a field of [`State`], its arms below, its rows in [`ROWS`]. Its
//! rows name its own context ([`Layer::context`]), so that a key means something in the layer that is shown only.

pub mod discover;
mod layer;
pub mod ledger;
pub mod list;
pub mod matrix;
mod readers;

use super::{Ctx, Pane, Used};
use crate::app::action::{self, Binding, row};
use crate::app::job::JobKind;
use crate::app::key::{Key, Mouse};
use crate::util::blame::Report;

pub use layer::Layer;
pub use readers::{Readers, Reads};

/// What jobs and other panes tell it.
#[derive(Clone, Debug)]
pub enum Msg {
    /// Files were named: read them without waiting for the workspace.
    Named,
    /// The workspace is there; `Facts::workspace` says where.
    WorkspaceReady,
    /// Which keys the reference and the port read, from the source pane.
    KeysRead(Reads),
    /// A run that changed the keys is stored: the ledger can say more.
    Judged,
    Matrix(matrix::Msg),
    Ledger(ledger::Msg),
    Discover(discover::Msg),
    /// Variants were taken: their configs are read and shown.
    Taken,
}

/// What it asks the runtime to do.
#[derive(Clone, Debug)]
pub enum Job {
    Matrix(matrix::Job),
    Ledger(ledger::Job),
}

/// What its rows of the registry ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Show(Layer),
    /// Shows the layer so many places on, around the end.
    Turn(i32),
    Matrix(matrix::Action),
    Ledger(ledger::Action),
    Discover(discover::Action),
}

const fn own(id: &'static str, text: &'static str, keys: &'static [&'static str], act: Action) -> Binding {
    row(id, text, keys, ("layers", 0), action::Action::Configs(act))
}

/// The rows that count in every layer.
const ACTIONS: &[Binding] = &[
    own("configs.matrix", "Show the matrix", &["1"], Action::Show(Layer::Matrix)),
    own("configs.ledger", "Show the ledger", &["2"], Action::Show(Layer::Ledger)),
    own("configs.discover", "Show the checkpoints on the Hub", &["3"], Action::Show(Layer::Discover)),
    own("configs.next-layer", "Next layer", &["]"], Action::Turn(1)),
    own("configs.previous-layer", "Previous layer", &["["], Action::Turn(-1)),
];

/// Its rows of the registry, by layer.
pub const ROWS: &[&[Binding]] = &[ACTIONS, matrix::ACTIONS, ledger::ACTIONS, discover::ACTIONS];

/// The pane's state.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub layer: Layer,
    pub matrix: matrix::State,
    pub ledger: ledger::State,
    pub discover: discover::State,
}

/// Rows that the pane itself takes: the tab line.
pub const TABS: u16 = 1;

impl State {
    /// Does what a bound key, the palette or a slash command asked for. What is asked of a layer shows it.
    pub fn act(&mut self, action: Action, ctx: &mut Ctx<'_>) {
        match action {
            Action::Show(layer) => self.layer = layer,
            Action::Turn(by) => self.layer = self.layer.turned(by),
            Action::Discover(action) => {
                self.layer = Layer::Discover;
                inside(ctx, |ctx| self.discover.act(action, ctx));
            }
            Action::Matrix(action) => {
                self.layer = Layer::Matrix;
                inside(ctx, |ctx| self.matrix.act(action, ctx));
            }
            Action::Ledger(action) => {
                self.layer = Layer::Ledger;
                inside(ctx, |ctx| self.ledger.act(action, ctx));
            }
        }
    }

    /// Takes what a job or another pane says.
    pub fn on(&mut self, msg: Msg, ctx: &mut Ctx<'_>) {
        inside(ctx, |ctx| match msg {
            Msg::Named | Msg::WorkspaceReady => self.matrix.load(ctx),
            Msg::KeysRead(reads) => {
                let changed = self.matrix.reads != reads;
                self.matrix.reads = reads;
                // The same keys may stand on other lines, which matters once there is a ledger.
                if changed || self.ledger.is_made() {
                    self.ledger.refresh(&self.matrix, ctx);
                }
            }
            Msg::Judged => self.ledger.refresh(&self.matrix, ctx),
            Msg::Matrix(msg) => {
                self.matrix.on(msg, ctx);
                self.ledger.refresh(&self.matrix, ctx);
            }
            Msg::Ledger(msg) => self.ledger.on(msg, ctx),
            Msg::Discover(msg) => {
                if matches!(msg, discover::Msg::Begin { .. }) {
                    self.layer = Layer::Discover;
                }
                self.discover.on(msg, ctx);
            }
            Msg::Taken => {
                self.layer = Layer::Matrix;
                self.matrix.load(ctx);
            }
        });
    }

    fn shown(&self) -> &dyn Pane {
        match self.layer {
            Layer::Matrix => &self.matrix,
            Layer::Ledger => &self.ledger,
            Layer::Discover => &self.discover,
        }
    }

    fn get(&mut self, layer: Layer) -> &mut dyn Pane {
        match layer {
            Layer::Matrix => &mut self.matrix,
            Layer::Ledger => &mut self.ledger,
            Layer::Discover => &mut self.discover,
        }
    }

    /// Gives the shown layer and the cells that it has.
    fn with<T>(&mut self, ctx: &mut Ctx<'_>, work: impl FnOnce(&mut dyn Pane, &mut Ctx<'_>) -> T) -> T {
        let layer = self.get(self.layer);
        inside(ctx, |ctx| work(layer, ctx))
    }
}

/// Lends the context with the size that a layer has.
fn inside<T>(ctx: &mut Ctx<'_>, work: impl FnOnce(&mut Ctx<'_>) -> T) -> T {
    let whole = ctx.size;
    ctx.size.1 = whole.1.saturating_sub(TABS);
    let done = work(ctx);
    ctx.size = whole;
    done
}

impl Pane for State {
    fn contexts(&self) -> &'static [&'static str] {
        self.shown().contexts()
    }

    fn typing(&self) -> bool {
        self.shown().typing()
    }

    fn key(&mut self, key: Key, ctx: &mut Ctx<'_>) -> Used {
        self.with(ctx, |layer, ctx| layer.key(key, ctx))
    }

    fn paste(&mut self, text: &str, ctx: &mut Ctx<'_>) -> Used {
        self.with(ctx, |layer, ctx| layer.paste(text, ctx))
    }

    fn mouse(&mut self, mouse: Mouse, ctx: &mut Ctx<'_>) -> Used {
        match mouse.row.checked_sub(TABS) {
            Some(row) => self.with(ctx, |layer, ctx| layer.mouse(Mouse { row, ..mouse }, ctx)),
            None => Layer::at(mouse, &mut self.layer),
        }
    }

    fn ended(&mut self, kind: JobKind, result: Result<(), Report>, ctx: &mut Ctx<'_>) {
        let layer = Layer::of(kind);
        inside(ctx, |ctx| self.get(layer).ended(kind, result, ctx));
    }

    fn escape(&mut self, ctx: &mut Ctx<'_>) -> Used {
        self.with(ctx, |layer, ctx| layer.escape(ctx))
    }

    fn interrupt(&mut self, ctx: &mut Ctx<'_>) -> Used {
        let used = |layer| inside(ctx, |ctx| self.get(layer).interrupt(ctx));
        match Layer::ALL.map(used).contains(&Used::Yes) {
            true => Used::Yes,
            false => Used::No,
        }
    }

    fn tick(&mut self, ctx: &mut Ctx<'_>) {
        for layer in Layer::ALL {
            inside(ctx, |ctx| self.get(layer).tick(ctx));
        }
    }

    fn save(&self) -> serde_json::Value {
        serde_json::json!({"layer": self.layer, "matrix": self.matrix.save(), "ledger": self.ledger.save(), "discover": self.discover.save()})
    }

    fn restore(&mut self, saved: &serde_json::Value, ctx: &mut Ctx<'_>) {
        self.layer = serde_json::from_value(saved["layer"].clone()).unwrap_or_default();
        for layer in Layer::ALL {
            inside(ctx, |ctx| self.get(layer).restore(&saved[layer.context()], ctx));
        }
    }
}
