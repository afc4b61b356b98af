use super::*;

fn link(mac: [u8; 6]) -> Link {
    Link {
        name: "eth0".into(),
        mac: mac.to_vec(),
        hardware: 1,
        ..Link::default()
    }
}

const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

/// A directory that is removed when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("initsh-duid-{name}-{}", nix::unistd::getpid());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn choices() {
    for (text, expected) in [
        ("en:9:0c084000", "0002000000090c084000"),
        ("00:03:00:01:52:54", "000300015254"),
        ("0004ff", "0004ff"),
    ] {
        let expected = parse_hex(expected).unwrap();
        assert_eq!(Choice::parse(text), Ok(Choice::Exact(expected)), "{text}");
    }
    assert_eq!(Choice::parse("llt"), Ok(Choice::LinkLayerTime));
    let long = "00".repeat(131);
    for bad in [
        "", "x", "0004", "000", "en:", "en:1", "en:x:00", "LL", &long, "00 04 05",
    ] {
        assert!(Choice::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_uuid_is_read_in_the_order_of_its_text() {
    let scratch = Scratch::new("uuid");
    fs::create_dir_all(&scratch.0).unwrap();
    let path = scratch.0.join("product_uuid");
    fs::write(&path, "01234567-89AB-cdef-0123-456789abcdef\n").unwrap();
    let duid = firmware(&path).unwrap();
    assert_eq!(hex(&duid), "00040123456789abcdef0123456789abcdef");
    for bad in [
        "",
        "Not Settable",
        "00000000-0000-0000-0000-000000000000",
        "\u{1b}[2J",
    ] {
        fs::write(&path, bad).unwrap();
        let failure = firmware(&path).unwrap_err().to_string();
        assert!(!failure.contains('\u{1b}'), "{failure:?}");
    }
}

#[test]
fn without_a_disk_it_is_made_from_the_hardware_address() {
    let duid = obtain_in(&Choice::Kept, &link(MAC), None).unwrap();
    assert_eq!(hex(&duid), "00030001525400123456");
    assert!(obtain_in(&Choice::LinkLayerTime, &link(MAC), None).is_err());
}

#[test]
fn what_is_kept_is_used_again_unless_its_card_is_another_machines() {
    let scratch = Scratch::new("keep");
    let state = Some(scratch.0.as_path());
    let file = scratch.0.join("duid");
    // The loopback interface has this address in every namespace.
    let here = link([0; 6]);
    let first = obtain_in(&Choice::LinkLayerTime, &here, state).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), hex(&first) + "\n");
    let again = |choice| obtain_in(&choice, &here, state).unwrap();
    assert_eq!(again(Choice::LinkLayerTime), first);
    assert_eq!(again(Choice::Kept), first);
    // A disk that was cloned, and files that are none of ours.
    for other in ["00030001525400abcdef", "", "xyz", "0003", "\n\n"] {
        fs::write(&file, other).unwrap();
        assert_eq!(again(Choice::Kept), duid::link_layer(1, &[0; 6]), "{other}");
    }
    fs::write(&file, "0002000000090c084000").unwrap();
    assert_eq!(hex(&again(Choice::Kept)), "0002000000090c084000");
    assert_eq!(
        fs::read_dir(&scratch.0).unwrap().count(),
        1,
        "nothing is left behind"
    );
}

#[test]
fn identity_associations_have_numbers_of_their_own() {
    assert_eq!(iaid(&link(MAC), 0), 0x0012_3456);
    assert_eq!(iaid(&link(MAC), 2), 0x0212_3456);
    let vlan = |name: &str| Link {
        kind: Some("vlan".into()),
        name: name.into(),
        ..link(MAC)
    };
    let all = [
        iaid(&link(MAC), 0),
        iaid(&vlan("eth0.1"), 0),
        iaid(&vlan("eth0.2"), 0),
    ];
    assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
}
