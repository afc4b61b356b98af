//! Walks the tree and runs it. Invariant: every status goes through [`Shell::run_pipeline`], the one
//! place that knows of `!`, `set -e` and the counts of the summary.

use std::rc::Rc;

use super::ast::{Arm, Command, Connector, Item, Kind, List, Pipeline, Span, Word};
use super::expand::{self, Error};
use super::functions::Function;
use super::options::Flag;
use super::redirect::{self, Saved};
use super::shell::Shell;
use super::stack::too_deep;
use crate::cmd::Flow;

impl Shell {
    /// Runs a list up to its end or what leaves it.
    pub(super) fn run_list(&mut self, list: &List) -> Flow {
        if self.stack_is_used_up() {
            return self.fail(self.span, None, &too_deep());
        }
        let mut flow = Flow::OK;
        for item in &list.items {
            if let Some(leaving) = self.attend() {
                return leaving;
            }
            if self.options.has(Flag::NoExec) && !self.is_interactive() {
                return flow;
            }
            flow = if item.background {
                self.run_background(item)
            } else {
                self.run_and_or(item)
            };
            if !matches!(flow, Flow::Status(_)) {
                return flow;
            }
        }
        // What arrived during the last command.
        self.attend().unwrap_or(flow)
    }

    /// Runs a list after which this process ends: a lone command is executed in its place.
    pub(super) fn run_last(&mut self, list: &List) -> Flow {
        if let [item] = list.items.as_slice()
            && let ([], [command]) = (item.rest.as_slice(), item.first.commands.as_slice())
            && !item.background
            && !item.first.negated
        {
            return self.run_command(command, true);
        }
        self.run_list(list)
    }

    pub(super) fn run_and_or(&mut self, item: &Item) -> Flow {
        let mut flow = self.run_pipeline(&item.first, !item.rest.is_empty());
        for (index, (connector, pipeline)) in item.rest.iter().enumerate() {
            let Flow::Status(status) = flow else {
                return flow;
            };
            if (status == 0) == (*connector == Connector::And) {
                // Ctrl-C is no failure that `||` is an answer to.
                if let Some(leaving) = self.attend() {
                    return leaving;
                }
                flow = self.run_pipeline(pipeline, index + 1 < item.rest.len());
            }
        }
        flow
    }

    fn run_pipeline(&mut self, pipeline: &Pipeline, tested: bool) -> Flow {
        let outer = self.checked;
        self.checked = outer || tested || pipeline.negated;
        let failed = self.counts.failed;
        let (flow, leaf) = match pipeline.commands.as_slice() {
            [only] => {
                let leaf = matches!(only.kind, Kind::Simple { .. } | Kind::Subshell(_));
                (self.run_command(only, false), leaf)
            }
            [first, .., last] => {
                self.span = first.span;
                let span = Span {
                    start: first.span.start,
                    end: last.span.end,
                };
                (self.run_stages(pipeline, self.text_at(span)), true)
            }
            [] => (Flow::OK, false),
        };
        let checked = std::mem::replace(&mut self.checked, outer);
        let Flow::Status(status) = flow else {
            return flow;
        };
        let status = if pipeline.negated {
            u8::from(status == 0)
        } else {
            status
        };
        self.set_status(status);
        if leaf && status != 0 && !checked {
            if self.counts.failed == failed {
                self.counts.failed += 1;
            }
            if self.options.has(Flag::ErrExit) {
                return Flow::Exit(status);
            }
        }
        Flow::Status(status)
    }

    /// Runs one command; `last`: nothing follows in this process, so that a program may replace it.
    pub(super) fn run_command(&mut self, command: &Command, last: bool) -> Flow {
        if let Kind::Simple { assignments, words } = &command.kind {
            return self.run_simple(command, assignments, words, last);
        }
        if command.redirects.is_empty() {
            return self.run_compound(command, last);
        }
        let mut saved = Saved::default();
        let flow = match redirect::apply(self, &command.redirects, &mut saved) {
            Ok(()) => self.run_compound(command, last),
            Err(error) => self.not_run(&error),
        };
        saved.restore();
        flow
    }

