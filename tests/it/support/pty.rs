//! The program in a real pseudo-terminal: keys in, bytes out, and the screen that those bytes make.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// A program running in a pseudo-terminal. Killed when dropped.
pub struct Pty {
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    bytes: Arc<Mutex<Vec<u8>>>,
    size: (u16, u16),
}

const PATIENCE: Duration = Duration::from_secs(60);

impl Pty {
    /// Starts `mlxport` with a data folder of its own; the environment holds only what a test needs.
    pub fn mlxport(home: &Path, args: &[&str], size: (u16, u16)) -> Self {
        Self::mlxport_with(home, args, size, &[])
    }

    /// As [`Pty::mlxport`], with more of the environment.
    pub fn mlxport_with(home: &Path, args: &[&str], size: (u16, u16), env: &[(&str, &str)]) -> Self {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_mlxport"));
        command.env_clear();
        for name in ["PATH", "HOME"] {
            if let Ok(value) = std::env::var(name) {
                command.env(name, value);
            }
        }
        command.env("TERM", "xterm-256color");
        command.env("COLORTERM", "truecolor");
        command.env("MLXPORT_HOME", home);
        for (name, value) in env {
            command.env(name, value);
        }
        command.args(args);
        command.cwd(home);
        Self::start(command, size)
    }

    /// Starts any command.
    pub fn start(command: CommandBuilder, size: (u16, u16)) -> Self {
        let pair = native_pty_system().openpty(pty_size(size)).expect("a pseudo-terminal");
        let child = pair.slave.spawn_command(command).expect("the program starts");
        drop(pair.slave);
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let sink = Arc::clone(&bytes);
        std::thread::spawn(move || {
            let mut buffer = [0; 65536];
            while let Ok(count) = reader.read(&mut buffer) {
                if count == 0 {
                    break;
                }
                sink.lock().expect("bytes").extend_from_slice(&buffer[..count]);
            }
        });
        let writer = pair.master.take_writer().expect("a writer");
        Self { master: pair.master, writer, child, bytes, size }
    }

    /// Types bytes as they are.
    pub fn send(&mut self, bytes: &str) {
        self.writer.write_all(bytes.as_bytes()).expect("the terminal takes keys");
        self.writer.flush().expect("flush");
    }

    /// Gives every byte written so far.
    pub fn output(&self) -> Vec<u8> {
        self.since(0)
    }

    /// Gives how many bytes were written so far.
    pub fn count(&self) -> usize {
        self.bytes.lock().expect("bytes").len()
    }

    /// Gives what was written after the first bytes.
    pub fn since(&self, from: usize) -> Vec<u8> {
        self.bytes.lock().expect("bytes")[from..].to_vec()
    }

    /// Gives the screen as text.
    pub fn screen(&self) -> String {
        let size = |n: u16| NonZeroU16::new(n).expect("not zero");
        let mut parser = vt100::Parser::new(size(self.size.1), size(self.size.0), 0);
        parser.process(&self.output());
        parser.screen().contents()
    }

    /// Waits until the screen shows a text.
    #[track_caller]
    pub fn wait_for(&self, text: &str) {
        self.wait_until(&format!("the screen shows {text:?}"), |screen| screen.contains(text));
    }

    /// Waits until the screen satisfies a condition.
    #[track_caller]
    pub fn wait_until(&self, what: &str, condition: impl Fn(&str) -> bool) {
        let start = Instant::now();
        let mut seen = usize::MAX;
        loop {
            let count = self.count();
            if count != seen && condition(&self.screen()) {
                return;
            }
            seen = count;
            assert!(start.elapsed() < PATIENCE, "waited for: {what}\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until nothing has been written for a while; gives the bytes so far.
    pub fn settle(&self) -> usize {
        let mut count = self.count();
        let mut since = Instant::now();
        let start = Instant::now();
        while since.elapsed() < Duration::from_millis(400) && start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(20));
            let now = self.count();
            if now != count {
                (count, since) = (now, Instant::now());
            }
        }
        count
    }

    /// Changes the terminal's size.
    pub fn resize(&mut self, size: (u16, u16)) {
        self.size = size;
        self.master.resize(pty_size(size)).expect("resize");
    }

    /// The program's process number.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.process_id().expect("running")).expect("a pid")
    }

    /// Sends a signal.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.pid()), signal).expect("signal");
    }

    /// Waits for the end; gives the exit code (a signal counts as 1 in portable-pty).
    #[track_caller]
    pub fn wait_exit(&mut self) -> u32 {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("wait") {
                // What was written last may still be on its way through the kernel.
                std::thread::sleep(Duration::from_millis(50));
                return status.exit_code();
            }
            assert!(start.elapsed() < PATIENCE, "the program does not end\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The terminal's settings as the kernel has them.
    pub fn termios(&self) -> nix::sys::termios::Termios {
        let name = self.master.tty_name().expect("a terminal's name");
        let tty = std::fs::File::open(name).expect("the terminal");
        nix::sys::termios::tcgetattr(&tty).expect("termios")
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        // Already gone is what was wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pty_size((cols, rows): (u16, u16)) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}
