//! Draws the model picker: the roles, the profiles with address and key, an endpoint's models, and where each value of the
//! selected line came from.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear};
use unicode_width::UnicodeWidthStr;

use super::overlay::centred;
use crate::app::models::{Role, Row, State};
use crate::theme::Theme;
use crate::util::text::{one_line, truncate};

/// Draws the picker.
pub fn draw(frame: &mut Frame<'_>, picker: &State, theme: &Theme) {
    let screen = frame.area();
    let area = centred(screen, 110, screen.height.saturating_sub(2).min(44));
    frame.render_widget(Clear, area);
    let title = " Models · Enter chooses · → lists · Ctrl-T tests · Tab role · Esc closes ";
    let title = Span::styled(truncate(title, usize::from(area.width.saturating_sub(2))), theme.title_focus);
    let block = Block::bordered().border_style(theme.border_focus).title(title);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    if inner.height < 8 {
        return;
    }
    let width = usize::from(inner.width);
    let mut top: Vec<Line<'_>> =
        [Role::Port, Role::Review].map(|role| role_line(picker, role, width, theme)).into();
    top.push(Line::from(vec![Span::styled(" > ", theme.accent), Span::raw(one_line(&picker.query))]));
    let below = below(picker, width, theme);
    let rows = inner.height.saturating_sub(u16::try_from(top.len() + below.len()).unwrap_or(0));
    let mut y = inner.y;
    let mut put = |line: Line<'_>, y: &mut u16| {
        if *y < inner.bottom() {
            frame.render_widget(line, Rect { y: *y, height: 1, ..inner });
        }
        *y += 1;
    };
    let typed = inner.y + 2;
    top.into_iter().for_each(|line| put(line, &mut y));
    let list = picker.rows();
    let shown = usize::from(rows);
    let first = picker.selected.saturating_sub(shown.saturating_sub(1));
    for (at, row) in list.iter().enumerate().skip(first).take(shown) {
        put(row_line(row, at == picker.selected, width, theme), &mut y);
    }
    let mut y = inner.y + u16::try_from(3 + shown).unwrap_or(0);
    below.into_iter().for_each(|line| put(line, &mut y));
    let column = inner.x + 3 + u16::try_from(picker.query.width()).unwrap_or(0);
    frame.set_cursor_position((column.min(inner.right() - 1), typed));
}

fn role_line<'a>(picker: &State, role: Role, width: usize, theme: &Theme) -> Line<'a> {
    let here = picker.role == role;
    let mark = if here { "▸" } else { " " };
    let chosen = picker.roles.get(&role);
    let title = chosen.map_or(String::new(), |chosen| one_line(&chosen.title));
    let by = chosen.map_or(String::new(), |chosen| format!("  [{}]", one_line(&chosen.by)));
    let style = if here { theme.strong } else { theme.text };
    let title = truncate(&title, width.saturating_sub(12));
    let by = truncate(&by, width.saturating_sub(11 + title.width()));
    Line::from(vec![
        Span::styled(format!(" {mark} {:<7} ", role.name()), style),
        Span::styled(title, style),
        Span::styled(by, theme.dim),
    ])
}

fn row_line<'a>(row: &Row<'_>, selected: bool, width: usize, theme: &Theme) -> Line<'a> {
    let base = if selected { theme.selected } else { theme.text };
    // Readable without colour.
    let mark = if selected { "▸" } else { " " };
    let (left, right, style) = match row {
        Row::Profile(profile) => {
            let model = profile.model.as_deref().map_or(String::new(), |model| format!(" · {model}"));
            let left = format!("{mark}{:<13} {}{}", profile.name, profile.place, model);
            (left, profile.key.clone(), if profile.key_missing { theme.warn } else { theme.dim })
        }
        Row::Model(_, model) => (format!("{mark}    {}", model.id), model.said.clone(), theme.dim),
    };
    let right = truncate(&one_line(&right), width / 2);
    let left = truncate(&one_line(&left), width.saturating_sub(right.width() + 3));
    let gap = width.saturating_sub(left.width() + right.width() + 1);
    Line::from(vec![
        Span::styled(left, base),
        Span::styled(" ".repeat(gap), base),
        Span::styled(format!("{right} "), style.patch(base)),
    ])
}

