//! Who stands where: panes to rectangles, from the size of the screen, the focus, zoom and the person's column width.
//! Pure, so that `update` knows the same sizes as `ui`.

use super::pane::PaneId;

/// A rectangle in cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Area {
    pub x: u16,
    pub y: u16,
    pub width: u16,
    pub height: u16,
}

impl Area {
    /// Says whether a cell lies inside.
    pub fn contains(&self, column: u16, row: u16) -> bool {
        (self.x..self.x + self.width).contains(&column) && (self.y..self.y + self.height).contains(&row)
    }
}

/// Below this the screen only says that it is too small.
pub const SMALLEST: (u16, u16) = (40, 10);
const WIDE: u16 = 160;
const MEDIUM: u16 = 110;

/// What the person chose of the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Choice {
    /// Whether the focused pane fills the screen.
    pub zoom: Zoom,
    /// Width of the left column in percent.
    pub left: u16,
}

/// Whether one pane fills the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Zoom {
    #[default]
    Off,
    On,
}

impl Default for Choice {
    fn default() -> Self {
        Self { zoom: Zoom::Off, left: 40 }
    }
}

/// Where everything stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The line at the top: session, mode, model, harness state.
    pub status: Area,
    /// The tab bar, where one pane is shown at a time.
    pub tabs: Option<Area>,
    /// The panes shown, with their borders.
    pub panes: Vec<(PaneId, Area)>,
    /// Whether panes have a border of their own (not where one fills the screen at 80 columns).
    pub borders: Borders,
    /// The line at the bottom: keys that count here.
    pub hints: Area,
}

/// Whether panes are drawn with a border.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Borders {
    #[default]
    Thin,
    None,
}

impl Layout {
    /// Gives a pane's area with its border, if it is shown.
    pub fn of(&self, pane: PaneId) -> Option<Area> {
        self.panes.iter().find(|(id, _)| *id == pane).map(|(_, area)| *area)
    }

    /// Gives the cells inside a pane's border, if it is shown.
    pub fn inner(&self, pane: PaneId) -> Option<Area> {
        self.of(pane).map(|area| match self.borders {
            Borders::None => area,
            Borders::Thin => Area {
                x: area.x + 1,
                y: area.y + 1,
                width: area.width.saturating_sub(2),
                height: area.height.saturating_sub(2),
            },
        })
    }
}

/// Lays the screen out. Gives `None` where it is too small for anything.
pub fn layout(size: (u16, u16), focus: PaneId, choice: Choice) -> Option<Layout> {
    let (width, height) = size;
    if width < SMALLEST.0 || height < SMALLEST.1 {
        return None;
    }
    let row = |y| Area { x: 0, y, width, height: 1 };
    let mut out = Layout { status: row(0), hints: row(height - 1), ..Layout::default() };
    let body = Area { x: 0, y: 1, width, height: height - 2 };
    if width < MEDIUM {
        out.tabs = Some(row(1));
        out.borders = Borders::None;
        out.panes = vec![(focus, Area { y: 2, height: height - 3, ..body })];
    } else if choice.zoom == Zoom::On {
        out.panes = vec![(focus, body)];
    } else if focus == PaneId::Pr {
        out.panes = vec![(PaneId::Pr, body)];
    } else {
        out.panes = columns(body, focus, choice);
    }
    Some(out)
}

fn columns(body: Area, focus: PaneId, choice: Choice) -> Vec<(PaneId, Area)> {
    let left = body.width * choice.left.clamp(20, 80) / 100;
    let chat = Area { width: left, ..body };
    let right = Area { x: left, width: body.width - left, ..body };
    let top = right.height * 55 / 100;
    let upper = Area { height: top, ..right };
    let lower = Area { y: right.y + top, height: right.height - top, ..right };
    if body.width < WIDE {
        let below = if focus == PaneId::Configs { PaneId::Configs } else { PaneId::Harness };
        return vec![(PaneId::Chat, chat), (PaneId::Source, upper), (below, lower)];
    }
    let half = lower.width / 2;
    vec![
        (PaneId::Chat, chat),
        (PaneId::Source, upper),
        (PaneId::Harness, Area { width: half, ..lower }),
        (PaneId::Configs, Area { x: lower.x + half, width: lower.width - half, ..lower }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panes_never_overlap_and_fill_the_body() {
        for width in [40, 80, 109, 110, 140, 159, 160, 200, 500] {
            for height in [10, 24, 60, 200] {
                for focus in PaneId::ALL {
                    for zoom in [Zoom::Off, Zoom::On] {
                        for left in [0, 40, 100] {
                            let made =
                                layout((width, height), focus, Choice { zoom, left }).expect("large enough");
                            check(&made, width, height, focus);
                        }
                    }
                }
            }
        }
        assert_eq!(layout((39, 60), PaneId::Chat, Choice::default()), None);
    }

    fn check(made: &Layout, width: u16, height: u16, focus: PaneId) {
        let bars = if made.tabs.is_some() { 3 } else { 2 };
        let cells: u32 = made.panes.iter().map(|(_, a)| u32::from(a.width) * u32::from(a.height)).sum();
        assert_eq!(cells, u32::from(width) * u32::from(height - bars));
        assert!(made.of(focus).is_some());
        for row in 0..height {
            for column in 0..width {
                let over = made.panes.iter().filter(|(_, a)| a.contains(column, row)).count();
                assert!(over <= 1);
            }
        }
    }
}
