//! The thread that reads the terminal. It can be parked, so that `$EDITOR` or the shell gets the keys, and woken to end.

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::mpsc;

use super::input::{ESC_WAIT_MS, Input, Parser};

/// What the reading thread says.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    Input(Input),
    /// End of file or an error: the terminal is gone.
    Gone,
}

/// The reading thread's handle.
#[derive(Debug)]
pub struct Keyboard {
    wake: PipeWriter,
    parked: Arc<(Mutex<Park>, Condvar)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Park {
    Reading,
    Asked,
    Parked,
}

impl Keyboard {
    /// Starts the thread; it sends what it hears until the receiver is gone.
    pub fn start(to: mpsc::Sender<Heard>) -> std::io::Result<Self> {
        let (woken, wake) = std::io::pipe()?;
        let parked = Arc::new((Mutex::new(Park::Reading), Condvar::new()));
        let of_thread = Arc::clone(&parked);
        std::thread::Builder::new().name("keyboard".into()).spawn(move || read(&to, woken, &of_thread))?;
        Ok(Self { wake, parked })
    }

    /// Stops reading until [`Keyboard::resume`]; returns once the thread has let go of standard input.
    pub fn park(&mut self) {
        let (state, changed) = &*self.parked;
        let Ok(mut state) = state.lock() else { return };
        *state = Park::Asked;
        if self.wake.write_all(b"p").is_err() {
            return;
        }
        while *state != Park::Parked {
            match changed.wait(state) {
                Ok(next) => state = next,
                Err(_) => return,
            }
        }
    }

    /// Reads again.
    pub fn resume(&self) {
        let (state, changed) = &*self.parked;
        if let Ok(mut state) = state.lock() {
            *state = Park::Reading;
            changed.notify_all();
        }
    }
}

fn read(to: &mpsc::Sender<Heard>, mut woken: PipeReader, parked: &(Mutex<Park>, Condvar)) {
    let stdin = std::io::stdin();
    let mut parser = Parser::default();
    let mut buffer = [0_u8; 4096];
    loop {
        let timeout = match parser.is_waiting() {
            true => PollTimeout::try_from(ESC_WAIT_MS).unwrap_or(PollTimeout::NONE),
            false => PollTimeout::NONE,
        };
        let mut fds =
            [PollFd::new(stdin.as_fd(), PollFlags::POLLIN), PollFd::new(woken.as_fd(), PollFlags::POLLIN)];
        let ready = match poll(&mut fds, timeout) {
            Ok(ready) => ready,
            Err(nix::errno::Errno::EINTR) => continue,
            Err(_) => return gone(to),
        };
        let flags = |fd: &PollFd<'_>| fd.revents().unwrap_or(PollFlags::empty());
        let (keys, wake) = (flags(&fds[0]), flags(&fds[1]));
        let events = if ready == 0 {
            parser.timeout()
        } else if !wake.is_empty() {
            // The writer is gone when the program ends.
            if woken.read(&mut buffer[..1]).unwrap_or(0) == 0 {
                return;
            }
            wait_parked(parked);
            continue;
        } else if keys.contains(PollFlags::POLLIN) {
            match nix::unistd::read(stdin.as_fd(), &mut buffer) {
                Ok(0) => return gone(to),
                Ok(count) => parser.feed(&buffer[..count]),
                Err(nix::errno::Errno::EINTR | nix::errno::Errno::EAGAIN) => continue,
                Err(_) => return gone(to),
            }
        } else {
            return gone(to);
        };
        for event in events {
            if to.blocking_send(Heard::Input(event)).is_err() {
                return;
            }
        }
    }
}

fn wait_parked((state, changed): &(Mutex<Park>, Condvar)) {
    let Ok(mut state) = state.lock() else { return };
    if *state == Park::Asked {
        *state = Park::Parked;
        changed.notify_all();
    }
    while *state == Park::Parked {
        match changed.wait(state) {
            Ok(next) => state = next,
            Err(_) => return,
        }
    }
}

fn gone(to: &mpsc::Sender<Heard>) {
    // Nobody listens any more when the program is ending anyway.
    let _ = to.blocking_send(Heard::Gone);
}
