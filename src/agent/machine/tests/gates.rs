//! The phases that the program holds itself.

use super::*;
use crate::agent::data::{Pin, PinKind};
use crate::agent::machine::gates::{Gate, Gates, WAIVED};

fn kept() -> Machine {
    let mut tools = setup().tools;
    for name in ["read_source", "read_inheritance", "check_twin", "check_speed", "locate_fault"] {
        let schema = json!({"type": "object", "properties": {}});
        tools.push(ToolSpec { name: name.into(), description: "d".into(), schema, approval: Approval::Auto });
    }
    let limits = Limits { rounds: 60, ..Limits::default() };
    let mut machine = Machine::new(Setup { gates: Gates::Kept, tools, limits, ..setup() });
    machine.step(0, Input::User("port it".into()));
    machine
}

/// The model reads this file.
fn reads(machine: &mut Machine, path: &str, outcome: ToolOutcome) {
    let stream = machine.stream().expect("a stream");
    let arguments = format!("{{\"path\":\"{path}\"}}");
    calls(machine, stream, &[call(path, "read_source", &arguments)]);
    machine.step(0, Input::ToolEnded { call_id: path.into(), outcome });
}

/// The model tries to edit; gives the gate that was shut, if any.
fn tries(machine: &mut Machine, id: &str) -> Option<Gate> {
    let stream = machine.stream().expect("a stream");
    let outputs = calls(machine, stream, &[edit(id)]);
    outputs.iter().find_map(|output| match output {
        Output::Notify(Notice::GateShut(gate)) => Some(*gate),
        _ => None,
    })
}

const MODELING: &str = "transformers/models/arcee/modeling_arcee.py";
const CONFIG: &str = "transformers/models/arcee/configuration_arcee.py";

#[test]
fn no_edit_is_proposed_before_reference_config_and_the_persons_words() {
    let mut machine = kept();
    assert_eq!(tries(&mut machine, "e1"), Some(Gate::Reference));
    let told = machine.messages().last().map(|last| last.content.clone()).unwrap_or_default();
    assert!(told.starts_with("Error: Not proposed: the reference was not read"), "{told}");

    reads(&mut machine, "mlx_lm/models/modeling_x.py", done("x"));
    reads(&mut machine, MODELING, failed("no such file"));
    assert_eq!(
        tries(&mut machine, "e2"),
        Some(Gate::Reference),
        "neither a port nor a failure is the reference"
    );
    reads(&mut machine, "transformers/models/arcee/modular_arcee.py", done("class"));
    assert_eq!(tries(&mut machine, "e3"), Some(Gate::Config));
    reads(&mut machine, CONFIG, done("class"));
    assert_eq!(tries(&mut machine, "e4"), Some(Gate::Understanding));
    machine.step(1, Input::Pin(Pin::new(PinKind::Understanding, "", "Llama with ReLU squared and no gate")));
    assert_eq!((tries(&mut machine, "e5"), machine.gate()), (None, None));
    assert!(matches!(machine.state(), State::Tools(_)), "it is worked out now");
}

#[test]
fn the_person_may_go_on_without() {
    let mut machine = kept();
    machine.step(1, Input::Pin(Pin::new(PinKind::Understanding, "", format!("{WAIVED}I know it"))));
    assert_eq!(tries(&mut machine, "e1"), None);
    let mut open = started();
    assert_eq!(tries(&mut open, "e1"), None, "a recording has its own acts");
}

#[test]
fn gates_stay_open_in_a_resumed_session() {
    let pin = Pin::new(PinKind::Understanding, "", "Llama with ReLU squared");
    let read_call = |path: &str| {
        let arguments = format!("{{\"path\":\"{path}\"}}");
        let message = Message::assistant("").calling(vec![call(path, "read_source", &arguments)]);
        [
            Entry::Message { message },
            Entry::ToolEnded { call_id: path.into(), outcome: done("x") },
            Entry::Message { message: Message::tool(path, "x") },
        ]
    };
    let mut entries = vec![Entry::Message { message: Message::user("port it") }];
    entries.extend(read_call(MODELING));
    entries.extend(read_call(CONFIG));
    let without = Machine::restore(kept().setup().clone(), &entries);
    assert_eq!(without.gate(), Some(Gate::Understanding));
    entries.push(Entry::Pinned { pin });
    assert_eq!(Machine::restore(kept().setup().clone(), &entries).gate(), None);
}

#[test]
fn a_turn_that_ends_with_an_unchecked_edit_says_so() {
    let ends = |after: Option<(&str, &str)>| {
        let mut machine = kept();
        machine.step(1, Input::Pin(Pin::new(PinKind::Understanding, "", format!("{WAIVED}test"))));
        assert_eq!(tries(&mut machine, "e1"), None);
        machine.step(1, Input::Proposed { call_id: "e1".into(), result: Ok(proposal("e1")) });
        machine.step(1, Input::Decided { call_id: "e1".into(), decision: Decision::Accept });
        machine.step(1, Input::ToolEnded { call_id: "e1".into(), outcome: done("Written.") });
        if let Some((tool, arguments)) = after {
            let stream = machine.stream().expect("a stream");
            calls(&mut machine, stream, &[call("k", tool, arguments)]);
            machine.step(1, Input::ToolEnded { call_id: "k".into(), outcome: done("fail") });
        }
        let stream = machine.stream().expect("a stream");
        machine.step(2, text(stream, "It works."));
        machine.step(2, finished(stream)).contains(&Output::Notify(Notice::Unchecked))
    };
    assert!(ends(None));
    assert!(!ends(Some(("check_twin", "{}"))), "a check with a bad verdict is still a check");
    assert!(!ends(Some(("locate_fault", "{}"))), "it runs the checks anew");
    assert!(ends(Some(("locate_fault", r#"{"run": "last"}"#))), "an earlier run is only read");
    assert!(ends(Some(("check_speed", "{}"))), "it judges nothing");
}
