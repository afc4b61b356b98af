//! Service files are read again and PID 1 is told what has changed. Invariant: a file that cannot be read
//! or is wrong changes nothing.

use std::path::Path;

use super::client::Client;
use super::protocol::Request;
use super::service_file;
use super::spec::ServiceSpec;
use crate::failure::Failure;

/// What became of one service.
#[derive(Debug)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// What has changed, by option; nothing: the file says what it said.
    pub changed: Result<Vec<&'static str>, Failure>,
}

/// Reads every file again that services came from.
///
/// Errors: PID 1 does not answer. What is wrong with one file is in its outcome.
pub fn reload(client: &mut Client) -> Result<Vec<Outcome>, Failure> {
    let mut outcomes = Vec::new();
    for service in client.services()? {
        let before = client.describe(&service.name)?;
        if let Some(file) = &before.file {
            let changed = service_file::read(Path::new(file))
                .and_then(|after| redefine(client, &before, after));
            outcomes.push(Outcome {
                name: service.name,
                changed,
            });
        }
    }
    Ok(outcomes)
}

fn redefine(
    client: &mut Client,
    before: &ServiceSpec,
    after: ServiceSpec,
) -> Result<Vec<&'static str>, Failure> {
    if after.name != before.name {
        let file = after.file.unwrap_or_default();
        let text = format!("{}: describes '{}' now", file.to_string_lossy(), after.name);
        let hint = format!("'stop {}', then 'service FILE'", before.name);
        return Err(Failure::new(text).with_hint(hint));
    }
    let after = as_told(after);
    let changed = changes(before, &after);
    if !changed.is_empty() {
        client.redefine(&after)?;
    }
    Ok(changed)
}

/// As PID 1 gets to know it: times are whole milliseconds.
fn as_told(spec: ServiceSpec) -> ServiceSpec {
    let request = Request::Redefine(Box::new(spec.clone()));
    match Request::decode(&request.encode()) {
        Ok(Request::Redefine(told)) => *told,
        _ => spec,
    }
}

/// The options that say something else than before.
fn changes(before: &ServiceSpec, after: &ServiceSpec) -> Vec<&'static str> {
    let (old, new) = (&before.setup, &after.setup);
    let account = |setup: &super::setup::Setup| (setup.user, setup.group, setup.groups.clone());
    let all = [
        (
            "command",
            before.program != after.program || before.argv != after.argv,
        ),
        ("env", before.env != after.env),
        ("cwd", before.cwd != after.cwd),
        ("restart", before.restart != after.restart),
        ("backoff", before.backoff != after.backoff),
        ("max-restarts", before.max_restarts != after.max_restarts),
        ("ready", before.ready != after.ready),
        ("stop-timeout", before.stop_timeout != after.stop_timeout),
        ("stop-signal", before.stop_signal != after.stop_signal),
        ("needs", before.needs != after.needs),
        ("after", before.after != after.after),
        ("critical", before.critical != after.critical),
        ("oneshot", before.oneshot != after.oneshot),
        ("user", account(old) != account(new)),
        ("stdin", old.stdin != new.stdin),
        ("stdout", old.stdout != new.stdout),
        ("stderr", old.stderr != new.stderr),
        ("log-file", old.log_file != new.log_file),
        ("nice", old.nice != new.nice),
        ("oom-score", old.oom_score != new.oom_score),
        ("rlimit", old.rlimits != new.rlimits),
        (
            "cgroup",
            old.cgroup != new.cgroup || old.cgroup_at != new.cgroup_at,
        ),
        ("caps", old.caps != new.caps),
        ("no-new-privs", old.no_new_privs != new.no_new_privs),
        ("tty", old.tty != new.tty),
        ("keep-fds", old.keep_fds != new.keep_fds),
    ];
    let changed = all.into_iter().filter(|(_, changed)| *changed);
    changed.map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervise::spec::Program;

    #[test]
    fn what_has_changed_is_named() {
        let before = ServiceSpec::new("a", Program::Own, vec!["a".into()]);
        assert_eq!(changes(&before, &before), [] as [&str; 0]);
        let mut after = before.clone();
        after.argv.push("b".into());
        after.setup.user = Some(5);
        assert_eq!(changes(&before, &after), ["command", "user"]);
        let mut odd = before.clone();
        odd.stop_timeout = std::time::Duration::from_nanos(1_000_001);
        let told = as_told(odd);
        assert_eq!(told.stop_timeout, std::time::Duration::from_millis(1));
    }
}
