//! Kea's servers. Their members of the configuration are the test's; interface, lease file and log are
//! set here.

use std::fs;

use super::{Server, command};
use crate::dhcp_server::Scratch;
use crate::support::Namespace;

/// `kea-dhcp4` on an interface that is up; `members` are those of `Dhcp4`, in JSON: `"subnet4": […]`.
pub fn dhcp4(namespace: &Namespace, scratch: &Scratch, interface: &str, members: &str) -> Server {
    start(namespace, scratch, interface, members, '4')
}

/// `kea-dhcp6` on an interface that has a link-local address; `members` are those of `Dhcp6`.
pub fn dhcp6(namespace: &Namespace, scratch: &Scratch, interface: &str, members: &str) -> Server {
    start(namespace, scratch, interface, members, '6')
}

fn start(
    namespace: &Namespace,
    scratch: &Scratch,
    interface: &str,
    members: &str,
    family: char,
) -> Server {
    let name = format!("kea{family}-{}", namespace.name());
    let directory = scratch.path(&name);
    fs::create_dir_all(&directory).unwrap();
    let directory = directory.display();
    let output =
        r#""output_options": [ { "output": "stdout", "pattern": "%D{%H:%M:%S.%q} %m\n" } ]"#;
    // Kea would keep its DUID at a fixed place of this machine.
    let identifier: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    let identity = match family {
        '6' => format!(
            r#""server-id": {{ "type": "EN", "enterprise-id": 2495, "identifier": "{identifier}",
                 "persist": false }},"#
        ),
        _ => String::new(),
    };
    let config = format!(
        r#"{{ "Dhcp{family}": {{
  "interfaces-config": {{
    "interfaces": ["{interface}"],
    "service-sockets-max-retries": 300, "service-sockets-retry-wait-time": 50
  }},
  "lease-database": {{ "type": "memfile", "name": "{directory}/leases.csv", "lfc-interval": 0 }},
  "loggers": [
    {{ "name": "kea-dhcp{family}", "severity": "INFO", {output} }},
    {{ "name": "kea-dhcp{family}.packets", "severity": "DEBUG", "debuglevel": 55, {output} }}
  ],
  {identity}
  {members}
}} }}"#
    );
    let path = scratch.path(&format!("{name}.conf"));
    fs::write(&path, config).unwrap();
    let mut command = command(namespace, &format!("kea-dhcp{family}"));
    command.arg("-c").arg(path);
    for place in [
        "PIDFILE_DIR",
        "LOCKFILE_DIR",
        "DHCP_DATA_DIR",
        "LOG_FILE_DIR",
    ] {
        command.env(format!("KEA_{place}"), directory.to_string());
    }
    let log = scratch.path(&format!("{name}.log"));
    // Without a carrier it starts and does not listen: until the client is up, it tries again.
    Server::start(command, log, &format!("DHCP{family}_STARTED"))
}
