use super::*;

fn lease() -> Lease {
    let times = |valid| Lifetimes {
        preferred: 1800,
        valid,
    };
    let delegated = |iaid, prefix: &str, excluded| DelegatedPrefix {
        iaid,
        prefix: prefix.parse().unwrap(),
        length: 56,
        times: times(7200),
        excluded,
    };
    Lease {
        server: vec![0, 3, 0, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56],
        addresses: vec![LeasedAddress {
            ip: "2001:db8::15".parse().unwrap(),
            times: times(3600),
        }],
        prefixes: vec![
            delegated(7, "2001:db8:1::", None),
            delegated(
                8,
                "2001:db8:2::",
                Some(("2001:db8:2:ff::".parse().unwrap(), 64)),
            ),
        ],
        renew: Some(900),
        rebind: Some(1440),
        other: Other {
            dns: vec!["2001:db8::1".parse().unwrap(), "fe80::1".parse().unwrap()],
            search: vec!["example.org".into(), "b.example".into()],
            ntp: vec!["2001:db8::2".parse().unwrap()],
            refresh: Some(86400),
            options: vec![(59, vec![b'$', 0, 0xff])],
        },
    }
}

fn holder() -> Holder {
    Holder {
        duid: vec![0, 4, 1, 2, 3],
        iaid: Some(u32::MAX),
    }
}

const SINCE: Instant = Instant::from_boot(Duration::from_millis(12_345));

#[test]
fn a_lease_comes_back_from_its_file() {
    let record = Record::parse(&of_lease(&lease(), SINCE, &holder()).text());
    assert_eq!(read(&record), Some((lease(), SINCE, holder())));
    let forever = Lease {
        addresses: vec![LeasedAddress {
            ip: "2001:db8::15".parse().unwrap(),
            times: Lifetimes {
                preferred: u32::MAX,
                valid: u32::MAX,
            },
        }],
        server: vec![0, 2, 1],
        ..Lease::default()
    };
    let record = of_lease(&forever, SINCE, &holder());
    assert_eq!(record.get("lease6"), Some(INFINITE));
    assert_eq!(read(&record).map(|(lease, ..)| lease), Some(forever));
}

#[test]
fn in_one_line() {
    let record = of_lease(&lease(), SINCE, &holder());
    assert_eq!(
        summary(&record),
        "2001:db8::15, prefix 2001:db8:1::/56 2001:db8:2::/56, dns 2001:db8::1 fe80::1, lease 3600 s \
         from 00030001525400123456"
    );
    let other = of_other(&lease().other, SINCE, &holder());
    assert_eq!(summary(&other), "dns 2001:db8::1 fe80::1");
    assert_eq!(read(&other), None);
    let nothing = of_other(&Other::default(), SINCE, &holder());
    assert!(summary(&nothing).contains("nothing"));
}

#[test]
fn nonsense_is_no_lease() {
    let good = of_lease(&lease(), SINCE, &holder());
    for (key, value) in [
        ("server6", ""),
        ("server6", "00"),
        ("duid", "xyz"),
        ("renewed", "-1"),
        ("addresses", "2001:db8::15"),
        ("addresses", "2001:db8::15,1,2,3"),
        ("addresses", "10.0.0.1,1,2"),
        ("delegations", "2001:db8::/56"),
        ("delegations", "2001:db8::/129,1,2,3"),
        ("dns6", "$(reboot)"),
    ] {
        let mut bad = good.clone();
        bad.set(key, value);
        assert_eq!(read(&bad), None, "{key}={value}");
    }
    assert_eq!(read(&Record::default()), None);
}

#[test]
fn only_what_is_valid_is_taken_up_again() {
    let after = |seconds| still_valid(lease(), SINCE, SINCE + Duration::from_secs(seconds));
    assert_eq!(after(3599), Some(lease()));
    let later = after(3600).unwrap();
    assert!(later.addresses.is_empty() && later.prefixes.len() == 2);
    assert_eq!(after(7200), None);
    assert_eq!(
        still_valid(lease(), SINCE, Instant::BOOT),
        None,
        "another boot's"
    );
}
