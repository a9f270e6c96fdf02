//! A new port beside what it answers to: cut into imports, classes and functions, each with the same part of the nearest
//! accepted port and with its class of the reference.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use similar::{DiffOp, TextDiff};

use super::data::{Draft, Part, Section, SourceDoc, Symbol, SymbolKind};
use super::{nearest, pair, parse};

/// Cuts a draft and finds what each part answers to. `ports` are the accepted ones, in any order.
pub fn draft(
    (path, text): (&Path, &str),
    modeling: Option<&SourceDoc>,
    modular: Option<&SourceDoc>,
    ports: &[Arc<SourceDoc>],
) -> Draft {
    let doc = parse(path, text);
    let near = modeling.and_then(|modeling| nearest(modeling, modular, ports).into_iter().next());
    let port = near.as_ref().and_then(|near| ports.iter().find(|port| port.path == near.path));
    let by_port = port.map(|port| pair(port, &doc));
    let by_reference = modeling.map(|modeling| pair(modeling, &doc));
    let count = text.split_inclusive('\n').count();
    let mut sections = Vec::new();
    let tops: Vec<&Symbol> = tops(&doc).collect();
    let head = tops.first().map_or(count, |first| start(first));
    if head > 0 {
        let near = port.and_then(|port| header(port));
        sections.push(Section { lines: 0..head, name: "imports".into(), near, reference: None });
    }
    for (at, symbol) in tops.iter().enumerate() {
        let end = tops.get(at + 1).map_or(count, |next| start(next));
        let same = port.and_then(|port| port.symbol(&symbol.path).map(|found| part(port, found)));
        let paired = || {
            let pair = by_port.as_ref()?.pairs.iter().find(|pair| pair.port == symbol.path)?;
            let port = port?;
            port.symbol(&pair.reference).map(|found| part(port, found))
        };
        let reference = by_reference.as_ref().and_then(|pairing| {
            let pair = pairing.pairs.iter().find(|pair| pair.port == symbol.path)?;
            let modeling = modeling?;
            modeling.symbol(&pair.reference).map(|found| part(modeling, found))
        });
        let near = same.or_else(paired);
        sections.push(Section { lines: start(symbol)..end, name: symbol.name.clone(), near, reference });
    }
    let copied = copied(text, &sections);
    Draft { near: near.map(|near| (near.name, near.reasons)), sections, copied }
}

/// Classes and functions at the top of a file, in order.
fn tops(doc: &SourceDoc) -> impl Iterator<Item = &Symbol> {
    doc.symbols
        .iter()
        .filter(|symbol| symbol.depth == 0 && matches!(symbol.kind, SymbolKind::Class | SymbolKind::Function))
}

/// The first line from 0, decorators included.
fn start(symbol: &Symbol) -> usize {
    (symbol.first as usize).saturating_sub(1)
}

fn header(port: &SourceDoc) -> Option<Part> {
    let first = tops(port).next().map_or(port.line_count() as usize, start);
    let text: String = port.text.split_inclusive('\n').take(first).collect();
    (first > 0).then(|| Part { name: format!("{}: imports", port.name()), first: 1, text })
}

fn part(doc: &SourceDoc, symbol: &Symbol) -> Part {
    let blank = |at: &usize| doc.line(*at as u32 + 1).trim().is_empty();
    let last = symbol.last as usize;
    // With the blank lines after it, as the sections of the draft are cut.
    let end = (last..doc.line_count() as usize).find(|at| !blank(at)).unwrap_or(doc.line_count() as usize);
    let range: Range<usize> = start(symbol)..end;
    let text = doc.text.split_inclusive('\n').skip(range.start).take(range.len()).collect();
    Part { name: format!("{}: {}", doc.name(), symbol.path), first: symbol.first, text }
}

/// Says for each line of the draft whether the nearest port has it at the same place.
fn copied(text: &str, sections: &[Section]) -> Vec<bool> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut copied = vec![false; lines.len()];
    for section in sections {
        let Some(near) = &section.near else { continue };
        let own: String = lines[section.lines.clone()].concat();
        for op in TextDiff::from_lines(near.text.as_str(), own.as_str()).ops() {
            if let DiffOp::Equal { new_index, len, .. } = *op {
                let from = section.lines.start + new_index;
                copied[from..from + len].fill(true);
            }
        }
    }
    copied
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: &str = "\
class ArceeMLP(nn.Module):
    def __init__(self, config):
        self.up_proj = nn.Linear(config.hidden_size, 1)
        self.down_proj = nn.Linear(1, config.hidden_size)
    def forward(self, x):
        return x
class ArceeModel(nn.Module):
    def __init__(self, config):
        self.mlp = ArceeMLP(config)
class ArceeForCausalLM(nn.Module):
    def __init__(self, config):
        self.model = ArceeModel(config)
";
    const LLAMA: &str = "\
import mlx.nn as nn
from .base import BaseModelArgs


class MLP(nn.Module):
    def __init__(self, args):
        self.up_proj = nn.Linear(args.hidden_size, 1)
        self.down_proj = nn.Linear(1, args.hidden_size)
        self.gate_proj = None


class Model(nn.Module):
    def __init__(self, args):
        self.mlp = MLP(args)
";

    #[test]
    fn each_part_of_a_draft_stands_beside_what_it_answers_to() {
        let text =
            LLAMA.replace("        self.gate_proj = None\n", "").replace("class MLP", "class ArceeMLP");
        let text = text.replace("MLP(args)", "ArceeMLP(args)");
        let modeling = parse(Path::new("modeling_arcee.py"), REFERENCE);
        let ports = [Arc::new(parse(Path::new("models/llama.py"), LLAMA))];
        let made = draft((Path::new("arcee.py"), &text), Some(&modeling), None, &ports);
        assert_eq!(made.near.as_ref().map(|(name, _)| name.as_str()), Some("llama"));
        let name = |part: &Option<Part>| part.as_ref().map_or("–", |part| part.name.as_str()).to_string();
        let line = |section: &Section| {
            let (near, reference) = (name(&section.near), name(&section.reference));
            format!("{:?} {} | {near} | {reference}", section.lines, section.name)
        };
        let found: Vec<String> = made.sections.iter().map(line).collect();
        assert_eq!(
            found,
            [
                "0..4 imports | llama.py: imports | –",
                "4..10 ArceeMLP | llama.py: MLP | modeling_arcee.py: ArceeMLP",
                "10..13 Model | llama.py: Model | modeling_arcee.py: ArceeForCausalLM",
            ]
        );
        let taken: Vec<usize> =
            (0..made.copied.len()).filter(|at| made.copied[*at]).map(|at| at + 1).collect();
        assert_eq!(taken, [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12]);
    }

    #[test]
    fn without_a_reference_a_draft_is_still_cut() {
        let made = draft((Path::new("a.py"), "x = 1\n"), None, None, &[]);
        assert_eq!(
            made,
            Draft {
                near: None,
                sections: vec![Section { lines: 0..1, name: "imports".into(), near: None, reference: None }],
                copied: vec![false]
            }
        );
    }
}