/// What is known of the selected line, what is waited for, and how a test went.
fn below<'a>(picker: &State, width: usize, theme: &Theme) -> Vec<Line<'a>> {
    let line = |text: String, style| Line::styled(truncate(&format!(" {}", one_line(&text)), width), style);
    let mut lines = vec![Line::styled("─".repeat(width), theme.border)];
    if let Some(report) = &picker.failed {
        lines.push(line(report.text.clone(), theme.fail));
        lines.extend(report.hint.iter().map(|hint| line(hint.clone(), theme.text)));
    }
    if let Some((title, findings)) = &picker.tested {
        lines.push(line(format!("test of {title}"), theme.strong));
        for finding in findings {
            let style = match finding.glyph {
                '✓' => theme.ok,
                '✗' => theme.fail,
                _ => theme.warn,
            };
            lines.push(line(format!("{} {}", finding.glyph, finding.text), style));
            lines.extend(finding.hint.iter().map(|hint| line(format!("  → {hint}"), theme.text)));
        }
    }
    if let Some(waiting) = &picker.waiting {
        lines.push(line(format!("… {waiting}"), theme.running));
    }
    if lines.len() == 1 {
        let rows = picker.rows();
        let profile = rows.get(picker.selected).map(|row| match row {
            Row::Profile(profile) | Row::Model(profile, _) => *profile,
        });
        match profile {
            Some(profile) => lines.extend(profile.sources.iter().map(|text| line(text.clone(), theme.dim))),
            None => lines.push(line(
                "nothing of that name; add one as [profiles.NAME] in config.toml".into(),
                theme.dim,
            )),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::app::models::{Chosen, Finding, Model, Msg, Profile};
    use crate::app::update::update;
    use crate::app::{Msg as AppMsg, PaneMsg, State as App};
    use crate::ui::{self, ViewCache};

    fn app(size: (u16, u16)) -> App {
        let mut app = App::default();
        let mut tell = |msg| drop(update(&mut app, 0, msg));
        tell(AppMsg::Resize(size.0, size.1));
        tell(AppMsg::Key("f4".parse().expect("a key")));
        let router = Profile {
            name: "huggingface".into(),
            place: "https://router.huggingface.co/v1".into(),
            key: "key: HF_TOKEN".into(),
            sources: vec![
                "base_url  https://router.huggingface.co/v1  [built-in profile huggingface]".into(),
            ],
            lists: true,
            ..Profile::default()
        };
        let openai = Profile {
            name: "openai".into(),
            place: "https://api.openai.com/v1".into(),
            key: "key not there".into(),
            key_missing: true,
            lists: true,
            ..Profile::default()
        };
        let chosen = Chosen {
            title: "work/coder".into(),
            by: "config.toml:2 model.profile".into(),
            ..Chosen::default()
        };
        let roles = vec![(Role::Port, chosen.clone()), (Role::Review, chosen)];
        tell(AppMsg::Post(PaneMsg::Models(Msg::Profiles { profiles: vec![router, openai], roles })));
        let models = vec![
            Model { id: "Qwen/Qwen3-Coder\u{1b}[31m".into(), said: "262144 tokens of context, tools".into() },
            Model { id: "zai-org/GLM-4.6".into(), said: "no tools".into() },
        ];
        tell(AppMsg::Post(PaneMsg::Models(Msg::Listed { profile: "huggingface".into(), models })));
        tell(AppMsg::Key("down".parse().expect("a key")));
        app
    }

    fn shown(app: &App) -> String {
        let mut terminal = Terminal::new(TestBackend::new(app.size.0, app.size.1)).expect("a terminal");
        let theme = Theme::named("mono").expect("a theme");
        let mut view = ViewCache::default();
        terminal.draw(|frame| ui::draw(frame, app, &mut view, &theme)).expect("drawn");
        let text = terminal.backend().to_string();
        text.lines().map(|line| line.trim_matches('"').trim_end()).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn profiles_models_roles_and_sources_are_on_one_layer() {
        insta::assert_snapshot!("models_80x24", shown(&app((80, 24))));
        let wide = shown(&app((200, 60)));
        assert!(wide.contains("262144 tokens of context, tools") && wide.contains("key not there"), "{wide}");
        assert!(!wide.contains('\u{1b}'), "a model's name is untrusted");
    }

    #[test]
    fn a_test_shows_what_failed_and_what_to_do() {
        let mut app = app((80, 24));
        update(&mut app, 0, AppMsg::Key("ctrl-t".parse().expect("a key")));
        for (glyph, text, hint) in
            [('✓', "models: 2 models", None), ('✗', "tool call: refused", Some("choose another".to_string()))]
        {
            let finding = Finding { glyph, text: text.into(), hint };
            let title = "huggingface/Qwen/Qwen3-Coder\u{1b}[31m".to_string();
            update(&mut app, 0, AppMsg::Post(PaneMsg::Models(Msg::Tested { title, finding })));
        }
        insta::assert_snapshot!("test_80x24", shown(&app));
    }
}
