//! The settings `svc.NAME.pid`, `.state` and `.status`: what PID 1 says of a service when asked.

use super::client::{Client, ServiceInfo};
use crate::script::settings::Branch;
use crate::sort;

/// `${svc.web.pid}`
pub const SETTINGS: Branch = Branch {
    name: "svc",
    summary: "services: NAME.pid, NAME.state, NAME.status (the last exit status)",
    get,
    list,
};

const KEYS: &[&str] = &["pid", "state", "status"];

fn connect() -> Option<Client> {
    Client::connect().ok().flatten()
}

fn get(name: &str) -> Option<Vec<u8>> {
    // A service's name may contain dots.
    let (name, key) = name.rsplit_once('.')?;
    if !KEYS.contains(&key) {
        return None;
    }
    let service = connect()?.find(name).ok()??;
    value(&service, key)
}

fn list() -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let asked = connect().and_then(|mut client| client.services().ok());
    for service in asked.unwrap_or_default() {
        for key in KEYS {
            if let Some(value) = value(&service, key) {
                all.push((format!("{}.{key}", service.name), value));
            }
        }
    }
    sort::sort(&mut all);
    all
}

fn value(service: &ServiceInfo, key: &str) -> Option<Vec<u8>> {
    match key {
        "pid" => service.pid.map(|pid| pid.to_string().into_bytes()),
        "state" => Some(service.state.clone().into_bytes()),
        "status" => service
            .exit
            .map(|exit| exit.status().to_string().into_bytes()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::child::Exit;
    use crate::time::Instant;

    #[test]
    fn values_of_a_service() {
        let service = ServiceInfo {
            name: "dhcp4.eth0".into(),
            state: "Backoff".into(),
            ready: false,
            reason: String::new(),
            pid: None,
            exit: Some(Exit::Signal(15)),
            starts: 1,
            since: Instant::BOOT,
            needs: vec![],
            after: vec![],
            critical: false,
        };
        assert_eq!(value(&service, "state"), Some(b"Backoff".to_vec()));
        assert_eq!(value(&service, "status"), Some(b"143".to_vec()));
        assert_eq!(value(&service, "pid"), None);
    }
}
