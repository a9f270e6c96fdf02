//! One self-contained file: what a model file may import.

use super::super::data::Severity;
use super::super::found::Found;
use super::super::subject::{SHARED, Subject};
use super::{MODEL, Rule};
use crate::source::syntax::{Imported, Node};

pub static RULE: Rule = Rule {
    id: "L3-imports",
    says: "A model file imports mlx, the standard library and mlx_lm's shared helpers.",
    severity: Severity::Error,
    fix: "keep the file self-contained: mlx, the standard library, mlx_lm's shared helpers",
    source: "mlx-lm's dependencies in pyproject.toml; what is not there fails upstream's tests",
    breaks: Some(23),
    kinds: MODEL,
    on_broken: false,
    judge,
};

/// Installed with mlx-lm, and still nothing a model file needs.
const INSTALLED: [&str; 9] = [
    "google",
    "huggingface_hub",
    "jinja2",
    "numpy",
    "safetensors",
    "sentencepiece",
    "tokenizers",
    "transformers",
    "yaml",
];

fn judge(subject: &Subject, found: &mut Found) {
    for import in subject.syntax.imports() {
        let here = || is_tried(import.node);
        let top = import.module.split('.').next().unwrap_or_default();
        if import.module.starts_with('.') {
            relative(subject, found, &import);
        } else if INSTALLED.contains(&top) {
            found.weighed(
                import.spot,
                Severity::Warning,
                format!("imports {top}: model files use mlx alone"),
            );
        } else if top == "mlx_lm" {
            found.weighed(import.spot, Severity::Note, format!("imports {} by its full name", import.module));
        } else if top != "mlx" && !is_standard(top) && !here() {
            found.at(import.node, format!("imports {top}, which mlx-lm does not install"));
        }
    }
}

fn relative(subject: &Subject, found: &mut Found, import: &Imported<'_>) {
    let Some(rest) = import.module.strip_prefix('.').filter(|rest| !rest.starts_with('.')) else { return };
    let name = match rest.split('.').next() {
        Some("") | None => import.name.unwrap_or_default(),
        Some(first) => first,
    };
    let modules = &subject.around.modules;
    if !modules.is_empty() && !modules.contains(name) {
        found.at(import.node, format!("there is no module {name}.py beside this file"));
    } else if !SHARED.contains(&name) && (modules.is_empty() || modules.contains(name)) {
        let text = format!("takes {} from another model, {name}.py", import.name.unwrap_or(name));
        found.weighed(import.spot, Severity::Note, text);
    }
}

/// `try: import x` has a way out.
fn is_tried(node: Node<'_>) -> bool {
    node.ancestors().any(|node| node.kind() == "try_statement")
}

fn is_standard(module: &str) -> bool {
    STANDARD.split_ascii_whitespace().any(|name| name == module)
}

/// `sys.stdlib_module_names` of Python 3.11, without what no library imports.
const STANDARD: &str = "\
__future__ abc argparse array ast asyncio atexit base64 binascii bisect builtins bz2 calendar cmath codecs collections \
colorsys concurrent configparser contextlib contextvars copy copyreg csv ctypes dataclasses datetime decimal difflib dis \
email enum errno faulthandler fcntl filecmp fnmatch fractions functools gc getpass gettext glob graphlib gzip hashlib \
heapq hmac html http importlib inspect io ipaddress itertools json keyword linecache locale logging lzma math mimetypes \
mmap multiprocessing numbers opcode operator os pathlib pickle pkgutil platform pprint profile pwd queue random re \
reprlib resource runpy sched secrets select selectors shelve shlex shutil signal site socket sqlite3 ssl stat statistics \
string struct subprocess symtable sys sysconfig tarfile tempfile textwrap threading time timeit token tokenize tomllib \
traceback tracemalloc types typing unicodedata unittest urllib uuid warnings wave weakref xml zipfile zipimport zlib zoneinfo";
