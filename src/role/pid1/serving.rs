//! What PID 1 does about each thing that has happened. Invariant: nothing here waits.

use super::Init;
use super::sources::Source;
use crate::supervise::protocol::{Reply, Request};
use crate::supervise::server::Interest;
use crate::supervise::supervisor::Answer;
use crate::sys::crash as fatal;
use crate::time::Instant;

impl Init {
    /// Takes in what one descriptor has to say.
    pub(super) fn serve(&mut self, source: Source, now: Instant) {
        match source {
            Source::Signals => self.take_signals(now),
            Source::Listener => self.server.accept(now),
            Source::Doorbell => {
                self.server.answer_the_door(now);
                // The boot script may just have mounted something over the socket.
                self.look_after_socket(now);
            }
            Source::Client(id, Interest::HangUp) => self.server.close(id),
            Source::Client(id, Interest::Write) => self.server.flush(id),
            Source::Client(id, Interest::Read) => {
                if let Some(request) = self.server.read(id, now) {
                    fatal::serving(id);
                    self.supervisor.handed = self.server.take_handed();
                    match self.answer(request, now) {
                        Answer::Now(reply) => {
                            self.server.reply(id, &reply, now);
                            fatal::served(id);
                        }
                        Answer::Upgrade(path) => self.begin_upgrade(path, Some(id), now),
                        Answer::Later(waiting) => self.server.wait(id, waiting),
                        Answer::HandOver(order) => self.begin_hand_over(id, order, now),
                        Answer::Power(power, urgency) => {
                            self.server.reply(id, &Reply::Done, now);
                            fatal::served(id);
                            self.begin(power, urgency, now);
                        }
                    }
                }
            }
            Source::Executed(id) => self.supervisor.hear_executed(id, now),
            Source::Checked => self.hear_check(now),
            Source::Ready(id) => self.supervisor.hear_ready(id, now),
            Source::Notify(id) => self.supervisor.hear_notify(id, now),
            // All together: see `hear_logs`.
            Source::Log(_) => {}
        }
    }

    fn answer(&mut self, request: Request, now: Instant) -> Answer {
        match self.refused_in_rescue(&request) {
            Some(reply) => Answer::Now(reply),
            None => self.supervisor.request(request, now),
        }
    }

    pub(super) fn hear_logs(&mut self, ready: &[Source], now: Instant) {
        let log = |source: &Source| match source {
            Source::Log(id) => Some(*id),
            _ => None,
        };
        let logs: Vec<_> = ready.iter().filter_map(log).collect();
        if !logs.is_empty() {
            self.supervisor.hear_logs(&logs, now);
        }
    }

    /// Answers whoever has waited long enough.
    pub(super) fn answer_waiting(&mut self, now: Instant) {
        let table = &self.supervisor.table;
        let answers: Vec<_> = self
            .server
            .waiting()
            .filter_map(|(id, waiting)| Some((id, waiting.answer(table, now)?)))
            .collect();
        for (id, reply) in answers {
            self.server.reply(id, &reply, now);
        }
    }
}
