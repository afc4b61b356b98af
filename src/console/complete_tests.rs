//! Completion against a machine made up for the purpose.

use super::*;

struct Machine;

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

impl Sources for Machine {
    fn commands(&self, prefix: &str) -> Vec<String> {
        let mut names: Vec<String> = cmd::COMMANDS.iter().map(|c| c.name.to_owned()).collect();
        names.extend(owned(&["modinfo"]));
        names.retain(|name| name.starts_with(prefix));
        names
    }
    fn paths(&self, prefix: &str, directories_only: bool) -> Vec<String> {
        let mut names = owned(&["/dev/", "/dev/vda", "/my file", "it's", "notes.txt"]);
        names.retain(|name| name.starts_with(prefix) && (!directories_only || name.ends_with('/')));
        names
    }
    fn interfaces(&self) -> Vec<String> {
        owned(&["eth0", "eth1", "lo"])
    }
    fn settings(&self) -> Vec<String> {
        owned(&["cmdline.root", "net.eth0.ip4"])
    }
    fn variables(&self) -> Vec<String> {
        owned(&["HOME", "PATH", "PWD"])
    }
    fn services(&self) -> Vec<String> {
        owned(&["dhcp4.eth0", "web"])
    }
    fn modules(&self, loaded: bool) -> Vec<String> {
        owned(if loaded { &["tun"] } else { &["9p", "tun"] })
    }
}

/// The line after each candidate was taken.
fn lines(line: &str) -> Vec<String> {
    let found = complete(line, line.len(), &Machine);
    let head = &line[..found.start];
    found
        .candidates
        .iter()
        .map(|c| format!("{head}{}", c.inserted))
        .collect()
}

#[test]
fn commands_where_a_command_stands() {
    assert_eq!(lines("modp"), ["modprobe "]);
    assert_eq!(lines("mod"), ["modinfo ", "modprobe "]);
    assert_eq!(lines("dhcp"), ["dhcp4 ", "dhcp6 "]);
    for before in [
        "",
        "true; ",
        "true && ",
        "true | ",
        "( ",
        "if ",
        "while true; do ",
        "! ",
        "A=b ",
    ] {
        assert_eq!(lines(&format!("{before}sla")), [format!("{before}slaac ")]);
    }
    assert_eq!(
        lines("mknod --mode=x 2>&1; sla"),
        ["mknod --mode=x 2>&1; slaac "]
    );
}

#[test]
fn commands_that_run_commands() {
    assert_eq!(lines("retry -n 3 modp"), ["retry -n 3 modprobe "]);
    assert_eq!(lines("timeout 5 retry rmm"), ["timeout 5 retry rmmod "]);
    assert_eq!(lines("timeout 5 rmmod t"), ["timeout 5 rmmod tun "]);
    let many = "retry ".repeat(20_000);
    assert!(!complete(&many, many.len(), &Machine).candidates.is_empty());
}

#[test]
fn paths_elsewhere_and_after_redirections() {
    assert_eq!(lines("no-such-command no"), ["no-such-command notes.txt "]);
    assert_eq!(lines("echo >no"), ["echo >notes.txt "]);
    assert_eq!(lines("echo 2> /dev/v"), ["echo 2> /dev/vda "]);
    assert_eq!(lines("/de"), ["/dev/", "/dev/vda "]);
}

#[test]
fn what_needs_quoting_is_quoted() {
    assert_eq!(lines("x /my"), ["x /my\\ file "]);
    assert_eq!(lines("x \"/my"), ["x \"/my file\" "]);
    assert_eq!(lines("x '/my f"), ["x '/my file' "]);
    assert_eq!(lines("x /my\\ f"), ["x /my\\ file "]);
    assert_eq!(lines("x it"), ["x it\\'s "]);
    assert_eq!(lines("x 'it"), ["x 'it'\\''s' "]);
    assert_eq!(lines("x \"/de"), ["x \"/dev/", "x \"/dev/vda\" "]);
}

#[test]
fn variables_and_settings() {
    assert_eq!(lines("echo $P"), ["echo $PATH", "echo $PWD"]);
    assert_eq!(lines("echo ${HO"), ["echo ${HOME}"]);
    assert_eq!(lines("echo \"at ${net."), ["echo \"at ${net.eth0.ip4}"]);
    assert_eq!(lines("echo $cmd"), ["echo ${cmdline.root}"]);
    assert!(lines("echo '$P").is_empty());
    assert!(lines("echo ${HOME}x").is_empty());
}

#[test]
fn the_registry_says_what_an_operand_is() {
    for command in cmd::COMMANDS {
        let line = format!("{} ", command.name);
        let all = complete(&line, line.len(), &Machine).candidates;
        let has = |name: &str| all.iter().any(|c| c.shown == name);
        match command.operands {
            Operand::Interface | Operand::InterfaceAfter(_) => assert!(has("eth0"), "{line}"),
            Operand::Command => assert!(has("dhcp4"), "{line}"),
            Operand::Setting => assert!(has("net.eth0.ip4"), "{line}"),
            Operand::Service => assert!(has("web"), "{line}"),
            Operand::Module => assert!(has("tun"), "{line}"),
            Operand::Words(words) => assert!(words.iter().all(|word| has(word)), "{line}"),
            _ => {}
        }
        for option in command.options.iter().filter(|o| !o.long.is_empty()) {
            let wanted = format!("--{} ", option.long);
            let half = format!("{} --{}", command.name, &option.long[..1]);
            let found = complete(&half, half.len(), &Machine).candidates;
            assert!(found.iter().any(|c| c.inserted == wanted), "{half}");
        }
    }
}

#[test]
fn any_line_and_any_cursor() {
    let odd = "a'b \"c$ ${d ü\\ >| ;; && $(( `x` --é=\n";
    for at in (0..=odd.len()).filter(|&at| odd.is_char_boundary(at)) {
        let found = complete(odd, at, &Machine);
        assert!(found.start <= at);
    }
    assert!(complete("", 0, &Machine).candidates.len() > 10);
}
