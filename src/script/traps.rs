//! What `trap` sets: actions for signals and for the shell's end. Invariant: an action runs between two
//! commands, never inside a handler.

use nix::sys::signal::Signal;

use super::shell::Shell;
use crate::cmd::Flow;
use crate::failure::{Doing, Failure};
use crate::sort;
use crate::sys::signal;

/// `trap … EXIT` in the table.
pub const EXIT: i32 = 0;

/// The actions, by signal number; an empty one ignores the signal.
#[derive(Debug, Default)]
pub struct Traps {
    actions: Vec<(i32, Vec<u8>)>,
}

impl Traps {
    /// The action for a signal or [`EXIT`].
    pub fn get(&self, number: i32) -> Option<&[u8]> {
        let found = self.actions.iter().find(|(n, _)| *n == number);
        found.map(|(_, action)| action.as_slice())
    }

    /// Every action, sorted by number.
    pub fn iter(&self) -> impl Iterator<Item = (i32, &[u8])> {
        self.actions
            .iter()
            .map(|(n, action)| (*n, action.as_slice()))
    }

    /// Sets an action (`None`: the default), and with it what the signal does.
    ///
    /// Errors: the signal can be neither caught nor ignored.
    pub fn set(&mut self, number: i32, action: Option<Vec<u8>>) -> Result<(), Failure> {
        if let Ok(signal) = Signal::try_from(number) {
            dispose(signal, action.as_deref()).doing(|| format!("trap {}", signal_name(number)))?;
        }
        self.actions.retain(|(n, _)| *n != number);
        if let Some(action) = action {
            self.actions.push((number, action));
            sort::sort_by_key(&mut self.actions, |(n, _)| *n);
        }
        Ok(())
    }

    /// In a subshell: only what is ignored stays (POSIX XCU 2.11); `reset_for_child` came before.
    pub fn enter_child(&mut self) {
        self.actions
            .retain(|(n, action)| *n != EXIT && action.is_empty());
        self.ignore_again();
        signal::take_caught();
        signal::clear_interrupt();
    }

    /// After `reset_for_child`: what `trap ''` ignores stays ignored, in programs too.
    pub fn ignore_again(&self) {
        for (number, _) in self.actions.iter().filter(|(_, action)| action.is_empty()) {
            if let Ok(signal) = Signal::try_from(*number) {
                let _ = signal::ignore(signal);
            }
        }
    }

    /// Whether no action waits for the end of this process.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }
}

fn dispose(signal: Signal, action: Option<&[u8]>) -> Result<(), nix::errno::Errno> {
    match (signal, action) {
        (_, Some([])) => signal::ignore(signal),
        (Signal::SIGINT, _) => signal::catch_interrupt(),
        (_, Some(_)) => signal::catch(signal),
        // The shell itself never dies of a broken pipe: the failed write is reported.
        (Signal::SIGPIPE, None) => signal::ignore(signal),
        (_, None) => signal::default(signal),
    }
}

/// `EXIT`, `INT`, `TERM`: as `trap` lists it.
pub fn signal_name(number: i32) -> String {
    if number == EXIT {
        return "EXIT".to_owned();
    }
    match Signal::try_from(number) {
        Ok(signal) => signal.as_str().trim_start_matches("SIG").to_owned(),
        Err(_) => number.to_string(),
    }
}

/// The number of `EXIT`, `INT`, `SIGINT`, `2` or `0`.
pub fn signal_number(name: &str) -> Option<i32> {
    if let Ok(number) = name.parse() {
        return (number == EXIT || Signal::try_from(number).is_ok()).then_some(number);
    }
    let name = name.to_ascii_uppercase();
    let name = name.trim_start_matches("SIG");
    if name == "EXIT" {
        return Some(EXIT);
    }
    let signal = Signal::iterator().find(|signal| &signal.as_str()[3..] == name);
    signal.map(|signal| signal as i32)
}

impl Shell {
    /// Between two commands: runs the actions of the signals that arrived; `Some` where Ctrl-C or an
    /// action ends the script.
    pub(super) fn attend(&mut self) -> Option<Flow> {
        if signal::interrupted() {
            if self.traps.get(Signal::SIGINT as i32).is_none() {
                return Some(self.abandon(130));
            }
            signal::clear_interrupt();
            if let Some(flow) = self.run_trap(Signal::SIGINT as i32) {
                return Some(flow);
            }
        }
        if signal::caught().is_some() {
            let caught = signal::take_caught();
            let numbers = (1..64).filter(|number| caught & (1 << number) != 0);
            return numbers.into_iter().find_map(|number| self.run_trap(number));
        }
        None
    }

    /// Runs an action; the status before it stays. `Some` where the action leaves the shell.
    fn run_trap(&mut self, number: i32) -> Option<Flow> {
        let action = self.traps.get(number)?.to_vec();
        let status = self.last_status();
        let flow = self.run_nested("trap", &action);
        self.set_status(status);
        match flow {
            Flow::Status(_) => None,
            other => Some(other),
        }
    }

    /// Ends the shell: runs the action of `trap … EXIT` once; the exit status.
    pub fn finish(&mut self, flow: Flow) -> u8 {
        let status = flow.status();
        let Some(action) = self.traps.get(EXIT).map(<[u8]>::to_vec) else {
            return status;
        };
        // EXIT is no signal: this cannot fail.
        let _ = self.traps.set(EXIT, None);
        signal::clear_interrupt();
        self.set_status(status);
        match self.run_nested("trap", &action) {
            Flow::Exit(status) => status,
            _ => status,
        }
    }
}
