//! Failures to order: what a call of [`super::call`] answers instead of the kernel, so that tests see what
//! PID 1 does when there is no memory, no descriptor, no room. Invariant: a release has none of it;
//! [`at`] is empty there.
//!
//! A plan is a list of rules, `fork=EAGAIN*5,accept=EMFILE~1500,child.mount=EBUSY`: a call's name, the
//! error, and when: always, `*N` the first N calls, `@N` the Nth alone, `%N` each Nth, `~MS` for this
//! many milliseconds from now. `child.` is for what PID 1 forks, up to its exec.

#[cfg(debug_assertions)]
pub use armed::{answer, at, enter_child, order, order_from_environment};

/// Whether this call is to fail, and how.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn at(_call: &'static str) -> Result<(), nix::errno::Errno> {
    Ok(())
}

/// Takes the first plan from `INITSH_FAULTS`.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn order_from_environment() {}

/// What a request `faults:PLAN` is answered: nothing, for there are none.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn answer(_request: &str) -> Option<Result<(), String>> {
    None
}

/// A forked child begins.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn enter_child() {}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::{Mutex, MutexGuard, PoisonError};
    use std::time::Duration;

    use nix::errno::Errno;

    use crate::time::Instant;

    static PLAN: Mutex<Vec<Rule>> = Mutex::new(Vec::new());

    const CHILD: &str = "child.";

    #[derive(Debug)]
    struct Rule {
        call: String,
        errno: Errno,
        when: When,
        asked: u32,
        failed: u32,
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum When {
        Always,
        First(u32),
        Only(u32),
        Each(u32),
        Until(Instant),
    }

    /// Whether this call is to fail, and how.
    pub fn at(call: &'static str) -> Result<(), Errno> {
        let mut plan = plan();
        let Some(rule) = plan.iter_mut().find(|rule| rule.call == call) else {
            return Ok(());
        };
        rule.asked += 1;
        let fails = match rule.when {
            When::Always => true,
            When::First(count) => rule.asked <= count,
            When::Only(number) => rule.asked == number,
            When::Each(step) => rule.asked.is_multiple_of(step),
            When::Until(end) => Instant::now() < end,
        };
        if fails {
            rule.failed += 1;
            return Err(rule.errno);
        }
        Ok(())
    }

    /// Replaces the plan.
    ///
    /// Errors name the rule that is wrong; the plan is then what it was.
    pub fn order(text: &str) -> Result<(), String> {
        let rules = text.split(',').filter(|rule| !rule.is_empty());
        let rules = rules.map(|rule| parse(rule).ok_or_else(|| format!("'{rule}': no such fault")));
        *plan() = rules.collect::<Result<_, _>>()?;
        Ok(())
    }

    /// Takes the first plan from `INITSH_FAULTS`. What is wrong in it is no plan.
    pub fn order_from_environment() {
        if let Some(text) = std::env::var_os("INITSH_FAULTS") {
            let _ = order(&text.to_string_lossy());
        }
    }

    /// What a request is answered: `faults:PLAN` replaces the plan, `faults?` has a report of the calls
    /// instead of an error. `None`: it is about something else.
    pub fn answer(request: &str) -> Option<Result<(), String>> {
        match request.strip_prefix("faults")?.split_at_checked(1)? {
            (":", text) => Some(order(text)),
            _ => Some(Err(report())),
        }
    }

    /// How often each rule's call was made and has failed: `fork 7 5`, one a line.
    fn report() -> String {
        let line = |rule: &Rule| format!("{} {} {}\n", rule.call, rule.asked, rule.failed);
        plan().iter().map(line).collect()
    }

    /// Leaves the rules that are for children; in a forked child.
    pub fn enter_child() {
        plan().retain_mut(|rule| match rule.call.strip_prefix(CHILD) {
            Some(call) => {
                rule.call = call.to_owned();
                true
            }
            None => false,
        });
    }

    fn plan() -> MutexGuard<'static, Vec<Rule>> {
        PLAN.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn parse(text: &str) -> Option<Rule> {
        let (call, rest) = text.split_once('=')?;
        let end = rest
            .find(|c: char| !c.is_ascii_uppercase())
            .unwrap_or(rest.len());
        let (name, when) = rest.split_at(end);
        let number = || when.get(1..)?.parse::<u32>().ok().filter(|&n| n > 0);
        let when = match when.as_bytes().first() {
            None => When::Always,
            Some(b'*') => When::First(number()?),
            Some(b'@') => When::Only(number()?),
            Some(b'%') => When::Each(number()?),
            Some(b'~') => {
                let time = Duration::from_millis(u64::from(number()?));
                When::Until(Instant::now() + time)
            }
            Some(_) => return None,
        };
        Some(Rule {
            call: call.to_owned(),
            errno: errno(name)?,
            when,
            asked: 0,
            failed: 0,
        })
    }

    fn errno(name: &str) -> Option<Errno> {
        let all = (1..=133).map(Errno::from_raw);
        let mut known = all.filter(|errno| *errno != Errno::UnknownErrno);
        known.find(|errno| format!("{errno:?}") == name)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        /// One test, because there is one plan.
        #[test]
        fn rules_fail_when_they_say() {
            let calls = |call, count| {
                let failed = |_: &i32| at(call).is_err();
                (1..=count).filter(failed).collect::<Vec<i32>>()
            };
            order("t1=EIO*2,t2=EMFILE@3,t3=ENOMEM%2,t4=EAGAIN,child.t5=EINTR").unwrap();
            assert_eq!(calls("t1", 4), [1, 2]);
            assert_eq!(calls("t2", 4), [3]);
            assert_eq!(calls("t3", 4), [2, 4]);
            assert_eq!(calls("t4", 2), [1, 2]);
            assert_eq!(calls("t5", 1), []);
            assert_eq!(at("t4"), Err(Errno::EAGAIN));
            assert!(report().starts_with("t1 4 2\nt2 4 1\n"), "{}", report());
            for wrong in [
                "fork",
                "fork=EFOO",
                "fork=EIO*0",
                "fork=EIO*x",
                "fork=EIO+1",
            ] {
                assert_eq!(order(wrong), Err(format!("'{wrong}': no such fault")));
            }
            enter_child();
            assert_eq!(at("t4"), Ok(()));
            assert_eq!(at("t5"), Err(Errno::EINTR));
            order("t6=EIO~1").unwrap();
            std::thread::sleep(Duration::from_millis(5));
            assert_eq!(at("t6"), Ok(()));
            order("").unwrap();
        }
    }
}