    fn run_compound(&mut self, command: &Command, last: bool) -> Flow {
        match &command.kind {
            Kind::Simple { .. } => Flow::OK,
            Kind::Group(list) => self.run_list(list),
            Kind::Subshell(list) => self.run_subshell(list, last, command),
            Kind::If {
                branches,
                otherwise,
            } => self.run_if(branches, otherwise.as_ref()),
            Kind::For { name, words, body } => {
                self.run_for(command.span, name, words.as_deref(), body)
            }
            Kind::While {
                until,
                condition,
                body,
            } => self.run_while(*until, condition, body),
            Kind::Case { subject, arms } => self.run_case(subject, arms),
            Kind::Function { name, body } => {
                let function = Function {
                    body: Rc::clone(body),
                    source: self.source.clone(),
                };
                self.functions.define(name, function);
                Flow::OK
            }
        }
    }

    /// Runs a list whose status decides something.
    fn run_condition(&mut self, list: &List) -> Flow {
        let outer = std::mem::replace(&mut self.checked, true);
        let flow = self.run_list(list);
        self.checked = outer;
        flow
    }

    fn run_if(&mut self, branches: &[(List, List)], otherwise: Option<&List>) -> Flow {
        for (condition, body) in branches {
            match self.run_condition(condition) {
                Flow::Status(0) => return self.run_list(body),
                Flow::Status(_) => {}
                leaving => return leaving,
            }
        }
        otherwise.map_or(Flow::OK, |list| self.run_list(list))
    }

    fn run_for(&mut self, span: Span, name: &str, words: Option<&[Word]>, body: &List) -> Flow {
        let values = match words {
            None => self.vars.positional.clone(),
            Some(words) => match expand::words(self, words) {
                Ok(values) => values,
                Err(error) => return self.fatal(&error),
            },
        };
        let mut status = 0;
        for value in values {
            if let Err(failure) = self.assign(name, value) {
                return self.fail(span, Some("for"), &failure);
            }
            self.loops += 1;
            let flow = self.run_list(body);
            self.loops -= 1;
            match turn(flow, &mut status) {
                Turn::Next => {}
                Turn::Leave(flow) => return flow,
            }
        }
        Flow::Status(status)
    }

    fn run_while(&mut self, until: bool, condition: &List, body: &List) -> Flow {
        let mut status = 0;
        loop {
            self.loops += 1;
            let flow = match self.run_condition(condition) {
                Flow::Status(tested) if (tested == 0) == until => {
                    self.loops -= 1;
                    return Flow::Status(status);
                }
                Flow::Status(_) => self.run_list(body),
                leaving => leaving,
            };
            self.loops -= 1;
            match turn(flow, &mut status) {
                Turn::Next => {}
                Turn::Leave(flow) => return flow,
            }
        }
    }

    fn run_case(&mut self, subject: &Word, arms: &[Arm]) -> Flow {
        let text = match expand::text(self, subject) {
            Ok(text) => text,
            Err(error) => return self.fatal(&error),
        };
        for arm in arms {
            for word in &arm.patterns {
                match expand::pattern(self, word) {
                    Ok(pattern) if pattern.matches(&text) => return self.run_list(&arm.body),
                    Ok(_) => {}
                    Err(error) => return self.fatal(&error),
                }
            }
        }
        Flow::OK
    }

    /// An expansion failed: prints it; the script ends, as in dash.
    pub(super) fn fatal(&mut self, error: &Error) -> Flow {
        self.fail(error.span, error.subject.as_deref(), &error.failure)
    }

    /// A redirection failed: prints it; the command did not run, the script goes on.
    pub(super) fn not_run(&mut self, error: &Error) -> Flow {
        self.report(error.span, error.subject.as_deref(), &error.failure);
        Flow::Status(error.failure.status())
    }
}

/// How a loop goes on after a turn.
enum Turn {
    Next,
    Leave(Flow),
}

fn turn(flow: Flow, status: &mut u8) -> Turn {
    match flow {
        Flow::Status(last) => {
            *status = last;
            Turn::Next
        }
        Flow::Continue(1) => {
            *status = 0;
            Turn::Next
        }
        Flow::Break(0 | 1) => Turn::Leave(Flow::OK),
        Flow::Break(levels) => Turn::Leave(Flow::Break(levels - 1)),
        Flow::Continue(levels) => Turn::Leave(Flow::Continue(levels.saturating_sub(1))),
        leaving => Turn::Leave(leaving),
    }
}
