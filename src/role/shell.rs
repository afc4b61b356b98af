//! The shell and command roles: `initsh`, `initsh FILE [ARG…]`, `initsh -c TEXT`, `initsh NAME [ARG…]`.

use std::ffi::OsString;

use crate::cmd;
use crate::script::Shell;

/// Runs with the arguments that follow the program's name; the exit status.
pub fn run(args: Vec<OsString>) -> u8 {
    let mut args = args.into_iter();
    let name = args.next().unwrap_or_default();
    let Some(command) = cmd::find(&name) else {
        return 127;
    };
    match cmd::dispatch(command, &mut Shell::default(), &name, args.collect()) {
        Ok(flow) => flow.status(),
        Err(failure) => {
            let hint = failure.hint().unwrap_or_default();
            let text = format!("{}: {failure}\n{hint}\n", command.name);
            let _ = cmd::call::write_all(&std::io::stderr(), text.as_bytes());
            failure.status()
        }
    }
}
