//! The same stream as in [`super::stream`], through everything: an endpoint on this machine that sends 2,000 tokens a
//! second for ten seconds and then 200 tool calls, the built program in a pseudo-terminal, a real workspace and its
//! tools. A character is typed every 60 ms, and the time until the program has written it is taken.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::pty::Pty;
use super::sse::{Piece, Play, Server, chunk};

/// Names a data folder that `mlxport setup` has filled: the tools need a workspace.
const HOME: &str = "MLXPORT_BENCH_HOME";
const CALLS: usize = 200;
const FRAMES: usize = 625;
/// 32 tokens of four bytes.
const WORDS: &str = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore magna aliqua ut enim\n";
/// Typed, and written nowhere else.
const TYPED: [&str; 8] = ["Ж", "Щ", "Ю", "Я", "Ы", "Э", "Ц", "Ф"];

pub fn run() {
    let Ok(home) = std::env::var(HOME) else {
        println!("live stream: not measured; {HOME} names the data folder of a workspace");
        return;
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for size in [(200, 60), (80, 24)] {
        let server = runtime.block_on(Server::start(None, vec![reply(), done()]));
        live(Path::new(&home), &server, size);
        assert_eq!(server.problems(), Vec::<String>::new());
        assert_eq!(server.requests().len(), 2, "the calls were answered");
    }
}

fn reply() -> Play {
    let text = |delta: serde_json::Value| Piece::Bytes(format!("data: {}\n\n", chunk(&delta, None)));
    let mut pieces = Vec::new();
    for _ in 0..FRAMES {
        pieces.push(text(json!({"content": WORDS})));
        pieces.push(Piece::Pause(Duration::from_millis(16)));
    }
    for at in 0..CALLS {
        let function = json!({"name": "list_checks", "arguments": "{}"});
        let call = json!({"index": at, "id": format!("c{at}"), "type": "function", "function": function});
        pieces.push(text(json!({"tool_calls": [call]})));
    }
    pieces.push(Piece::Bytes(format!("data: {}\n\ndata: [DONE]\n\n", chunk(&json!({}), Some("tool_calls")))));
    pieces.into_iter().fold(Play::events(&[]), Play::then)
}

fn done() -> Play {
    Play::events(&[&chunk(&json!({"content": "Done."}), None), &chunk(&json!({}), Some("stop")), "[DONE]"])
}

fn live(home: &Path, server: &Server, size: (u16, u16)) {
    let env = [("MLXPORT_BASE_URL", server.base_url.as_str()), ("MLXPORT_MODEL", "b")];
    let mut pty = Pty::mlxport_with(home, &["port", "arcee"], size, &env);
    pty.wait_for("sandboxed");
    pty.settle();
    pty.send("Go\r");
    pty.wait_for("lorem");
    let (begun, mut times) = (Instant::now(), Vec::new());
    let from = pty.count();
    while begun.elapsed() < Duration::from_secs(11) {
        let key = TYPED[times.len() % TYPED.len()];
        let (before, start) = (pty.count(), Instant::now());
        pty.send(key);
        while !super::contains(&pty.since(before), key.as_bytes()) {
            assert!(start.elapsed() < Duration::from_secs(5), "{key} was not written\n{}", pty.screen());
            std::thread::sleep(Duration::from_micros(500));
        }
        times.push(start.elapsed());
        std::thread::sleep(Duration::from_millis(60));
    }
    let bytes = (pty.count() - from) as f64 / begun.elapsed().as_secs_f64() / 1e3;
    pty.wait_for("Done.");
    let name =
        format!("2,000 tokens/s and 200 calls, live at {}x{}: typed character to bytes", size.0, size.1);
    super::report(&name, &mut times, "goal: p99 33");
    println!("… {bytes:.0} kB/s to the terminal");
}
