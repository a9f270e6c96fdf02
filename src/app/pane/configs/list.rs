//! What the layers share: a table with a cursor that stays in view, the search that moves it, and the line that is typed
//! below. A layer says what it has ([`Listed`]); how keys, pastes and the mouse work on it is here, once.

use super::super::{Ctx, Used};
use crate::app::editor::Editor;
use crate::app::key::{Code, Key, Mouse, MouseKind};

/// Where the cursor is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Go {
    Lines(i32),
    Pages(i32),
    First,
    Last,
}

/// The cursor of a table, and what of it is on the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The line that it is on.
    pub at: usize,
    top: usize,
}

/// How many lines a table has, and how many of them the screen shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    pub lines: usize,
    pub height: usize,
}

/// Which way a search goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the first match at the cursor or below it.
    Here,
    Down,
    Up,
}

impl Cursor {
    /// A cursor as a session kept it.
    pub fn kept(at: usize, top: usize) -> Self {
        Self { at, top }
    }

    /// Gives the first line of the screen, so that the cursor is in view.
    pub fn top(&self, extent: Extent) -> usize {
        let lowest = (self.at + 1).saturating_sub(extent.height.max(1));
        let last = extent.lines.saturating_sub(extent.height);
        self.top.clamp(lowest, self.at.max(lowest)).min(last.max(lowest))
    }

    /// The first line as it was kept, before the table is there to put it right.
    pub fn kept_top(&self) -> usize {
        self.top
    }

    /// Goes somewhere, not past an end.
    pub fn go(&mut self, go: Go, extent: Extent) {
        let last = extent.lines.saturating_sub(1);
        let page = extent.height.max(2) - 1;
        self.at = match go {
            Go::Lines(by) => self.at.saturating_add_signed(by as isize).min(last),
            Go::Pages(by) => self.at.saturating_add_signed(by as isize * page as isize).min(last),
            Go::First => 0,
            Go::Last => last,
        };
        self.top = self.top(extent);
    }

    /// Goes to a match, around the end; says whether there is one.
    pub fn seek(&mut self, matches: &[usize], way: Way, extent: Extent) -> bool {
        let (at, mut down) = (self.at, matches.iter());
        let found = match way {
            Way::Here => down.find(|line| **line >= at).or(matches.first()),
            Way::Down => down.find(|line| **line > at).or(matches.first()),
            Way::Up => down.rev().find(|line| **line < at).or(matches.last()),
        };
        self.at = found.copied().unwrap_or(at);
        self.top = self.top(extent);
        found.is_some()
    }
}

/// A line that is being typed, and what for.
#[derive(Clone, Debug)]
pub struct Typed<What> {
    pub what: What,
    pub editor: Editor,
}

impl<What> Typed<What> {
    /// Begins with a text.
    pub fn new(what: What, text: &str) -> Self {
        Self { what, editor: Editor::new(text) }
    }

    /// Gives the text without the blanks around it.
    pub fn text(&self) -> String {
        self.editor.text().trim().to_string()
    }
}

/// Lines of a layer's table: without its header and the two lines below.
pub fn table_height((_, height): (u16, u16)) -> usize {
    usize::from(height.saturating_sub(3))
}

/// A layer that is a table.
pub trait Listed {
    /// What lines are typed for.
    type What;

    fn typing(&mut self) -> &mut Option<Typed<Self::What>>;

    /// Gives the cursor that keys move, and how many lines it moves over.
    fn cursor(&mut self) -> (&mut Cursor, usize);

    /// The cursor was moved by the person.
    fn moved(&mut self) {}

    /// The line being typed changed.
    fn edited(&mut self, height: usize);

    /// The line was typed to its end.
    fn entered(&mut self, typed: Typed<Self::What>, ctx: &mut Ctx<'_>);
}

/// Moves a layer's cursor.
pub fn go(layer: &mut impl Listed, go: Go, ctx: &Ctx<'_>) {
    let (cursor, lines) = layer.cursor();
    cursor.go(go, Extent { lines, height: table_height(ctx.size) });
    layer.moved();
}

/// Goes on with a layer's search.
pub fn seek(layer: &mut impl Listed, matches: &[usize], way: Way, ctx: &mut Ctx<'_>) {
    let (cursor, lines) = layer.cursor();
    if !cursor.seek(matches, way, Extent { lines, height: table_height(ctx.size) }) {
        ctx.toast("No match. / searches");
    }
}

/// Takes a key for the line being typed.
pub fn key(layer: &mut impl Listed, key: Key, ctx: &mut Ctx<'_>) -> Used {
    if let Some(typed) = layer.typing().take_if(|_| key.code == Code::Enter) {
        layer.entered(typed, ctx);
        return Used::Yes;
    }
    let Some(typed) = layer.typing() else { return Used::No };
    let used = typed.editor.key(key);
    layer.edited(table_height(ctx.size));
    used
}

/// Takes a paste for the line being typed; it stays one line.
pub fn paste(layer: &mut impl Listed, text: &str, ctx: &Ctx<'_>) -> Used {
    let Some(typed) = layer.typing() else { return Used::No };
    typed.editor.insert(&text.chars().filter(|c| !c.is_control()).collect::<String>());
    layer.edited(table_height(ctx.size));
    Used::Yes
}

/// Takes the wheel, and a click on a line below `header` rows.
pub fn mouse(layer: &mut impl Listed, (mouse, header): (Mouse, u16), ctx: &Ctx<'_>) -> Used {
    let height = table_height(ctx.size);
    match mouse.kind {
        MouseKind::ScrollUp => go(layer, Go::Lines(-3), ctx),
        MouseKind::ScrollDown => go(layer, Go::Lines(3), ctx),
        MouseKind::Press if mouse.row >= header && usize::from(mouse.row - header) < height => {
            let (cursor, lines) = layer.cursor();
            cursor.at = cursor.top(Extent { lines, height }) + usize::from(mouse.row - header);
            go(layer, Go::Lines(0), ctx);
        }
        _ => return Used::No,
    }
    Used::Yes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_stays_in_view_and_inside_the_table() {
        let extent = Extent { lines: 10, height: 4 };
        let mut cursor = Cursor::default();
        cursor.go(Go::Pages(1), extent);
        assert_eq!((cursor.at, cursor.top(extent)), (3, 0));
        cursor.go(Go::Lines(1), extent);
        assert_eq!((cursor.at, cursor.top(extent)), (4, 1));
        cursor.go(Go::Last, extent);
        assert_eq!((cursor.at, cursor.top(extent)), (9, 6));
        cursor.go(Go::Lines(-100), extent);
        assert_eq!((cursor.at, cursor.top(extent)), (0, 0));
        cursor.go(Go::Last, Extent { lines: 0, height: 4 });
        assert_eq!(cursor.at, 0);
    }

    #[test]
    fn a_search_goes_around_the_end_and_says_when_nothing_matches() {
        let extent = Extent { lines: 10, height: 4 };
        let mut cursor = Cursor::kept(5, 0);
        let mut at = |matches: &[usize], way| (cursor.seek(matches, way, extent), cursor.at);
        assert_eq!(at(&[2, 5, 8], Way::Here), (true, 5));
        assert_eq!(at(&[2, 5, 8], Way::Down), (true, 8));
        assert_eq!(at(&[2, 5, 8], Way::Down), (true, 2));
        assert_eq!(at(&[2, 5, 8], Way::Up), (true, 8));
        assert_eq!(at(&[], Way::Down), (false, 8));
    }
}
