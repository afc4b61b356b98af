//! The control socket as a client sees it: the only way in which other roles talk to PID 1.

use std::time::Duration;

use super::spec::ServiceSpec;
use crate::failure::Failure;

/// A connection to PID 1.
pub struct Client {}

/// One service as `services` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceInfo {
    /// Its name.
    pub name: String,
    /// `Running`, `Backoff`, …
    pub state: String,
    /// Why it is in that state, in words; may be empty.
    pub reason: String,
    /// Its process, if there is one.
    pub pid: Option<i32>,
}

impl Client {
    /// Connects to the PID 1 that this process belongs to; `None` where there is none to ask (a desk,
    /// a container without initsh).
    ///
    /// Errors: there is one, but it refuses or does not answer.
    pub fn connect() -> Result<Option<Self>, Failure> {
        Ok(None)
    }

    /// Hands PID 1 a service and has it started; its process's pid.
    ///
    /// Errors: the name is taken, the program cannot be executed.
    pub fn spawn(&mut self, _spec: &ServiceSpec) -> Result<ServiceInfo, Failure> {
        Err(Failure::new("no PID 1 to ask"))
    }

    /// Waits until the service is ready, has failed, or the time is over; its state then.
    pub fn wait_ready(&mut self, _name: &str, _timeout: Duration) -> Result<ServiceInfo, Failure> {
        Err(Failure::new("no PID 1 to ask"))
    }

    /// Stops a service and waits until its process is gone, `timeout` at most.
    pub fn stop(&mut self, _name: &str, _timeout: Duration) -> Result<(), Failure> {
        Err(Failure::new("no PID 1 to ask"))
    }

    /// Every service, sorted by name.
    pub fn services(&mut self) -> Result<Vec<ServiceInfo>, Failure> {
        Ok(Vec::new())
    }
}
